#include "device/ports/common/gatt_server.h"

namespace roost {
namespace device {

AttError GattServer::on_write(uint16_t conn, GattCharacteristic characteristic, Bytes value) {
  if (characteristic == GattCharacteristic::kData) {
    agent_.on_data(conn, value);
    return AttError::kNone;  // a write without response has no answer; what is missing is sent again
  }
  switch (agent_.on_control(conn, value)) {
    case protocol::ControlResult::kTaken:
      return AttError::kNone;
    case protocol::ControlResult::kNotificationsOff:
      return AttError::kSubscribeFirst;
    case protocol::ControlResult::kTooLong:
      return AttError::kInvalidLength;
    case protocol::ControlResult::kFull:
    case protocol::ControlResult::kUnknownConnection:
      return AttError::kInsufficientResources;
  }
  return AttError::kInsufficientResources;
}

Bytes GattServer::read_info(uint16_t offset, uint32_t now_ms) {
  if (offset == 0) info_ = agent_.info(info_buffer_, now_ms);
  return offset <= info_.size() ? info_.from(offset) : Bytes();
}

}  // namespace device
}  // namespace roost
