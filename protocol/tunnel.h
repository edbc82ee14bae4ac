// GATT operations as datagrams: what a loopback link carries in place of a radio.
//
// One datagram is one operation on the one Roost service of one device: an opcode byte, then the value. It keeps
// what GATT gives and no more: writes with and without response, one read, a subscription, notifications, the ATT
// MTU, and an advertisement that can be read without connecting. Over a stream (UART, FIFO) each datagram is
// preceded by its length as u16.
//
//   central -> device                     device -> central
//   0x01 scan                             0x81 advertisement | size u8 of service data, service data, local name
//   0x02 connect                          0x82 connected     | att_mtu u16   (or 0x8F refused: one central at a
//   time) 0x03 read info                        0x83 info value 0x04 subscribe     | on u8            0x84
//   subscribed 0x05 write control | value            0x85 control written (the write response) 0x06 write data    |
//   value
//                                         0x86 notification  | value
//
// Closing the socket is the disconnect, from either side. See protocol/SPEC.md, "Loopback".
#pragma once

#include "base/span.h"

namespace roost {
namespace protocol {

enum class TunnelOp : uint8_t {
  kScan = 0x01,
  kConnect = 0x02,
  kReadInfo = 0x03,
  kSubscribe = 0x04,
  kWriteControl = 0x05,
  kWriteData = 0x06,
  kAdvertisement = 0x81,
  kConnected = 0x82,
  kInfo = 0x83,
  kSubscribed = 0x84,
  kControlWritten = 0x85,
  kNotification = 0x86,
  kRefused = 0x8F,
};

// The longest datagram: an opcode and the longest ATT value (512).
constexpr size_t kTunnelBytesMax = 1 + 512;

struct TunnelMessage {
  TunnelOp op = TunnelOp::kScan;
  Bytes value;  // borrows from the datagram
};

// False when the datagram is empty, too long, or its opcode is not one of the above.
bool decode_tunnel(Bytes datagram, TunnelMessage* message);

// Returns the datagram's bytes within `buffer`, or an empty span when the value is too long for it.
Bytes encode_tunnel(TunnelOp op, Bytes value, MutableBytes buffer);

}  // namespace protocol
}  // namespace roost
