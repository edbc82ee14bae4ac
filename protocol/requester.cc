#include "protocol/requester.h"

namespace roost {
namespace protocol {
namespace {

bool reached(uint32_t now_ms, uint32_t at_ms) {
  return static_cast<int32_t>(now_ms - at_ms) >= 0;
}

}  // namespace

RequestAction Requester::poll(uint32_t now_ms) {
  now_ms_ = now_ms;
  RequestAction action;
  if (outcome_ == RequestOutcome::kRunning) {
    if (!started_) {
      started_ = true;
      started_ms_ = now_ms;
      frame_ = encode(request_);
    }
    if (reached(now_ms, started_ms_ + config_.timeout_ms)) {
      outcome_ = RequestOutcome::kTimedOut;
    } else if (!want_write_ && reached(now_ms, retry_at_ms_)) {
      want_write_ = true;
    }
  }
  if (outcome_ != RequestOutcome::kRunning) {
    action.kind = RequestAction::Kind::kDone;
  } else if (want_write_) {
    action.kind = RequestAction::Kind::kWrite;
    action.bytes = frame_.bytes();
  }
  return action;
}

Status Requester::written() {
  if (outcome_ != RequestOutcome::kRunning || !started_ || !want_write_) return Error::kIllegal;
  want_write_ = false;
  retry_at_ms_ = now_ms_ + config_.retry_ms;
  ++writes_;
  return Status();
}

bool Requester::handle_notification(Bytes frame, uint32_t now_ms) {
  if (outcome_ != RequestOutcome::kRunning || writes_ == 0) return false;
  now_ms_ = now_ms;
  const Result<Answer> answer = decode_answer(frame);
  if (answer.ok() && answer.value().tag == request_.tag && answer.value().about == request_.type) {
    outcome_ = RequestOutcome::kAnswered;
    reason_ = answer.value().reason;
    detail_ = answer.value().detail;
    return true;
  }
  const Result<Busy> busy = decode_busy(frame);
  if (busy.ok() && busy.value().about == static_cast<uint8_t>(request_.type) && busy.value().tag == request_.tag) {
    reason_ = Reason::kBusy;
    if (!want_write_) retry_at_ms_ = now_ms + config_.busy_retry_ms;
    return true;
  }
  const Result<Unknown> unknown = decode_unknown(frame);
  if (unknown.ok() && unknown.value().about == static_cast<uint8_t>(request_.type)) {
    outcome_ = RequestOutcome::kAnswered;
    reason_ = unknown.value().reason;
    detail_ = unknown.value().about;
    return true;
  }
  return false;
}

void Requester::handle_disconnect() {
  if (outcome_ == RequestOutcome::kRunning) outcome_ = RequestOutcome::kLinkLost;
}

Deadline Requester::next_deadline() const {
  Deadline deadline;
  if (outcome_ != RequestOutcome::kRunning) return deadline;
  deadline.any = true;
  const uint32_t end = started_ms_ + config_.timeout_ms;
  deadline.at_ms = !started_ || want_write_ ? now_ms_ : retry_at_ms_;
  if (started_ && static_cast<int32_t>(end - deadline.at_ms) < 0) deadline.at_ms = end;
  return deadline;
}

}  // namespace protocol
}  // namespace roost
