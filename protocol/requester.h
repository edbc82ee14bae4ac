// One request (ACTIVATE, CONFIRM, ROLLBACK, ABORT, ERASE_MODELS) and its answer. A lost write or a lost answer
// costs a retry and nothing else: the device answers a repeated tag again without doing it again.
//
//   Requester requester(request, RequesterConfig());
//   RequestAction action = requester.poll(now);
//   kWrite: link.write_control(action.bytes); requester.written();
//   kDone:  requester.outcome(), requester.reason()
//   requester.handle_notification(frame, now);    // whatever the device notifies
//
// Take a tag not used before on this connection: a counter will do.
#pragma once

#include <stdint.h>

#include "protocol/control.h"
#include "protocol/error.h"
#include "protocol/receiver.h"

namespace roost {
namespace protocol {

struct RequesterConfig {
  uint32_t retry_ms = 1000;
  uint32_t busy_retry_ms = 500;
  uint32_t timeout_ms = 30000;
};

enum class RequestOutcome : uint8_t {
  kRunning,
  kAnswered,  // reason() is kOk or says why not
  kLinkLost,
  kTimedOut,  // reason() is kBusy when that was the last word heard
};

struct RequestAction {
  enum class Kind : uint8_t { kNone, kWrite, kDone };
  Kind kind = Kind::kNone;
  Bytes bytes;
};

class Requester {
 public:
  explicit Requester(const Request& request, const RequesterConfig& config = RequesterConfig())
      : request_(request), config_(config) {}

  RequestAction poll(uint32_t now_ms);
  Status written();
  bool handle_notification(Bytes frame, uint32_t now_ms);  // true: it was ours
  void handle_disconnect();
  Deadline next_deadline() const;

  RequestOutcome outcome() const { return outcome_; }
  Reason reason() const { return reason_; }
  uint16_t detail() const { return detail_; }
  uint32_t writes() const { return writes_; }

 private:
  Request request_;
  RequesterConfig config_;
  Frame frame_;
  RequestOutcome outcome_ = RequestOutcome::kRunning;
  Reason reason_ = Reason::kOk;
  uint16_t detail_ = 0;
  bool started_ = false;
  bool want_write_ = true;
  uint32_t started_ms_ = 0;
  uint32_t retry_at_ms_ = 0;
  uint32_t now_ms_ = 0;
  uint32_t writes_ = 0;
};

}  // namespace protocol
}  // namespace roost
