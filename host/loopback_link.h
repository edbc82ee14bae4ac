// A Link over a Unix SOCK_SEQPACKET socket to a simulated device (`roost device`): no radio, the same bytes.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "host/link.h"
#include "host/loop.h"
#include "protocol/tunnel.h"

namespace roost::host {

class LoopbackLink final : public Link {
 public:
  // `path` is the socket's path. Borrows the loop.
  LoopbackLink(Loop& loop, std::string path);
  ~LoopbackLink() override;

  void connect(LinkEvents events) override;
  void disconnect() override;
  uint16_t att_mtu() const override { return att_mtu_; }
  LinkStatus read_info(std::function<void(Bytes)> done) override;
  LinkStatus write_control(Bytes value) override;
  LinkStatus write_data(Bytes value) override;

 private:
  enum class State { kClosed, kAwaitConnected, kAwaitSubscribed, kConnected };

  void handle_ready(uint32_t events);
  void handle_message(const protocol::TunnelMessage& message);
  void close(LinkError error, const std::string& why);
  // False when the socket is full or gone.
  bool send(protocol::TunnelOp op, Bytes value);
  void flush();

  Loop& loop_;
  std::string path_;
  State state_ = State::kClosed;
  int fd_ = -1;
  uint16_t att_mtu_ = 23;
  LinkEvents events_;
  Loop::Source watch_;
  Loop::Source failure_;  // reports a failed connect() from the loop, as the contract asks
  bool writable_wanted_ = false;
  bool control_under_way_ = false;
  std::deque<std::vector<uint8_t>> control_queue_;
  std::deque<std::function<void(Bytes)>> info_readers_;
};

// Asks every socket in the folder who it is; those that do not answer within `timeout_ms` are left out. Blocks for
// at most that long.
std::vector<Sighting> scan_loopback(const std::string& directory, uint32_t timeout_ms);

}  // namespace roost::host
