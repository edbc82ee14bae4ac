// What carries GATT for the Linux device: a socket in place of a radio (TunnelServer), or bluetoothd
// (BluezPeripheral). Both call a Peripheral from inside wait().
#pragma once

#include <cstdint>

#include "base/span.h"

namespace roost::device {

class Radio {
 public:
  virtual ~Radio() = default;
  // Serves what is ready, waiting at most `timeout_ms` for it.
  virtual void wait(uint32_t timeout_ms) = 0;
  // False when this central is gone or there is no room: try again after wait().
  virtual bool notify(uint16_t conn, Bytes value) = 0;
};

// The GATT callbacks of a BLE stack. `conn` names a connection and is not used again soon.
class Peripheral {
 public:
  virtual void on_connect(uint16_t conn, uint16_t att_mtu) = 0;
  virtual void on_subscribe(uint16_t conn, bool on) = 0;
  virtual void on_disconnect(uint16_t conn) = 0;
  virtual void on_control(uint16_t conn, Bytes value) = 0;
  virtual void on_data(uint16_t conn, Bytes value) = 0;
  // The values live until the next call.
  virtual Bytes info(uint16_t conn) = 0;
  virtual Bytes advertisement() = 0;

 protected:
  ~Peripheral() = default;
};

}  // namespace roost::device
