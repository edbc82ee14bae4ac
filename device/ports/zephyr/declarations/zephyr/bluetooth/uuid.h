// Of Zephyr's UUIDs, the declarations that the glue uses.
#pragma once
#include <stdint.h>

struct bt_uuid {
  uint8_t type;
};
struct bt_uuid_128 {
  struct bt_uuid uuid;
  uint8_t val[16];
};
#define BT_BYTES_LE(v, n) (uint8_t)((uint64_t)(v) >> (8 * (n)))
#define BT_UUID_128_ENCODE(a, b, c, d, e)                                                            \
  BT_BYTES_LE(e, 0), BT_BYTES_LE(e, 1), BT_BYTES_LE(e, 2), BT_BYTES_LE(e, 3), BT_BYTES_LE(e, 4),     \
      BT_BYTES_LE(e, 5), BT_BYTES_LE(d, 0), BT_BYTES_LE(d, 1), BT_BYTES_LE(c, 0), BT_BYTES_LE(c, 1), \
      BT_BYTES_LE(b, 0), BT_BYTES_LE(b, 1), BT_BYTES_LE(a, 0), BT_BYTES_LE(a, 1), BT_BYTES_LE(a, 2), \
      BT_BYTES_LE(a, 3)
#define BT_UUID_DECLARE_128(...) ((struct bt_uuid*)((struct bt_uuid_128[]){{{2}, {__VA_ARGS__}}}))
