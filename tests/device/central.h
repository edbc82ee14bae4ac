// A host on a perfect link to a Rig, for tests that are about the device: one push or one request, start to end.
#pragma once

#include <vector>

#include "protocol/requester.h"
#include "protocol/sender.h"
#include "tests/device/rig.h"

namespace roost::device::test {

struct Told {
  protocol::Reason reason = protocol::Reason::kOk;
  uint16_t detail = 0;
  bool done = false;          // verified, or answered
  uint32_t resume_chunk = 0;  // of a push
  uint32_t chunks_sent = 0;
};

class Central {
 public:
  explicit Central(Rig& rig, uint16_t conn = 7) : rig_(rig), conn_(conn) {
    rig_.on_notify = [this](uint16_t to, Bytes value) {
      if (to == conn_) inbox_.emplace_back(value.begin(), value.end());
      return true;
    };
    connect();
  }

  void connect() {
    rig_.agent->on_connect(conn_, 247);
    rig_.agent->on_subscribe(conn_, true);
  }
  void disconnect() { rig_.agent->on_disconnect(conn_); }
  void reconnect() {
    inbox_.clear();
    disconnect();
    connect();
  }

  protocol::InfoHead head() {
    std::vector<uint8_t> value(protocol::kInfoBytesMax);
    const auto decoded = protocol::decode_info_head(rig_.agent->info(value, rig_.now));
    return decoded.value();
  }
  protocol::Info info() {
    std::vector<uint8_t> value(protocol::kInfoBytesMax);
    protocol::Info info;
    if (!protocol::decode_info(rig_.agent->info(value, rig_.now), &info).ok()) rig_.violation("Info does not decode");
    return info;
  }

  // Sends the package until it is over, the power goes, or `stop_at_chunk` chunks are known to be durable.
  Told push(const ToyPackage& package, bool force = false, uint32_t stop_at_chunk = UINT32_MAX) {
    rig_.know(package);
    protocol::SendPackage send;
    send.manifest = package.manifest;
    send.payload = package.payload;
    send.package_id = package.id;
    protocol::SenderConfig config;
    config.att_mtu = 247;
    config.epoch_seed = epoch_ = static_cast<uint16_t>(epoch_ + 1000);
    config.force = force;
    config.offers_max = 255;
    protocol::Sender sender(send, config);
    (void)sender.handle_info(head());
    const uint32_t end = rig_.now + 300000;
    while (rig_.now < end && rig_.powered() && sender.progress().chunks_durable < stop_at_chunk) {
      const protocol::SendAction action = sender.poll(rig_.now);
      if (action.kind == protocol::SendAction::Kind::kDone) break;
      if (action.kind == protocol::SendAction::Kind::kWriteControl) (void)rig_.agent->on_control(conn_, action.bytes);
      if (action.kind == protocol::SendAction::Kind::kWriteData) rig_.agent->on_data(conn_, action.bytes);
      if (action.kind != protocol::SendAction::Kind::kNone) {
        (void)sender.written();
        continue;
      }
      turn([&](Bytes frame) { sender.handle_notification(frame, rig_.now); });
    }
    Told told;
    told.reason = sender.reason();
    told.detail = sender.detail();
    told.done = sender.outcome() == protocol::Outcome::kVerified;
    told.resume_chunk = sender.progress().resume_chunk;
    told.chunks_sent = sender.progress().chunks_sent;
    return told;
  }

  Told request(protocol::MessageType type, uint32_t package_id = 0) {
    protocol::Request request;
    request.type = type;
    request.tag = ++tag_;
    request.package_id = package_id;
    protocol::Requester requester(request);
    while (rig_.powered()) {
      const protocol::RequestAction action = requester.poll(rig_.now);
      if (action.kind == protocol::RequestAction::Kind::kDone) break;
      if (action.kind == protocol::RequestAction::Kind::kWrite) {
        (void)rig_.agent->on_control(conn_, action.bytes);
        (void)requester.written();
      }
      turn([&](Bytes frame) { requester.handle_notification(frame, rig_.now); });
    }
    Told told;
    told.done = requester.outcome() == protocol::RequestOutcome::kAnswered;
    told.reason = requester.reason();
    told.detail = requester.detail();
    return told;
  }

  // A state change that came (since the last call), or kOk's type 0.
  bool heard(protocol::MessageType type, protocol::Reason* reason = nullptr, uint32_t* package_id = nullptr) {
    for (const std::vector<uint8_t>& frame : heard_) {
      const auto change = protocol::decode_state_change(frame);
      if (!change.ok() || change.value().type != type) continue;
      if (reason) *reason = change.value().reason;
      if (package_id) *package_id = change.value().package_id;
      return true;
    }
    return false;
  }
  void forget() { heard_.clear(); }

  // Lets the device go on alone until it rests.
  void settle() {
    turn([](Bytes) {});
    rig_.settle();
    turn([](Bytes) {});
  }

 private:
  template <typename Take>
  void turn(Take take) {
    (void)rig_.poll();
    ++rig_.now;
    std::vector<std::vector<uint8_t>> frames;
    frames.swap(inbox_);
    for (std::vector<uint8_t>& frame : frames) {
      take(Bytes(frame));
      heard_.push_back(std::move(frame));
    }
  }

  Rig& rig_;
  uint16_t conn_;
  uint16_t epoch_ = 1;
  uint8_t tag_ = 0;
  std::vector<std::vector<uint8_t>> inbox_, heard_;
};

}  // namespace roost::device::test
