// The GATT service as any BLE stack can carry it: what its callbacks call, and what they answer.
//
//   stack says                                     call
//   connected, with the ATT MTU (23 if not known)  on_connect
//   subscribed or unsubscribed to Control          on_subscribe
//   a write on Control, on Data                    on_write: its answer is the ATT error
//   a read of Info, at an offset                   read_info
//   disconnected                                   on_disconnect
//   (the agent has something to say)               Notifier::notify, implemented over the stack
//
// The table to register: one primary service kServiceUuid (protocol/uuids.h) with
//
//   kInfoUuid     read                     up to 512 bytes
//   kControlUuid  write, notify            up to 20 bytes
//   kDataUuid     write without response   up to MTU - 3 bytes
//
// Threads: on_* may come from one other thread or interrupt, the stack's. read_info belongs to the agent's thread:
// a stack that reads from its own calls it under the lock that also guards DeliveryAgent::poll, or serves a copy that
// the agent's thread keeps fresh (device/ports/zephyr). A stack that calls back from inside notify() does so in the
// middle of poll(): on_* may then be called, read_info not (device/ports/arduino).
#pragma once

#include "device/agent/delivery_agent.h"
#include "protocol/uuids.h"

namespace roost {
namespace device {

enum class GattCharacteristic : uint8_t { kControl, kData };

// ATT error codes; kNone lets the stack send its ordinary answer.
enum class AttError : uint8_t {
  kNone = 0x00,
  kInvalidOffset = 0x07,
  kInvalidLength = 0x0D,
  kInsufficientResources = 0x11,
  kSubscribeFirst = 0xFD,
};

class GattServer {
 public:
  // Borrows the agent, and protocol::kInfoBytesMax bytes in which Info stands while it is read in pieces.
  GattServer(DeliveryAgent& agent, MutableBytes info) : agent_(agent), info_buffer_(info) {}

  void on_connect(uint16_t conn, uint16_t att_mtu) { agent_.on_connect(conn, att_mtu); }
  void on_subscribe(uint16_t conn, bool on) { agent_.on_subscribe(conn, on); }
  void on_disconnect(uint16_t conn) { agent_.on_disconnect(conn); }
  AttError on_write(uint16_t conn, GattCharacteristic characteristic, Bytes value);

  // What a read at this offset answers: the rest of the value from there, of which the stack sends what fits.
  // Offset 0 takes a new picture. Two centrals reading at the same time may mix two pictures; Info's own CRC tells
  // them so.
  Bytes read_info(uint16_t offset, uint32_t now_ms);

 private:
  DeliveryAgent& agent_;
  MutableBytes info_buffer_;
  Bytes info_;
};

}  // namespace device
}  // namespace roost
