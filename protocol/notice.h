// What the device says, as it keeps it until it goes: any message of its own but REPORT, in twelve bytes.
//
//   Notice notice = Notice();
//   notice.type = MessageType::kReject;
//   notice.epoch = offer.epoch;
//   notice.reason = Reason::kEpochReused;
//   encode(notice, &frame);   // the same bytes as encode(Reject)
//
// The fields of all these records follow one order, so that a byte of flags tells a record's layout.
#pragma once

#include <stdint.h>

#include "protocol/control.h"

namespace roost {
namespace protocol {

struct Notice {
  uint32_t package_id;
  uint16_t epoch;
  uint16_t detail;  // ACCEPT: resume chunk; REWIND: chunk; BUSY: tag
  MessageType type;
  uint8_t about;  // a type byte; ACCEPT: chunk log2
  Reason reason;
  uint8_t extra;  // ANSWER: tag; ACCEPT, REWIND: limit; UNKNOWN: version
};

void encode(const Notice& notice, Frame* frame);

}  // namespace protocol
}  // namespace roost
