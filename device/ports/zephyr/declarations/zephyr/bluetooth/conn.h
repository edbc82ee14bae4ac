// Of Zephyr's connections, the declarations that the glue uses.
#pragma once
#include <zephyr/kernel.h>

struct bt_conn;
struct bt_conn_cb {
  void (*connected)(struct bt_conn* conn, uint8_t error);
  void (*disconnected)(struct bt_conn* conn, uint8_t reason);
};
#define BT_CONN_CB_DEFINE(name) const struct bt_conn_cb name __attribute__((used))
struct bt_conn* bt_conn_ref(struct bt_conn* conn);
void bt_conn_unref(struct bt_conn* conn);
uint8_t bt_conn_index(const struct bt_conn* conn);
