#include "roost_zephyr.h"

#include <string.h>
#include <zephyr/drivers/flash.h>
#include <zephyr/drivers/hwinfo.h>

#include "roost_gatt.h"

namespace roost {
namespace zephyr {
namespace {

using storage::Error;

constexpr uint32_t kInfoFreshMs = 200;

uint32_t now_ms() {
  return k_uptime_get_32();
}

// Causes add up in some parts until they are cleared, so that a watchdog of long ago would be told again.
storage::ResetCause reset_cause() {
  uint32_t causes = 0;
  const bool known = hwinfo_get_reset_cause(&causes) == 0;
  (void)hwinfo_clear_reset_cause();
  return known && (causes & RESET_WATCHDOG) != 0 ? storage::ResetCause::kWatchdog : storage::ResetCause::kOther;
}

runtime::GateInput gate() {
  runtime::GateInput input;
  input.kernels = roost_kernels();
  input.limits.arena_bytes = CONFIG_ROOST_ARENA_BYTES;
  return input;
}

}  // namespace

// ---- flash ----

PartitionFlash::PartitionFlash() {
  if (flash_area_open(FIXED_PARTITION_ID(roost_partition), &area_) != 0) {
    area_ = nullptr;
    return;
  }
  struct flash_pages_info page = {};
  if (flash_get_page_info_by_offs(flash_area_get_device(area_), area_->fa_off, &page) != 0) {
    area_ = nullptr;
    return;
  }
  mapped_ = reinterpret_cast<const uint8_t*>(static_cast<uintptr_t>(CONFIG_FLASH_BASE_ADDRESS + area_->fa_off));
  const uint32_t write_size = flash_area_align(area_);
  geometry_.size_bytes = static_cast<uint32_t>(area_->fa_size);
  geometry_.erase_block_bytes = static_cast<uint32_t>(page.size);
  geometry_.program_unit_bytes = static_cast<uint16_t>(write_size < 4 ? 4 : write_size);
  geometry_.erased_value = flash_area_erased_val(area_);
  geometry_.programs_per_unit = 1;  // the flash map does not say more
  geometry_.busy_reads = storage::BusyReads::kStall;
  geometry_.erase_slices = 1;
  geometry_.erase_block_us = 85000;
  geometry_.program_unit_us = 41;
}

bool PartitionFlash::inside(uint32_t offset, size_t size, uint32_t alignment) const {
  return offset % alignment == 0 && size % alignment == 0 && offset <= geometry_.size_bytes &&
         size <= geometry_.size_bytes - offset;
}

storage::Status PartitionFlash::read(uint32_t offset, MutableBytes out) {
  if (!inside(offset, out.size(), 1)) return Error::kMisuse;
  return flash_area_read(area_, static_cast<off_t>(offset), out.data(), out.size()) == 0 ? Error::kNone
                                                                                         : Error::kReadFailed;
}

storage::Status PartitionFlash::program(uint32_t offset, Bytes bytes) {
  if (!inside(offset, bytes.size(), geometry_.program_unit_bytes)) return Error::kMisuse;
  const int result = flash_area_write(area_, static_cast<off_t>(offset), bytes.data(), bytes.size());
  if (result == -EBUSY || result == -EAGAIN) return Error::kFlashBusy;
  const bool good = result == 0 && memcmp(mapped_ + offset, bytes.data(), bytes.size()) == 0;
  return good ? Error::kNone : Error::kProgramFailed;
}

storage::Status PartitionFlash::erase(uint32_t block_offset) {
  if (!inside(block_offset, geometry_.erase_block_bytes, geometry_.erase_block_bytes)) return Error::kMisuse;
  const int result = flash_area_erase(area_, static_cast<off_t>(block_offset), geometry_.erase_block_bytes);
  if (result == -EBUSY || result == -EAGAIN) return Error::kFlashBusy;
  return result == 0 ? Error::kNone : Error::kEraseFailed;
}

storage::Result<bool> PartitionFlash::erase_slice(uint32_t block_offset) {
  const storage::Status status = erase(block_offset);
  if (!status.ok()) return status.error();
  return true;
}

// ---- device ----

Device& Device::instance() {
  static Device device;
  return device;
}

device::AgentConfig Device::config() {
  device::AgentConfig config;
  config.flash = &flash_;
  config.digest = &digest_;
  config.engine_a = &engine_a_;
  config.engine_b = &engine_b_;
  config.notifier = this;
  (void)hwinfo_get_device_id(config.device_id.data(), config.device_id.size());
  config.acceptance.hardware = CONFIG_ROOST_HARDWARE;
  config.acceptance.kernels = roost_kernels();
  config.store.chunk_bytes = static_cast<uint16_t>(
      flash_.geometry().erase_block_bytes < 4096 ? flash_.geometry().erase_block_bytes : 4096);
  config.receiver.ring = MutableBytes(ring_);
  config.arena = MutableBytes(arena_);
  config.store_scratch = MutableBytes(store_scratch_);
  return config;
}

Device::Device()
    : engine_a_(gate()),
      engine_b_(gate()),
      config_(config()),
      agent_(config_),
      server_(agent_, MutableBytes(info_)) {
  k_mutex_init(&latest_lock_);
}

bool Device::start() {
  if (!flash_.ok() || !agent_.start(reset_cause(), now_ms()).ok()) return false;
  refresh_info();
  return true;
}

bool Device::poll() {
  const bool more = agent_.poll(now_ms());
  if (now_ms() - refreshed_at_ms_ >= kInfoFreshMs) refresh_info();
  return more;
}

// Info is made on this thread and read on Bluetooth's.
void Device::refresh_info() {
  refreshed_at_ms_ = now_ms();
  const Bytes value = server_.read_info(0, refreshed_at_ms_);
  k_mutex_lock(&latest_lock_, K_FOREVER);
  memcpy(latest_, value.data(), value.size());
  latest_size_ = static_cast<uint16_t>(value.size());
  k_mutex_unlock(&latest_lock_);
}

uint16_t Device::copy_info(MutableBytes out) {
  k_mutex_lock(&latest_lock_, K_FOREVER);
  const uint16_t size = latest_size_ < out.size() ? latest_size_ : static_cast<uint16_t>(out.size());
  memcpy(out.data(), latest_, size);
  k_mutex_unlock(&latest_lock_);
  return size;
}

bool Device::notify(uint16_t conn, Bytes value) {
  return roost_notify(static_cast<uint8_t>(conn), value.data(), static_cast<uint16_t>(value.size()));
}

}  // namespace zephyr
}  // namespace roost

using roost::Bytes;
using roost::device::GattCharacteristic;
using roost::zephyr::Device;

extern "C" {

void roost_on_connected(uint8_t conn, uint16_t att_mtu) {
  Device::instance().server().on_connect(conn, att_mtu);
}
void roost_on_disconnected(uint8_t conn) {
  Device::instance().server().on_disconnect(conn);
}
void roost_on_subscribed(uint8_t conn, bool on) {
  Device::instance().server().on_subscribe(conn, on);
}

uint8_t roost_on_control(uint8_t conn, const uint8_t* value, uint16_t size) {
  return static_cast<uint8_t>(
      Device::instance().server().on_write(conn, GattCharacteristic::kControl, Bytes(value, size)));
}

void roost_on_data(uint8_t conn, const uint8_t* value, uint16_t size) {
  (void)Device::instance().server().on_write(conn, GattCharacteristic::kData, Bytes(value, size));
}

uint16_t roost_copy_info(uint8_t* out, uint16_t size) {
  return Device::instance().copy_info(roost::MutableBytes(out, size));
}

}  // extern "C"
