// What a receiver asks its application for, with all that it lends, in one piece: for tests, which look at it whole.
#pragma once

#include "protocol/receiver.h"

namespace roost::protocol {

struct Asked {
  Action kind = Action::kNone;
  uint16_t conn = 0;
  Bytes bytes;  // the frame, the manifest, or the units
  Bytes signature;
  Offer offer;
  uint16_t chunk = 0;
  uint16_t offset = 0;
  uint16_t true_size = 0;
  uint32_t crc32 = 0;
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

inline Asked ask(Receiver& receiver, uint32_t now_ms) {
  Asked asked;
  asked.kind = receiver.poll(now_ms);
  asked.offer = receiver.offer();
  asked.chunk = receiver.chunk();
  switch (asked.kind) {
    case Action::kSend:
      asked.conn = receiver.frame_conn();
      asked.bytes = receiver.frame();
      break;
    case Action::kDecideManifest:
      asked.bytes = receiver.manifest();
      asked.signature = receiver.signature();
      break;
    case Action::kProgram:
      asked.offset = receiver.page_offset();
      asked.bytes = receiver.units();
      break;
    case Action::kCloseChunk:
      asked.true_size = receiver.chunk_size();
      asked.crc32 = receiver.chunk_crc();
      break;
    case Action::kAbandoned:
      asked.reason = receiver.end_cause().reason();
      asked.detail = receiver.end_cause().detail();
      break;
    default:
      break;
  }
  return asked;
}

}  // namespace roost::protocol
