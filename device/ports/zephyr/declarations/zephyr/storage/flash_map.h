// Of Zephyr's flash map, the declarations that the glue uses.
#pragma once
#include <zephyr/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif
struct device;
struct flash_area {
  uint8_t fa_id;
  off_t fa_off;
  size_t fa_size;
  const struct device* fa_dev;
};
#define FIXED_PARTITION_ID(label) 1
int flash_area_open(uint8_t id, const struct flash_area** area);
int flash_area_read(const struct flash_area* area, off_t offset, void* to, size_t size);
int flash_area_write(const struct flash_area* area, off_t offset, const void* from, size_t size);
int flash_area_erase(const struct flash_area* area, off_t offset, size_t size);
uint32_t flash_area_align(const struct flash_area* area);
uint8_t flash_area_erased_val(const struct flash_area* area);
const struct device* flash_area_get_device(const struct flash_area* area);
#ifdef __cplusplus
}
#endif
