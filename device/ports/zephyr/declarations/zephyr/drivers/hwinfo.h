// Of Zephyr's hardware information, the declaration that the glue uses.
#pragma once
#include <zephyr/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif
ssize_t hwinfo_get_device_id(uint8_t* buffer, size_t length);
#ifdef __cplusplus
}
#endif
