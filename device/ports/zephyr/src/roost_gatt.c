/* The service as Zephyr's GATT server knows it. */
#include "roost_gatt.h"

#include <zephyr/bluetooth/bluetooth.h>
#include <zephyr/bluetooth/conn.h>
#include <zephyr/bluetooth/gatt.h>
#include <zephyr/bluetooth/uuid.h>

enum { kInfoBytesMax = 512, kControlAttribute = 4 };

#define ROOST_UUID(number) \
  BT_UUID_DECLARE_128(BT_UUID_128_ENCODE(0xe5a10000 + (number), 0x3c7d, 0x4f2a, 0x9b60, 0x726f6f737431))

/* One picture for all pieces of a long read: taken at offset 0. */
static uint8_t info[kInfoBytesMax];
static uint16_t info_size;

static struct bt_conn* connections[CONFIG_BT_MAX_CONN];

static ssize_t read_info(struct bt_conn* conn, const struct bt_gatt_attr* attr, void* buffer, uint16_t size,
                         uint16_t offset) {
  if (offset == 0) info_size = roost_copy_info(info, sizeof(info));
  return bt_gatt_attr_read(conn, attr, buffer, size, offset, info, info_size);
}

static ssize_t write_control(struct bt_conn* conn, const struct bt_gatt_attr* attr, const void* value, uint16_t size,
                             uint16_t offset, uint8_t flags) {
  (void)attr, (void)flags;
  if (offset != 0) return BT_GATT_ERR(BT_ATT_ERR_INVALID_OFFSET);
  const uint8_t error = roost_on_control(bt_conn_index(conn), value, size);
  return error != 0 ? BT_GATT_ERR(error) : size;
}

static ssize_t write_data(struct bt_conn* conn, const struct bt_gatt_attr* attr, const void* value, uint16_t size,
                          uint16_t offset, uint8_t flags) {
  (void)attr, (void)offset, (void)flags;
  roost_on_data(bt_conn_index(conn), value, size);
  return size;
}

static ssize_t subscribe(struct bt_conn* conn, const struct bt_gatt_attr* attr, uint16_t value) {
  (void)attr;
  roost_on_subscribed(bt_conn_index(conn), value == BT_GATT_CCC_NOTIFY);
  return sizeof(value);
}

/* Zephyr 3.7 and newer have the macro; its successor renames what the older ones need in its place. */
#ifndef BT_GATT_CCC_WITH_WRITE_CB
#define BT_GATT_CCC_WITH_WRITE_CB(changed, written, permissions) \
  BT_GATT_CCC_MANAGED(((struct _bt_gatt_ccc[]){BT_GATT_CCC_INITIALIZER(changed, written, NULL)}), permissions)
#endif

/* clang-format off */
BT_GATT_SERVICE_DEFINE(roost_service,
  BT_GATT_PRIMARY_SERVICE(ROOST_UUID(1)),
  BT_GATT_CHARACTERISTIC(ROOST_UUID(2), BT_GATT_CHRC_READ, BT_GATT_PERM_READ, read_info, NULL, NULL),
  BT_GATT_CHARACTERISTIC(ROOST_UUID(3), BT_GATT_CHRC_WRITE | BT_GATT_CHRC_NOTIFY, BT_GATT_PERM_WRITE, NULL,
                         write_control, NULL),
  BT_GATT_CCC_WITH_WRITE_CB(NULL, subscribe, BT_GATT_PERM_READ | BT_GATT_PERM_WRITE),
  BT_GATT_CHARACTERISTIC(ROOST_UUID(4), BT_GATT_CHRC_WRITE_WITHOUT_RESP, BT_GATT_PERM_WRITE, NULL, write_data,
                         NULL));
/* clang-format on */

static void on_connected(struct bt_conn* conn, uint8_t error) {
  if (error != 0) return;
  connections[bt_conn_index(conn)] = bt_conn_ref(conn);
  roost_on_connected(bt_conn_index(conn), bt_gatt_get_mtu(conn));
}

static void on_disconnected(struct bt_conn* conn, uint8_t reason) {
  (void)reason;
  const uint8_t index = bt_conn_index(conn);
  if (connections[index] == NULL) return;
  roost_on_disconnected(index);
  bt_conn_unref(connections[index]);
  connections[index] = NULL;
}

BT_CONN_CB_DEFINE(roost_connection_callbacks) = {
    .connected = on_connected,
    .disconnected = on_disconnected,
};

bool roost_notify(uint8_t conn, const uint8_t* value, uint16_t size) {
  struct bt_conn* const connection = connections[conn];
  return connection != NULL &&
         bt_gatt_notify(connection, &roost_service.attrs[kControlAttribute], value, size) == 0;
}
