// Roost for Arduino boards with ArduinoBLE and mbed's FlashIAP (Nano 33 BLE): models come over Bluetooth, stay in
// flash, and run.
//
//   ROOST_REGION(models, 256);                           // kB of flash for models
//   RoostDevice<48 * 1024> roost(models, kKernels);      // bytes of memory for the running model
//
//   void setup() { roost.begin("my board"); }
//   void loop() {
//     roost.poll();
//     if (roost.serving()) {
//       ... fill roost.input(0).bytes ...
//       if (roost.invoke()) ... roost.output(0).bytes ...
//     }
//   }
#pragma once

#include "device/agent/delivery_agent.h"
#include "device/ports/common/gatt_server.h"
#include "device/ports/common/sha256.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "storage/region.h"

// Reserves flash for models inside the sketch's image. A new upload of the sketch empties it.
#define ROOST_REGION(name, kilobytes) ROOST_REGION_ARRAY(name, (kilobytes)*1024u, 4096u)

namespace roost {
namespace arduino {

// storage::Flash over mbed::FlashIAP. Erasing a block stops the board for 85 ms, the radio with it.
class FlashIapFlash final : public storage::Flash {
 public:
  explicit FlashIapFlash(storage::Region region);
  bool begin();
  const storage::FlashGeometry& geometry() const override { return geometry_; }
  const uint8_t* mapped() const override { return region_.begin; }
  storage::Status read(uint32_t offset, MutableBytes out) override;
  storage::Status program(uint32_t offset, Bytes bytes) override;
  storage::Status erase(uint32_t block_offset) override;
  storage::Result<bool> erase_slice(uint32_t block_offset) override;

 private:
  bool inside(uint32_t offset, size_t size, uint32_t alignment) const;
  uint32_t address(uint32_t offset) const;

  storage::Region region_;
  storage::FlashGeometry geometry_;
};

// Everything but the memory: see RoostDevice. One at a time, since ArduinoBLE is one.
class Device : public device::Notifier {
 public:
  // Starts Bluetooth and advertises under this name; runs the model that flash holds. False: no radio, or a region
  // too small for two models.
  bool begin(const char* name);
  // Call it as often as there is time: it serves the radio and does one slice of whatever there is to do.
  void poll();

  bool serving() const { return agent_.serving(); }
  bool invoke() { return agent_.invoke().ok(); }
  runtime::IoTensor input(uint32_t index) { return agent_.input(index); }
  runtime::IoTensor output(uint32_t index) { return agent_.output(index); }
  // Another number: another model runs, and tensors kept from before are not to be used.
  uint32_t generation() const { return agent_.generation(); }
  bool receiving() const { return agent_.receiver().transfer_open(); }
  device::DeliveryAgent& agent() { return agent_; }

  // For the library itself.
  bool notify(uint16_t conn, Bytes value) override;
  void on_connected();
  void on_disconnected();
  void on_subscribed(bool on);
  void on_written(device::GattCharacteristic characteristic, const uint8_t* value, int size);
  void refresh_info();

 protected:
  Device(storage::Region region, runtime::KernelList kernels, MutableBytes arena, MutableBytes ring);

 private:
  static runtime::GateInput gate(runtime::KernelList kernels, MutableBytes arena);
  device::AgentConfig config(runtime::KernelList kernels, MutableBytes arena, MutableBytes ring);

  FlashIapFlash flash_;
  device::SoftwareSha256 digest_;
  runtime::Interpreter engine_a_;
  runtime::Interpreter engine_b_;
  uint8_t store_scratch_[256];
  uint8_t info_[protocol::kInfoBytesMax];
  device::AgentConfig config_;
  device::DeliveryAgent agent_;
  device::GattServer server_;
  uint16_t conn_ = 0;
  bool connected_ = false;
  bool polling_agent_ = false;
  bool info_made_ = false;
  uint32_t info_made_ms_ = 0;
  uint32_t info_read_ms_ = 0;
};

}  // namespace arduino
}  // namespace roost

// The device with its memory: `kArenaBytes` for the running model (`roost inspect` says how much a model needs).
template <uint32_t kArenaBytes>
class RoostDevice : public roost::arduino::Device {
 public:
  template <size_t kRegionBytes>
  RoostDevice(const uint8_t (&region)[kRegionBytes], roost::runtime::KernelList kernels)
      : Device(roost::storage::region_of(region), kernels, roost::MutableBytes(arena_, kArenaBytes),
               roost::MutableBytes(ring_, sizeof(ring_))) {}

 private:
  alignas(16) uint8_t arena_[kArenaBytes];
  alignas(8) uint8_t ring_[4096];
};
