#include "device/ports/linux/tunnel_server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "device/ports/linux/clock.h"

namespace roost::device {

using protocol::TunnelMessage;
using protocol::TunnelOp;

namespace {

// What a controller would hold of notifications; a central that reads slower than that gets back-pressure.
constexpr int kSendBufferBytes = 16 * 1024;

bool fill_address(const std::string& path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (path.size() >= sizeof address->sun_path) return false;
  memcpy(address->sun_path, path.c_str(), path.size() + 1);
  return true;
}

bool somebody_listens(const sockaddr_un& address) {
  int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  bool answered = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return answered;
}

}  // namespace

TunnelServer::TunnelServer(const Options& options, Peripheral& peripheral)
    : options_(options), peripheral_(peripheral) {}

TunnelServer::~TunnelServer() {
  for (Central& central : centrals_) {
    if (central.fd >= 0) close(central.fd);
  }
  if (listener_ >= 0) {
    close(listener_);
    unlink(options_.path.c_str());
  }
}

bool TunnelServer::listen(std::string* error) {
  sockaddr_un address;
  if (!fill_address(options_.path, &address)) {
    *error = "the socket path is too long (at most 107 bytes): " + options_.path;
    return false;
  }
  if (somebody_listens(address)) {
    *error = "another simulated device already listens on " + options_.path;
    return false;
  }
  unlink(options_.path.c_str());
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 8) != 0) {
    *error = options_.path + ": " + strerror(errno);
    if (fd >= 0) close(fd);
    return false;
  }
  listener_ = fd;
  return true;
}

void TunnelServer::wait(uint32_t timeout_ms) {
  int timeout = static_cast<int>(timeout_ms);
  const uint32_t before_ms = now_ms();
  std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
  for (Central& central : centrals_) {
    fds.push_back({central.fd, POLLIN, 0});
    for (const Air* air : {central.inbound.get(), central.outbound.get()}) {
      int32_t due = air->due_in_ms(before_ms);
      if (due >= 0) timeout = std::min(timeout, due);
    }
  }
  if (poll(fds.data(), fds.size(), timeout) > 0) {
    size_t index = 1;
    for (Central& central : centrals_) {
      if (fds[index++].revents) read_central(central);
    }
    if (fds[0].revents) accept_central();
  }
  const uint32_t after_ms = now_ms();
  for (Central& central : centrals_) {
    if (central.fd >= 0) central.inbound->poll(after_ms);
    if (central.fd >= 0) central.outbound->poll(after_ms);
  }
  centrals_.remove_if([](const Central& central) { return central.fd < 0; });
}

void TunnelServer::accept_central() {
  int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  centrals_.emplace_back();
  Central& central = centrals_.back();
  central.fd = fd;
  central.conn = next_conn_++;
  if (next_conn_ == 0) next_conn_ = 1;
  AirFaults faults = options_.faults;
  faults.seed = faults.seed * 1000003 + central.conn;
  central.inbound = std::make_unique<Air>(faults, [this, &central](MutableBytes datagram) {
    TunnelMessage message;
    if (central.fd >= 0 && protocol::decode_tunnel(datagram, &message)) handle(central, message);
  });
  faults.seed += 1;
  faults.corrupt = 0;
  central.outbound = std::make_unique<Air>(faults, [this, &central](MutableBytes datagram) {
    TunnelMessage message;
    if (protocol::decode_tunnel(datagram, &message)) send(central, message.op, message.value);
  });
}

// One datagram a call, so that the agent is polled between any two: its ring is served as a radio would serve it.
void TunnelServer::read_central(Central& central) {
  std::array<uint8_t, protocol::kTunnelBytesMax + 1> buffer;
  ssize_t size = recv(central.fd, buffer.data(), buffer.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  TunnelMessage message;
  if (size <= 0 || !protocol::decode_tunnel(Bytes(buffer.data(), static_cast<size_t>(size)), &message)) {
    return drop(central);  // it hung up, or does not speak this
  }
  Bytes datagram(buffer.data(), static_cast<size_t>(size));
  if (message.op == TunnelOp::kWriteData) {
    central.inbound->send(datagram, now_ms());
  } else {
    central.inbound->send_reliably(datagram, now_ms());
  }
}

void TunnelServer::handle(Central& central, const TunnelMessage& message) {
  if (!central.connected && message.op != TunnelOp::kConnect && message.op != TunnelOp::kScan) return drop(central);
  switch (message.op) {
    case TunnelOp::kScan:
      send(central, TunnelOp::kAdvertisement, peripheral_.advertisement());
      return;
    case TunnelOp::kConnect: {
      if (central.connected) return;
      size_t connected = std::count_if(centrals_.begin(), centrals_.end(), [](auto& c) { return c.connected; });
      if (connected >= kCentralsMax) {
        send(central, TunnelOp::kRefused, {});
        return drop(central);
      }
      central.connected = true;
      peripheral_.on_connect(central.conn, options_.att_mtu);
      std::array<uint8_t, 2> mtu;
      store_le16(mtu.data(), options_.att_mtu);
      send(central, TunnelOp::kConnected, mtu);
      return;
    }
    case TunnelOp::kReadInfo:
      send(central, TunnelOp::kInfo, peripheral_.info(central.conn));
      return;
    case TunnelOp::kSubscribe:
      peripheral_.on_subscribe(central.conn, !message.value.empty() && message.value[0] != 0);
      send(central, TunnelOp::kSubscribed, {});
      return;
    case TunnelOp::kWriteControl:
      if (message.value.size() + 3 > options_.att_mtu) return drop(central);
      peripheral_.on_control(central.conn, message.value);
      send(central, TunnelOp::kControlWritten, {});
      return;
    case TunnelOp::kWriteData:
      if (message.value.size() + 3 > options_.att_mtu) return drop(central);
      peripheral_.on_data(central.conn, message.value);
      return;
    default:
      return drop(central);
  }
}

void TunnelServer::drop(Central& central) {
  if (central.fd < 0) return;
  close(central.fd);
  central.fd = -1;
  if (central.connected) peripheral_.on_disconnect(central.conn);
  central.connected = false;
}

bool TunnelServer::send(Central& central, TunnelOp op, Bytes value) {
  if (central.fd < 0) return false;
  std::array<uint8_t, protocol::kTunnelBytesMax> buffer;
  Bytes datagram = protocol::encode_tunnel(op, value, buffer);
  return ::send(central.fd, datagram.data(), datagram.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(datagram.size());
}

bool TunnelServer::notify(uint16_t conn, Bytes value) {
  for (Central& central : centrals_) {
    if (central.conn != conn || central.fd < 0 || !central.connected) continue;
    int queued = 0;
    if (ioctl(central.fd, TIOCOUTQ, &queued) == 0 && queued > kSendBufferBytes / 2) return false;
    std::array<uint8_t, protocol::kTunnelBytesMax> buffer;
    Bytes datagram = protocol::encode_tunnel(TunnelOp::kNotification, value, buffer);
    if (datagram.empty() || value.size() + 3 > options_.att_mtu) return false;
    central.outbound->send(datagram, now_ms());
    central.outbound->poll(now_ms());
    return true;
  }
  return false;
}

}  // namespace roost::device
