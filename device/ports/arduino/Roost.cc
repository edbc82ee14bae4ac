#include "Roost.h"

#include <Arduino.h>
#include <ArduinoBLE.h>
#include <FlashIAP.h>
#include <string.h>

namespace roost {
namespace arduino {
namespace {

using storage::Error;

// What ArduinoBLE holds while nobody polls it: 256 bytes of packets, and what does not fit is dropped unseen. So one
// fragment at a time is allowed to be under way, and small enough that a Control write fits behind it (each with 12
// bytes of headers).
constexpr uint16_t kValueBytes = 200;
constexpr uint16_t kAttMtu =
    242;  // what ArduinoBLE agrees to at most, and never tells; the host knows the real one
// One fragment at a time makes the connection interval count: 7.5 to 15 ms.
constexpr uint16_t kIntervalMin = 6, kIntervalMax = 12;  // of 1.25 ms

// Pieces of one Info value come at most this far apart, and a picture is never older than that.
constexpr uint32_t kInfoPieceMs = 500;
constexpr uint32_t kInfoFreshMs = 5000;

mbed::FlashIAP g_flash_iap;
Device* g_device = nullptr;

// ArduinoBLE answers a write on a characteristic that notifies by notifying what was written. Hosts know no message of
// that type from a device and pass over it.
BLEService g_service(protocol::kServiceUuid);
BLECharacteristic g_info(protocol::kInfoUuid, BLERead, static_cast<int>(protocol::kInfoBytesMax));
BLECharacteristic g_control(protocol::kControlUuid, BLEWrite | BLENotify, 20);
BLECharacteristic g_data(protocol::kDataUuid, BLEWriteWithoutResponse, kAttMtu - 3);

void on_connected(BLEDevice) {
  g_device->on_connected();
}
void on_disconnected(BLEDevice) {
  g_device->on_disconnected();
}
void on_info_read(BLEDevice, BLECharacteristic) {
  g_device->refresh_info();
}
void on_subscribed(BLEDevice, BLECharacteristic) {
  g_device->on_subscribed(true);
}
void on_unsubscribed(BLEDevice, BLECharacteristic) {
  g_device->on_subscribed(false);
}
void on_control(BLEDevice, BLECharacteristic characteristic) {
  g_device->on_written(device::GattCharacteristic::kControl, characteristic.value(), characteristic.valueLength());
}
void on_data(BLEDevice, BLECharacteristic characteristic) {
  g_device->on_written(device::GattCharacteristic::kData, characteristic.value(), characteristic.valueLength());
}

}  // namespace

// ---- flash ----

FlashIapFlash::FlashIapFlash(storage::Region region) : region_(region), geometry_() {
  geometry_.size_bytes = region.size_bytes;
  geometry_.erase_block_bytes = 4096;
  geometry_.program_unit_bytes = 4;
  geometry_.erased_value = 0xFF;
  geometry_.programs_per_unit = 2;
  geometry_.busy_reads = storage::BusyReads::kStall;
  geometry_.erase_slices = 1;
  geometry_.erase_block_us = 85000;
  geometry_.program_unit_us = 41;
}

bool FlashIapFlash::begin() {
  return g_flash_iap.init() == 0 && g_flash_iap.get_sector_size(address(0)) == geometry_.erase_block_bytes;
}

uint32_t FlashIapFlash::address(uint32_t offset) const {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(region_.begin)) + offset;
}

bool FlashIapFlash::inside(uint32_t offset, size_t size, uint32_t alignment) const {
  return offset % alignment == 0 && size % alignment == 0 && offset <= geometry_.size_bytes &&
         size <= geometry_.size_bytes - offset;
}

storage::Status FlashIapFlash::read(uint32_t offset, MutableBytes out) {
  if (!inside(offset, out.size(), 1)) return Error::kMisuse;
  if (out.empty()) return {};
  return g_flash_iap.read(out.data(), address(offset), out.size()) == 0 ? Error::kNone : Error::kReadFailed;
}

// By pieces of aligned memory: the driver below stores words.
storage::Status FlashIapFlash::program(uint32_t offset, Bytes bytes) {
  if (!inside(offset, bytes.size(), geometry_.program_unit_bytes)) return Error::kMisuse;
  uint32_t piece[32];
  for (size_t at = 0; at < bytes.size(); at += sizeof(piece)) {
    const size_t size = bytes.size() - at < sizeof(piece) ? bytes.size() - at : sizeof(piece);
    memcpy(piece, bytes.data() + at, size);
    const uint32_t to = address(offset + static_cast<uint32_t>(at));
    if (g_flash_iap.program(piece, to, size) != 0) return Error::kProgramFailed;
    uint32_t found[32];
    if (g_flash_iap.read(found, to, size) != 0 || memcmp(found, piece, size) != 0) return Error::kProgramFailed;
  }
  return {};
}

storage::Status FlashIapFlash::erase(uint32_t block_offset) {
  if (!inside(block_offset, geometry_.erase_block_bytes, geometry_.erase_block_bytes)) return Error::kMisuse;
  const int result = g_flash_iap.erase(address(block_offset), geometry_.erase_block_bytes);
  return result == 0 ? Error::kNone : Error::kEraseFailed;
}

storage::Result<bool> FlashIapFlash::erase_slice(uint32_t block_offset) {
  const storage::Status status = erase(block_offset);
  if (!status.ok()) return status.error();
  return true;
}

// ---- device ----

runtime::GateInput Device::gate(runtime::KernelList kernels, MutableBytes arena) {
  runtime::GateInput input;
  input.kernels = kernels;
  input.limits.arena_bytes = static_cast<uint32_t>(arena.size());
  return input;
}

device::AgentConfig Device::config(runtime::KernelList kernels, MutableBytes arena, MutableBytes ring) {
  device::AgentConfig config;
  config.flash = &flash_;
  config.digest = &digest_;
  config.engine_a = &engine_a_;
  config.engine_b = &engine_b_;
  config.notifier = this;
  const volatile uint32_t* const chip_id = reinterpret_cast<const volatile uint32_t*>(0x10000060);  // FICR.DEVICEID
  memcpy(config.device_id.data(), "roost-nr", 8);
  for (uint32_t i = 0; i < 8; ++i) {
    config.device_id.data()[8 + i] = static_cast<uint8_t>(chip_id[i / 4] >> (8 * (i % 4)));
  }
  config.acceptance.hardware = "nano33ble";
  config.acceptance.kernels = kernels;
  config.receiver.ring = ring;
  config.arena = arena;
  config.store_scratch = MutableBytes(store_scratch_);
  config.receiver.stack_credit_bytes = kValueBytes;
  config.preferred_value_bytes = kValueBytes;
  return config;
}

Device::Device(storage::Region region, runtime::KernelList kernels, MutableBytes arena, MutableBytes ring)
    : flash_(region),
      engine_a_(gate(kernels, arena)),
      engine_b_(gate(kernels, arena)),
      config_(config(kernels, arena, ring)),
      agent_(config_),
      server_(agent_, MutableBytes(info_)) {}

bool Device::begin(const char* name) {
  g_device = this;
  if (!flash_.begin() || !agent_.start(storage::ResetCause::kOther, millis()).ok() || !BLE.begin()) return false;
  BLE.setLocalName(name);
  BLE.setAdvertisedService(g_service);
  g_service.addCharacteristic(g_info);
  g_service.addCharacteristic(g_control);
  g_service.addCharacteristic(g_data);
  BLE.addService(g_service);
  BLE.setEventHandler(BLEConnected, arduino::on_connected);
  BLE.setEventHandler(BLEDisconnected, arduino::on_disconnected);
  g_info.setEventHandler(BLERead, on_info_read);
  g_control.setEventHandler(BLESubscribed, arduino::on_subscribed);
  g_control.setEventHandler(BLEUnsubscribed, on_unsubscribed);
  g_control.setEventHandler(BLEWritten, on_control);
  g_data.setEventHandler(BLEWritten, on_data);
  BLE.setConnectionInterval(kIntervalMin, kIntervalMax);
  refresh_info();
  return BLE.advertise() != 0;
}

// A notification that finds ArduinoBLE full polls it from inside, and the handlers below run in the middle of the
// agent's poll. What they do to the agent is allowed at any time, but for Info.
void Device::poll() {
  BLE.poll();
  polling_agent_ = true;
  agent_.poll(millis());
  polling_agent_ = false;
}

// ArduinoBLE asks before each piece of a value and does not say which piece. All pieces must come from one picture.
void Device::refresh_info() {
  if (polling_agent_) return;
  const uint32_t now_ms = millis();
  const bool next_piece = now_ms - info_read_ms_ < kInfoPieceMs && now_ms - info_made_ms_ < kInfoFreshMs;
  info_read_ms_ = now_ms;
  if (info_made_ && next_piece) return;
  info_made_ = true;
  info_made_ms_ = now_ms;
  const Bytes value = server_.read_info(0, now_ms);
  g_info.writeValue(value.data(), static_cast<int>(value.size()));
}

bool Device::notify(uint16_t conn, Bytes value) {
  if (!connected_ || conn != conn_) return false;
  return g_control.writeValue(value.data(), static_cast<int>(value.size())) != 0;
}

void Device::on_connected() {
  connected_ = true;
  server_.on_connect(++conn_, kAttMtu);
}

// ArduinoBLE advertises again by itself; to ask it from inside this handler would overwrite the event it came from.
void Device::on_disconnected() {
  connected_ = false;
  server_.on_disconnect(conn_);
}

void Device::on_subscribed(bool on) {
  server_.on_subscribe(conn_, on);
}

void Device::on_written(device::GattCharacteristic characteristic, const uint8_t* value, int size) {
  server_.on_write(conn_, characteristic, Bytes(value, static_cast<size_t>(size)));
}

}  // namespace arduino
}  // namespace roost
