/* Between Zephyr's GATT tables, which are C macros, and the glue in C++. Everything here is called on the Bluetooth
   thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Implemented by roost_zephyr.cc. Connections are named by bt_conn_index. */
void roost_on_connected(uint8_t conn, uint16_t att_mtu);
void roost_on_disconnected(uint8_t conn);
void roost_on_subscribed(uint8_t conn, bool on);
uint8_t roost_on_control(uint8_t conn, const uint8_t* value, uint16_t size); /* an ATT error, 0: none */
void roost_on_data(uint8_t conn, const uint8_t* value, uint16_t size);
/* Copies a picture of Info that belongs to no moment but its own; its size. */
uint16_t roost_copy_info(uint8_t* out, uint16_t size);

/* Implemented by roost_gatt.c. False: the stack is full, or nobody is connected. */
bool roost_notify(uint8_t conn, const uint8_t* value, uint16_t size);

#ifdef __cplusplus
}
#endif
