#include "protocol/tunnel.h"

#include <string.h>

namespace roost {
namespace protocol {
namespace {

bool known(uint8_t op) {
  return (op >= 0x01 && op <= 0x06) || (op >= 0x81 && op <= 0x86) || op == 0x8F;
}

}  // namespace

bool decode_tunnel(Bytes datagram, TunnelMessage* message) {
  if (datagram.empty() || datagram.size() > kTunnelBytesMax || !known(datagram[0])) return false;
  message->op = static_cast<TunnelOp>(datagram[0]);
  message->value = datagram.from(1);
  return true;
}

Bytes encode_tunnel(TunnelOp op, Bytes value, MutableBytes buffer) {
  if (value.size() + 1 > buffer.size() || value.size() + 1 > kTunnelBytesMax) return Bytes();
  buffer.data()[0] = static_cast<uint8_t>(op);
  if (!value.empty()) memcpy(buffer.data() + 1, value.data(), value.size());
  return Bytes(buffer.data(), value.size() + 1);
}

}  // namespace protocol
}  // namespace roost
