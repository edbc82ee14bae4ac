// Of Zephyr's flash driver, the declarations that the glue uses.
#pragma once
#include <zephyr/kernel.h>

#ifdef __cplusplus
extern "C" {
#endif
struct device;
struct flash_pages_info {
  off_t start_offset;
  size_t size;
  uint32_t index;
};
int flash_get_page_info_by_offs(const struct device* device, off_t offset, struct flash_pages_info* info);
#ifdef __cplusplus
}
#endif
