// The radio side of the simulated device: a Unix SOCK_SEQPACKET socket on which up to four centrals speak GATT
// through protocol/tunnel.h, over an Air that can be made bad.
//
//   TunnelServer server(options, peripheral);
//   if (!server.listen(&error)) ...
//   for (;;) { server.wait(timeout_ms); agent.poll(now); }
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "device/ports/linux/air.h"
#include "device/ports/linux/radio.h"
#include "protocol/tunnel.h"

namespace roost::device {

class TunnelServer final : public Radio {
 public:
  struct Options {
    std::string path;
    uint16_t att_mtu = 517;
    AirFaults faults;
  };
  static constexpr size_t kCentralsMax = 4;

  TunnelServer(const Options& options, Peripheral& peripheral);
  ~TunnelServer() override;
  TunnelServer(const TunnelServer&) = delete;
  TunnelServer& operator=(const TunnelServer&) = delete;

  // Takes over a socket file that nobody listens on any more (a killed process leaves one). False, with a sentence,
  // when another process listens there or the folder cannot be written.
  bool listen(std::string* error);

  // Serves what is ready, waiting at most `timeout_ms` for it (less when the air has something due).
  void wait(uint32_t timeout_ms) override;

  // False when this central is gone or its socket is full: try again after wait().
  bool notify(uint16_t conn, Bytes value) override;

  size_t centrals() const { return centrals_.size(); }

 private:
  struct Central {
    uint16_t conn = 0;
    int fd = -1;
    bool connected = false;  // it sent `connect`; a scanner never does
    std::unique_ptr<Air> inbound;
    std::unique_ptr<Air> outbound;
  };

  void accept_central();
  void read_central(Central& central);
  void handle(Central& central, const protocol::TunnelMessage& message);
  void drop(Central& central);
  bool send(Central& central, protocol::TunnelOp op, Bytes value);

  Options options_;
  Peripheral& peripheral_;
  int listener_ = -1;
  uint16_t next_conn_ = 1;
  std::list<Central> centrals_;
};

}  // namespace roost::device
