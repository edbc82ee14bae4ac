#include "tests/target/firmware/stream_link.h"

#include "base/bytes.h"
#include "tests/target/firmware/marks.h"
#include "tests/target/firmware/text.h"

namespace roost {
namespace target_test {
namespace {

using protocol::TunnelMessage;
using protocol::TunnelOp;

constexpr uint16_t kAttMtu = 247;
constexpr uint16_t kGone = 0xFFFF;
constexpr uint16_t kEnd = 0xFFFE;
const char kName[] = "qemu";

}  // namespace

StreamLink::StreamLink(const char* from_host, const char* to_host)
    : from_host_(from_host, device::semihosting::Mode::kRead),
      to_host_(to_host, device::semihosting::Mode::kWrite) {
  CHECK(from_host_.ok() && to_host_.ok());
}

bool StreamLink::poll() {
  const uint8_t ask[2] = {0, 0};
  CHECK(to_host_.write(ask));
  uint8_t head[6];
  read_fully(from_host_, head);
  now_ms_ = load_le32(head);
  const uint16_t size = load_le16(head + 4);
  if (size == kEnd) return false;
  if (size == kGone && connected_) {
    server_->on_disconnect(conn_++);
    connected_ = false;
  }
  if (size == 0 || size == kGone) return true;
  static uint8_t datagram[protocol::kTunnelBytesMax];
  CHECK(size <= sizeof(datagram));
  read_fully(from_host_, MutableBytes(datagram, size));
  TunnelMessage message;
  CHECK(protocol::decode_tunnel(Bytes(datagram, size), &message));
  handle(message);
  return true;
}

void StreamLink::handle(const TunnelMessage& message) {
  switch (message.op) {
    case TunnelOp::kScan: {
      uint8_t value[64];
      const Bytes data = agent_->advertised(MutableBytes(value + 1, sizeof(value) - 1 - sizeof(kName)));
      value[0] = static_cast<uint8_t>(data.size());
      memcpy(value + 1 + data.size(), kName, sizeof(kName) - 1);
      return send(TunnelOp::kAdvertisement, Bytes(value, data.size() + sizeof(kName)));
    }
    case TunnelOp::kConnect: {
      connected_ = true;
      server_->on_connect(conn_, kAttMtu);
      uint8_t mtu[2];
      store_le16(mtu, kAttMtu);
      return send(TunnelOp::kConnected, mtu);
    }
    case TunnelOp::kReadInfo:
      return send(TunnelOp::kInfo, server_->read_info(0, now_ms_));
    case TunnelOp::kSubscribe:
      server_->on_subscribe(conn_, !message.value.empty() && message.value[0] != 0);
      return send(TunnelOp::kSubscribed, Bytes());
    case TunnelOp::kWriteControl:
      server_->on_write(conn_, device::GattCharacteristic::kControl, message.value);
      return send(TunnelOp::kControlWritten, Bytes());
    case TunnelOp::kWriteData:
      data_bytes_ += static_cast<uint32_t>(message.value.size());
      roost_count_begin();
      server_->on_write(conn_, device::GattCharacteristic::kData, message.value);
      roost_count_end_receive();
      return;
    default:
      CHECK(false);
  }
}

void StreamLink::send(TunnelOp op, Bytes value) {
  uint8_t frame[2 + protocol::kTunnelBytesMax];
  const Bytes datagram = protocol::encode_tunnel(op, value, MutableBytes(frame + 2, sizeof(frame) - 2));
  CHECK(!datagram.empty());
  store_le16(frame, static_cast<uint16_t>(datagram.size()));
  CHECK(to_host_.write(Bytes(frame, 2 + datagram.size())));
}

bool StreamLink::notify(uint16_t conn, Bytes value) {
  if (!connected_ || conn != conn_) return false;
  send(TunnelOp::kNotification, value);
  return true;
}

}  // namespace target_test
}  // namespace roost
