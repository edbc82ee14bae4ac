// A link to the host over two FIFOs in place of a radio: protocol/tunnel.h's datagrams, each preceded by its length
// as u16. tests/target/bridge.py is the other end.
//
// Semihosting can only wait, so the device asks: a length of 0 from it means "what have you got?", and the bridge
// answers with one record:
//
//   record | milliseconds u32 | length u16 | datagram ... |     length 0: nothing; 0xFFFF: the central is gone;
//                                                               0xFFFE: end the emulation
#pragma once

#include "device/ports/common/gatt_server.h"
#include "device/ports/cortex_m/semihosting.h"
#include "protocol/tunnel.h"

namespace roost {
namespace target_test {

class StreamLink final : public device::Notifier {
 public:
  StreamLink(const char* from_host, const char* to_host);

  void serve(device::DeliveryAgent& agent, device::GattServer& server) {
    agent_ = &agent;
    server_ = &server;
  }

  // Handles one datagram if the host has one. False once the host wants the end.
  bool poll();
  uint32_t now_ms() const { return now_ms_; }
  uint32_t data_bytes() const { return data_bytes_; }

  bool notify(uint16_t conn, Bytes value) override;

 private:
  void handle(const protocol::TunnelMessage& message);
  void send(protocol::TunnelOp op, Bytes value);

  device::semihosting::File from_host_;
  device::semihosting::File to_host_;
  device::DeliveryAgent* agent_ = nullptr;
  device::GattServer* server_ = nullptr;
  uint32_t now_ms_ = 0;
  uint32_t data_bytes_ = 0;
  uint16_t conn_ = 1;
  bool connected_ = false;
};

}  // namespace target_test
}  // namespace roost
