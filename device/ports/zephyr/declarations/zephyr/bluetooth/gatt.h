// Of Zephyr's GATT server, the declarations that the glue uses.
#pragma once
#include <stdbool.h>
#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/uuid.h>

#define BT_ATT_ERR_INVALID_OFFSET 0x07
#define BT_GATT_ERR(error) (-(error))
#define BT_GATT_PERM_READ 1
#define BT_GATT_PERM_WRITE 2
#define BT_GATT_CHRC_READ 0x02
#define BT_GATT_CHRC_WRITE_WITHOUT_RESP 0x04
#define BT_GATT_CHRC_WRITE 0x08
#define BT_GATT_CHRC_NOTIFY 0x10
#define BT_GATT_CCC_NOTIFY 1

struct bt_gatt_attr;
typedef ssize_t (*bt_gatt_attr_read_func_t)(struct bt_conn* conn, const struct bt_gatt_attr* attr, void* buffer,
                                            uint16_t size, uint16_t offset);
typedef ssize_t (*bt_gatt_attr_write_func_t)(struct bt_conn* conn, const struct bt_gatt_attr* attr,
                                             const void* value, uint16_t size, uint16_t offset, uint8_t flags);
struct bt_gatt_attr {
  const struct bt_uuid* uuid;
  bt_gatt_attr_read_func_t read;
  bt_gatt_attr_write_func_t write;
  void* user_data;
  uint16_t handle;
  uint16_t perm;
};
struct bt_gatt_service_static {
  const struct bt_gatt_attr* attrs;
  size_t attr_count;
};
struct _bt_gatt_ccc {
  void (*cfg_changed)(const struct bt_gatt_attr* attr, uint16_t value);
  ssize_t (*cfg_write)(struct bt_conn* conn, const struct bt_gatt_attr* attr, uint16_t value);
  bool (*cfg_match)(struct bt_conn* conn, const struct bt_gatt_attr* attr);
};
#define BT_GATT_CCC_INITIALIZER(changed, written, match) \
  { changed, written, match }
#define BT_GATT_PRIMARY_SERVICE(service) \
  { service, 0, 0, 0, 0, BT_GATT_PERM_READ }
#define BT_GATT_CHARACTERISTIC(uuid, properties, permissions, reader, writer, data) \
  {0, 0, 0, 0, 0, properties}, {                                                    \
    uuid, reader, writer, data, 0, permissions                                      \
  }
#define BT_GATT_CCC_MANAGED(ccc, permissions) \
  { 0, 0, 0, ccc, 0, permissions }
#define BT_GATT_SERVICE_DEFINE(name, ...)                  \
  const struct bt_gatt_attr attr_##name[] = {__VA_ARGS__}; \
  const struct bt_gatt_service_static name = {attr_##name, sizeof(attr_##name) / sizeof(attr_##name[0])}

uint16_t bt_gatt_get_mtu(struct bt_conn* conn);
int bt_gatt_notify(struct bt_conn* conn, const struct bt_gatt_attr* attr, const void* data, uint16_t size);
ssize_t bt_gatt_attr_read(struct bt_conn* conn, const struct bt_gatt_attr* attr, void* buffer, uint16_t buffer_size,
                          uint16_t offset, const void* value, uint16_t value_size);
