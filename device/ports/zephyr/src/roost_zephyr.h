// Roost on Zephyr: GATT server, flash map and clock for one device.
//
//   roost::zephyr::Device& device = roost::zephyr::Device::instance();   // kernels: roost_kernels()
//   device.start();                       // after bt_enable
//   for (;;) { device.poll(); if (device.agent().serving() && sample()) device.agent().invoke(); k_msleep(1); }
//
// The application defines roost_kernels(): the operators it wants linked. start, poll, invoke and tensors belong to
// one thread. Erasing stops a single-core part; Zephyr's flash driver synchronises with its own radio.
#pragma once

#include <zephyr/kernel.h>
#include <zephyr/storage/flash_map.h>

#include "device/ports/common/gatt_server.h"
#include "device/ports/common/sha256.h"
#include "runtime/interpreter.h"

roost::runtime::KernelList roost_kernels();

namespace roost {
namespace zephyr {

// storage::Flash over the partition labelled roost_partition; block and write size are asked of the driver.
class PartitionFlash final : public storage::Flash {
 public:
  PartitionFlash();
  bool ok() const { return area_ != nullptr; }
  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return mapped_; }
  storage::Status read(uint32_t offset, MutableBytes out) override;
  storage::Status program(uint32_t offset, Bytes bytes) override;
  storage::Status erase(uint32_t block_offset) override;
  storage::Result<bool> erase_slice(uint32_t block_offset) override;

 private:
  bool inside(uint32_t offset, size_t size, uint32_t alignment) const;

  const struct flash_area* area_ = nullptr;
  const uint8_t* mapped_ = nullptr;
  storage::FlashGeometry geometry_ = {};
};

class Device final : public device::Notifier {
 public:
  static Device& instance();

  // False: no such partition, or one too small for two models.
  bool start();
  // One slice of whatever there is to do. True: there is more at once.
  bool poll();
  device::DeliveryAgent& agent() { return agent_; }

  bool notify(uint16_t conn, Bytes value) override;

  // For roost_gatt.c.
  device::GattServer& server() { return server_; }
  uint16_t copy_info(MutableBytes out);

 private:
  Device();
  device::AgentConfig config();
  void refresh_info();

  PartitionFlash flash_;
  device::SoftwareSha256 digest_;
  runtime::Interpreter engine_a_;
  runtime::Interpreter engine_b_;
  alignas(16) uint8_t arena_[CONFIG_ROOST_ARENA_BYTES];
  alignas(8) uint8_t ring_[CONFIG_ROOST_RING_BYTES];
  uint8_t store_scratch_[256];
  uint8_t info_[protocol::kInfoBytesMax];    // being made, on the agent's thread
  uint8_t latest_[protocol::kInfoBytesMax];  // made, under the lock
  uint16_t latest_size_ = 0;
  uint32_t refreshed_at_ms_ = 0;
  struct k_mutex latest_lock_;
  device::AgentConfig config_;
  device::DeliveryAgent agent_;
  device::GattServer server_;
};

}  // namespace zephyr
}  // namespace roost
