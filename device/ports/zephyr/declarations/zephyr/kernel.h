// Of Zephyr, the declarations that the glue uses: enough to compile it without the tree. Kernel and configuration.
#pragma once
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_BT_MAX_CONN 1
#define CONFIG_FLASH_BASE_ADDRESS 0
#define CONFIG_ROOST_ARENA_BYTES 49152
#define CONFIG_ROOST_RING_BYTES 4096
#define CONFIG_ROOST_HARDWARE "nrf52840dk_nrf52840"

typedef struct {
  int64_t ticks;
} k_timeout_t;
#ifdef __cplusplus
#define K_FOREVER (k_timeout_t{-1})
extern "C" {
#endif
struct k_mutex {
  void* owner;
};
int k_mutex_init(struct k_mutex* mutex);
int k_mutex_lock(struct k_mutex* mutex, k_timeout_t timeout);
int k_mutex_unlock(struct k_mutex* mutex);
uint32_t k_uptime_get_32(void);
#ifdef __cplusplus
}
#endif
