// Any bytes on Control and Data, at any moment of a real delivery, from two centrals: a whole device (tests/device/rig.h)
// with every invariant checked after each poll.
//
// The input is a script: one byte of operation, then its arguments. Some operations play a proper host, so that deep
// states are reached; others cut the power or reset.
#include <algorithm>
#include <memory>
#include <vector>

#include "protocol/sender.h"
#include "tests/device/rig.h"

namespace roost::device::test {
namespace {

constexpr uint16_t kHost = 1;
constexpr uint16_t kStranger = 2;
constexpr int kStepsMax = 400;

class Script {
 public:
  explicit Script(Bytes bytes) : bytes_(bytes) {}
  bool empty() const { return offset_ == bytes_.size(); }
  uint8_t u8() { return empty() ? 0 : bytes_[offset_++]; }
  Bytes bytes(size_t size) {
    const size_t take = std::min(size, bytes_.size() - offset_);
    offset_ += take;
    return bytes_.subspan(offset_ - take, take);
  }

 private:
  Bytes bytes_;
  size_t offset_ = 0;
};

const std::vector<ToyPackage>& packages() {
  static const std::vector<ToyPackage> kPackages = {
      toy_package({.key = 1, .version = "1", .filler_bytes = 700}),
      toy_package({.key = 2, .version = "2", .filler_bytes = 900, .confirm_after = 2}),
      toy_package({.key = 3, .version = "brittle", .filler_bytes = 200, .brittle = true, .body = false}),
      toy_package({.key = 4, .version = "bad", .filler_bytes = 100, .flaw = Flaw::kSelfTestWrong}),
      toy_package({.key = 5, .version = "bad body", .filler_bytes = 100, .flaw = Flaw::kBodyMalformed}),
      toy_package({.key = 6, .version = "other", .filler_bytes = 100, .flaw = Flaw::kHardware})};
  return kPackages;
}

RigOptions options(uint8_t choice) {
  RigOptions options;
  const char* kBoards[] = {"microbit", "nano33ble", "stm32wb", "zero_erased"};
  options.board = kBoards[choice % 4];
  options.payload_blocks = options.board == std::string("microbit") ? 3 : 1;
  options.slot_count = (choice & 4) != 0 ? 3 : 2;
  options.arena_bytes = (choice & 8) != 0 ? 448 : 4096;
  options.early_erase = (choice & 16) != 0;
  if ((choice & 32) != 0) options.builtin = &packages()[0];
  return options;
}

class Play {
 public:
  explicit Play(Script* script) : script_(*script), rig_(options(script->u8())) {
    for (const ToyPackage& package : packages()) rig_.know(package);
    rig_.on_notify = [this](uint16_t conn, Bytes value) {
      if (conn == kHost) inbox_.emplace_back(value.begin(), value.end());
      return script_.empty() || (value.data()[0] & 1) != 0 || ++refusals_ % 5 != 0;
    };
    boot(storage::ResetCause::kOther);
  }

  void run() {
    for (int steps = 0; steps < kStepsMax && !script_.empty(); ++steps) {
      step(script_.u8());
      check();
    }
    finish();
  }

 private:
  void check() {
    if (rig_.violations().empty()) return;
    for (const std::string& what : rig_.violations()) fprintf(stderr, "%s\n", what.c_str());
    __builtin_trap();
  }

  void boot(storage::ResetCause cause) {
    sender_.reset();
    inbox_.clear();
    for (int tries = 0; !rig_.boot(cause) && tries < 3; ++tries) {
    }
    for (uint16_t conn : {kHost, kStranger}) connect(conn);
  }
  void connect(uint16_t conn) {
    rig_.agent->on_connect(conn, 247);
    rig_.agent->on_subscribe(conn, true);
  }

  void poll(int count) {
    while (count-- > 0) {
      (void)rig_.poll();
      if (!rig_.powered()) return boot(storage::ResetCause::kOther);
      ++rig_.now;
    }
  }

  void start_sender(const ToyPackage& package, bool force) {
    protocol::SendPackage send;
    send.manifest = package.manifest;
    send.payload = package.payload;
    send.package_id = package.id;
    protocol::SenderConfig config;
    config.att_mtu = 247;
    config.epoch_seed = epoch_ = static_cast<uint16_t>(epoch_ + 500);
    config.force = force;
    uint8_t value[protocol::kInfoBytesMax];
    const auto head = protocol::decode_info_head(rig_.agent->info(value, rig_.now));
    if (!head.ok()) return rig_.violation("Info does not decode");
    sender_ = std::make_unique<protocol::Sender>(send, config);
    (void)sender_->handle_info(head.value());
  }

  void host_turns(int count) {
    for (; count > 0 && sender_; --count) {
      const protocol::SendAction action = sender_->poll(rig_.now);
      if (action.kind == protocol::SendAction::Kind::kDone) {
        sender_.reset();
        return;
      }
      if (action.kind == protocol::SendAction::Kind::kWriteData) {
        last_data_.assign(action.bytes.begin(), action.bytes.end());
        rig_.agent->on_data(kHost, action.bytes);
      }
      if (action.kind == protocol::SendAction::Kind::kWriteControl) (void)rig_.agent->on_control(kHost, action.bytes);
      if (action.kind != protocol::SendAction::Kind::kNone) (void)sender_->written();
      poll(2);
      std::vector<std::vector<uint8_t>> frames;
      frames.swap(inbox_);
      for (const std::vector<uint8_t>& frame : frames) {
        if (sender_) (void)sender_->handle_notification(frame, rig_.now);
      }
    }
  }

  void request(uint8_t choice) {
    const protocol::MessageType kTypes[] = {protocol::MessageType::kActivate, protocol::MessageType::kConfirm,
                                            protocol::MessageType::kRollback, protocol::MessageType::kAbort,
                                            protocol::MessageType::kEraseModels};
    protocol::Request request;
    request.type = kTypes[choice % 5];
    request.tag = ++tag_;
    (void)rig_.agent->on_control(kHost, protocol::encode(request).bytes());
    poll(6);
  }

  void step(uint8_t operation) {
    const uint16_t conn = (operation & 0x80) != 0 ? kStranger : kHost;
    switch (operation & 0x0F) {
      case 0: return (void)rig_.agent->on_control(conn, script_.bytes(script_.u8() % 24));
      case 1: return rig_.agent->on_data(conn, script_.bytes(script_.u8()));
      case 2: return poll(script_.u8() % 32);
      case 3: return (void)(rig_.now += script_.u8() * 40u);
      case 4: {
        const uint8_t choice = script_.u8();
        return start_sender(packages()[choice % packages().size()], (choice & 0x80) != 0);
      }
      case 5: return host_turns(script_.u8() % 64);
      case 6: return request(script_.u8());
      case 7: {
        const uint8_t choice = script_.u8();
        return rig_.flash.cut_power(rig_.flash.operations() + choice % 40, static_cast<CutPoint>(choice / 40 % 3), choice);
      }
      case 8: return boot(script_.u8() % 4 == 0 ? storage::ResetCause::kWatchdog : storage::ResetCause::kOther);
      case 9: {
        ToyValues input(kToyElements, script_.u8());
        (void)rig_.infer(input);
        if (!rig_.powered()) boot(storage::ResetCause::kOther);
        return;
      }
      case 10:
        rig_.agent->on_disconnect(conn);
        if (conn == kHost) sender_.reset();
        poll(3);
        return connect(conn);
      case 11: {
        std::vector<uint8_t> bytes = last_data_;
        const uint8_t at = script_.u8();
        if (!bytes.empty()) bytes[at % bytes.size()] ^= script_.u8();
        return rig_.agent->on_data(conn, bytes);
      }
      case 12: return rig_.agent->on_subscribe(conn, script_.u8() % 2 != 0);
      case 13: return (void)rig_.flash.fail_operations(rig_.flash.operations() + script_.u8() % 8, 2, Fault::kBusy);
      case 14:
        (void)((script_.u8() & 1) != 0 ? rig_.agent->confirm(rig_.now) : rig_.agent->give_back());
        if (!rig_.powered()) boot(storage::ResetCause::kOther);
        return;
      default: return poll(1);
    }
  }

  // The hosts are gone: whatever was open ends, and a model that was confirmed serves.
  void finish() {
    rig_.flash.cut_power(UINT64_MAX, CutPoint::kBefore, 0);
    rig_.flash.clear_faults();
    for (uint16_t conn : {kHost, kStranger}) rig_.agent->on_disconnect(conn);
    for (int i = 0; i < 300; ++i) {
      poll(20);
      rig_.now += 500;
    }
    if (rig_.agent->receiver().transfer_open()) rig_.violation("a transfer goes on with nobody there");
    if (rig_.agent->activation().busy()) rig_.violation("a swap never ends");
    const bool confirmed = rig_.agent->store().slot_in(storage::SlotState::kConfirmed) != storage::kNoSlot;
    if (confirmed && !rig_.agent->serving() && !rig_.agent->activation().safe_mode()) {
      rig_.violation("a confirmed model, and none serves");
    }
    check();
  }

  Script& script_;
  Rig rig_;
  std::unique_ptr<protocol::Sender> sender_;
  std::vector<std::vector<uint8_t>> inbox_;
  std::vector<uint8_t> last_data_;
  uint16_t epoch_ = 1;
  uint8_t tag_ = 0;
  uint32_t refusals_ = 0;
};

}  // namespace
}  // namespace roost::device::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::device::test::Script script(roost::Bytes(data, size));
  roost::device::test::Play(&script).run();
  return 0;
}
