// Of Zephyr's hardware information, the declaration that the glue uses.
#pragma once
#include <zephyr/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif
#define RESET_WATCHDOG (1u << 4)
int hwinfo_get_reset_cause(uint32_t* cause);
int hwinfo_clear_reset_cause(void);
ssize_t hwinfo_get_device_id(uint8_t* buffer, size_t length);
#ifdef __cplusplus
}
#endif
