#include "host/loopback_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/bytes.h"

namespace roost::host {

using protocol::TunnelMessage;
using protocol::TunnelOp;

namespace {

constexpr uint16_t kAttMtuMin = 23;
constexpr uint16_t kAttMtuMax = 517;
constexpr size_t kAttHeaderBytes = 3;

// A connected non-blocking socket, or -1 with errno.
int open_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

bool send_datagram(int fd, TunnelOp op, Bytes value) {
  std::array<uint8_t, protocol::kTunnelBytesMax> buffer;
  Bytes datagram = protocol::encode_tunnel(op, value, buffer);
  return !datagram.empty() &&
         ::send(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(datagram.size());
}

}  // namespace

LoopbackLink::LoopbackLink(Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}

LoopbackLink::~LoopbackLink() {
  disconnect();
}

void LoopbackLink::connect(LinkEvents events) {
  disconnect();
  events_ = std::move(events);
  fd_ = open_socket(path_);
  if (fd_ < 0) {
    LinkError error = errno == ENOENT || errno == ECONNREFUSED ? LinkError::kNotFound : LinkError::kSystem;
    std::string why = path_ + ": " + strerror(errno);
    failure_ = loop_.after(0, [this, error, why] { close(error, why); });
    return;
  }
  state_ = State::kAwaitConnected;
  watch_ = loop_.watch(fd_, EPOLLIN, [this](uint32_t ready) { handle_ready(ready); });
  send(TunnelOp::kConnect, {});
}

void LoopbackLink::disconnect() {
  failure_ = {};
  watch_ = {};
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::kClosed;
  control_queue_.clear();
  control_under_way_ = false;
  writable_wanted_ = false;
  info_readers_.clear();
}

void LoopbackLink::close(LinkError error, const std::string& why) {
  auto closed = events_.closed;
  disconnect();
  if (closed) closed(error, why);
}

LinkStatus LoopbackLink::read_info(std::function<void(Bytes)> done) {
  if (state_ != State::kConnected) return LinkError::kNotConnected;
  if (!send(TunnelOp::kReadInfo, {})) return LinkError::kSystem;
  info_readers_.push_back(std::move(done));
  return {};
}

LinkStatus LoopbackLink::write_control(Bytes value) {
  if (state_ != State::kConnected) return LinkError::kNotConnected;
  if (value.size() + kAttHeaderBytes > att_mtu_) return LinkError::kTooLong;
  control_queue_.emplace_back(value.begin(), value.end());
  flush();
  return {};
}

LinkStatus LoopbackLink::write_data(Bytes value) {
  if (state_ != State::kConnected) return LinkError::kNotConnected;
  if (value.size() + kAttHeaderBytes > att_mtu_) return LinkError::kTooLong;
  if (!send(TunnelOp::kWriteData, value)) {
    writable_wanted_ = true;
    watch_.set_events(EPOLLIN | EPOLLOUT);
    return LinkError::kWouldBlock;
  }
  return {};
}

bool LoopbackLink::send(TunnelOp op, Bytes value) {
  return fd_ >= 0 && send_datagram(fd_, op, value);
}

void LoopbackLink::flush() {
  if (control_under_way_ || control_queue_.empty()) return;
  if (send(TunnelOp::kWriteControl, control_queue_.front())) {
    control_queue_.pop_front();
    control_under_way_ = true;
  } else {
    watch_.set_events(EPOLLIN | EPOLLOUT);
  }
}

void LoopbackLink::handle_ready(uint32_t events) {
  if (events & EPOLLIN) {
    std::array<uint8_t, protocol::kTunnelBytesMax + 1> buffer;
    ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0 && !(size < 0 && (errno == EAGAIN || errno == EINTR))) {
      return close(LinkError::kLost, "the device hung up");
    }
    TunnelMessage message;
    if (size > 0 && protocol::decode_tunnel(Bytes(buffer.data(), static_cast<size_t>(size)), &message)) {
      return handle_message(message);
    }
  } else if (events & (EPOLLHUP | EPOLLERR)) {
    return close(LinkError::kLost, "the device hung up");
  }
  if (events & EPOLLOUT) {
    watch_.set_events(EPOLLIN);
    flush();
    if (writable_wanted_) {
      writable_wanted_ = false;
      events_.writable();
    }
  }
}

void LoopbackLink::handle_message(const TunnelMessage& message) {
  switch (message.op) {
    case TunnelOp::kConnected: {
      if (state_ != State::kAwaitConnected || message.value.size() < 2) return;
      att_mtu_ = std::clamp(load_le16(message.value.data()), kAttMtuMin, kAttMtuMax);
      state_ = State::kAwaitSubscribed;
      const uint8_t on = 1;
      send(TunnelOp::kSubscribe, Bytes(&on, 1));
      return;
    }
    case TunnelOp::kSubscribed:
      if (state_ != State::kAwaitSubscribed) return;
      state_ = State::kConnected;
      return events_.connected();
    case TunnelOp::kRefused:
      return close(LinkError::kRefused, "another central is connected to the device");
    case TunnelOp::kInfo: {
      if (info_readers_.empty()) return;
      auto done = std::move(info_readers_.front());
      info_readers_.pop_front();
      return done(message.value);
    }
    case TunnelOp::kControlWritten:
      control_under_way_ = false;
      return flush();
    case TunnelOp::kNotification:
      if (state_ == State::kConnected) events_.notification(message.value);
      return;
    default:
      return;  // a central's own operations; nothing a device should send
  }
}

std::vector<Sighting> scan_loopback(const std::string& directory, uint32_t timeout_ms) {
  std::vector<Sighting> found;
  std::vector<pollfd> waiting;
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.path().extension() != ".sock") continue;
    int fd = open_socket(entry.path());
    if (fd < 0) continue;
    send_datagram(fd, TunnelOp::kScan, {});
    waiting.push_back({fd, POLLIN, 0});
    paths.push_back(entry.path());
  }
  const uint32_t deadline = Loop::now_ms() + timeout_ms;
  size_t open = waiting.size();
  while (open > 0) {
    int32_t left = static_cast<int32_t>(deadline - Loop::now_ms());
    if (left <= 0 || poll(waiting.data(), waiting.size(), left) <= 0) break;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || !waiting[i].revents) continue;
      std::array<uint8_t, protocol::kTunnelBytesMax + 1> buffer;
      ssize_t size = recv(waiting[i].fd, buffer.data(), buffer.size(), 0);
      TunnelMessage message;
      if (size > 0 && protocol::decode_tunnel(Bytes(buffer.data(), static_cast<size_t>(size)), &message) &&
          message.op == TunnelOp::kAdvertisement && !message.value.empty() &&
          message.value[0] < message.value.size()) {
        const Bytes data = message.value.subspan(1, message.value[0]);
        const Bytes name = message.value.from(1 + data.size());
        found.push_back({"sim:" + paths[i], {name.begin(), name.end()}, {data.begin(), data.end()}});
      }
      ::close(waiting[i].fd);
      waiting[i].fd = -1;
      --open;
    }
  }
  for (const pollfd& left : waiting) {
    if (left.fd >= 0) ::close(left.fd);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
  return found;
}

}  // namespace roost::host
