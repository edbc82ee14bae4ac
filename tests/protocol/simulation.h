// One sender and one receiver on virtual time, with a link between them that loses, delays, reorders, duplicates
// and corrupts, and an application that programs a slot in memory. Everything follows from one seed.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/crc.h"
#include "protocol/receiver.h"
#include "protocol/sender.h"
#include "tests/protocol/asked.h"

namespace roost::protocol::test {

using Buffer = std::vector<uint8_t>;

struct Faults {
  double lose_data = 0;
  double lose_control = 0;  // either way
  double duplicate = 0;
  double corrupt = 0;      // one bit of a Data value
  uint32_t jitter_ms = 0;  // of Data: reorders
  uint32_t latency_ms = 4;
  double stack_full = 0;  // notifications the stack refuses
};

struct Geometry {
  uint16_t att_mtu = 247;
  size_t ring_bytes = 4096;
  uint16_t unit_bytes = 4;
  uint8_t erased = 0xFF;
  uint16_t chunk_bytes = 4096;
  uint32_t stack_credit_bytes = UINT32_MAX;
  uint32_t program_ms = 0;  // the application leaves kProgram unanswered so long
};

inline Buffer random_bytes(std::mt19937& random, size_t size) {
  Buffer bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// The device: a receiver, and a slot of RAM that is stricter than it need be about who programs what.
class Device {
 public:
  Device(const Geometry& geometry, size_t slot_bytes) : geometry_(geometry), ring_((geometry.ring_bytes + 7) / 8) {
    slot.assign((slot_bytes + geometry.chunk_bytes - 1) / geometry.chunk_bytes * geometry.chunk_bytes,
                geometry.erased);
    written.assign(slot.size(), false);
    restart();
  }

  // As after a reset: RAM gone, flash kept.
  void restart() {
    config_.ring = MutableBytes(reinterpret_cast<uint8_t*>(ring_.data()), geometry_.ring_bytes);
    config_.stack_credit_bytes = geometry_.stack_credit_bytes;
    PageShape page;
    page.bounce = bounce_;
    page.program_unit_bytes = geometry_.unit_bytes;
    page.erased_value = geometry_.erased;
    page.chunk_bytes = geometry_.chunk_bytes;
    receiver = std::make_unique<Receiver>(config_, page);
    receiver->admit(static_cast<uint32_t>(slot.size()));
  }

  InfoHead info() const {
    InfoHead head;
    for (head.chunk_log2 = 0; (1u << head.chunk_log2) < geometry_.chunk_bytes;) ++head.chunk_log2;
    head.initial_credit_bytes = receiver->initial_credit_bytes();
    head.preferred_value_bytes = kValueBytesMax;
    head.payload_bytes_max = static_cast<uint32_t>(slot.size());
    return head;
  }

  void erase_from(uint32_t chunk) {
    for (size_t i = chunk * geometry_.chunk_bytes; i < slot.size(); ++i) {
      slot[i] = geometry_.erased;
      written[i] = false;
    }
  }

  void program(const Asked& action) {
    const size_t unit = geometry_.unit_bytes;
    ASSERT_EQ(action.bytes.size() % unit, 0u);
    ASSERT_EQ(action.offset % unit, 0u);
    ASSERT_LE(action.offset + action.bytes.size(), geometry_.chunk_bytes);
    const size_t at = action.chunk * geometry_.chunk_bytes + action.offset;
    ASSERT_LE(at + action.bytes.size(), slot.size());
    for (size_t i = 0; i < action.bytes.size(); ++i) {
      ASSERT_FALSE(written[at + i]) << "unit programmed twice, chunk " << action.chunk << " offset "
                                    << action.offset;
      written[at + i] = true;
      slot[at + i] = action.bytes[i];
    }
    bytes_programmed += action.bytes.size();
  }

  std::unique_ptr<Receiver> receiver;
  Buffer slot;
  std::vector<bool> written;
  uint32_t durable = 0;           // "in flash": survives restart()
  uint32_t slot_package = 0;      // whose chunks they are
  std::map<uint32_t, int> spoil;  // chunk -> how many times it will not read back
  std::vector<std::string> events;
  uint64_t bytes_programmed = 0;
  uint32_t chunks_closed = 0;
  Reason abandoned_with = Reason::kOk;
  uint16_t abandoned_detail = 0;
  Buffer manifest_seen;
  Buffer signature_seen;
  Reason refuse_manifest = Reason::kOk;
  Reason fail_payload = Reason::kOk;

  // Answers one action other than kSend. `now` is for slow programs.
  void answer(const Asked& action, uint32_t now) {
    switch (action.kind) {
      case Action::kDecideManifest:
        manifest_seen.assign(action.bytes.begin(), action.bytes.end());
        signature_seen.assign(action.signature.begin(), action.signature.end());
        if (refuse_manifest != Reason::kOk) {
          ASSERT_TRUE(receiver->reject(Cause(refuse_manifest, 9)).ok());
          break;
        }
        if (slot_package != action.offer.package_id) durable = 0;
        slot_package = action.offer.package_id;
        erase_from(durable);
        ASSERT_TRUE(receiver->accept(static_cast<uint16_t>(durable)).ok());
        break;
      case Action::kProgram:
        if (geometry_.program_ms != 0 && program_since_ == 0) {
          program_since_ = now + 1;
          break;
        }
        if (geometry_.program_ms != 0 && now + 1 - program_since_ < geometry_.program_ms) break;
        program_since_ = 0;
        program(action);
        ASSERT_TRUE(receiver->programmed().ok());
        break;
      case Action::kCloseChunk:
        close_chunk(action);
        break;
      case Action::kPayloadComplete:
        if (fail_payload != Reason::kOk) {
          ASSERT_TRUE(receiver->payload_failed(Cause(fail_payload, 1)).ok());
          break;
        }
        events.push_back("stored");
        ASSERT_TRUE(receiver->stored().ok());
        break;
      case Action::kVerify:
        events.push_back("verified");
        ASSERT_TRUE(receiver->verified().ok());
        break;
      case Action::kRequest:
        events.push_back("request");
        if (receiver->request().type == MessageType::kAbort && receiver->give_up(Reason::kAskedByHost).ok()) {
          ASSERT_TRUE(receiver->answer_request(Reason::kOk).ok());
          break;
        }
        ASSERT_TRUE(receiver->answer_request(Cause(Reason::kNothingToReturnTo, 3)).ok());
        break;
      case Action::kAbandoned:
        abandoned_with = action.reason;
        abandoned_detail = action.detail;
        program_since_ = 0;
        events.push_back(std::string("abandoned ") + describe(action.reason).name);
        ASSERT_TRUE(receiver->abandoned().ok());
        break;
      case Action::kNone:
      case Action::kSend:
        break;
    }
  }

 private:
  void close_chunk(const Asked& action) {
    const Bytes page(slot.data() + action.chunk * geometry_.chunk_bytes, action.true_size);
    const bool good = chunk_crc(action.offer.package_id, action.chunk, page) == action.crc32;
    ++chunks_closed;
    if (!good || spoil[action.chunk]-- > 0) {
      erase_from(action.chunk);
      ASSERT_TRUE(receiver->chunk_failed(action.chunk).ok());
      return;
    }
    durable = action.chunk + 1u;
    ASSERT_TRUE(receiver->chunk_durable(static_cast<uint16_t>(durable)).ok());
  }

  Geometry geometry_;
  std::vector<uint64_t> ring_;
  std::array<uint8_t, kProgramUnitMax> bounce_{};
  ReceiverConfig config_;
  uint32_t program_since_ = 0;
};

// The link, and the clock.
class World {
 public:
  World(const Geometry& the_geometry, const Faults& the_faults, uint32_t seed, size_t payload_bytes,
        size_t manifest_bytes = 300)
      : geometry(the_geometry), faults(the_faults), random(seed), device(the_geometry, payload_bytes) {
    manifest = random_bytes(random, manifest_bytes);
    payload = random_bytes(random, payload_bytes);
    connect();
  }

  void connect() {
    ++conn;
    air.clear();
    device.receiver->handle_connect(conn, geometry.att_mtu);
    device.receiver->handle_subscribed(conn, true);
    SendPackage package;
    package.manifest = manifest;
    package.signature = signature;
    package.payload = payload;
    package.package_id = 0xC0FFEE00;
    SenderConfig config;
    config.att_mtu = geometry.att_mtu;
    config.epoch_seed = static_cast<uint16_t>(random());
    sender = std::make_unique<Sender>(package, config);
    (void)sender->handle_info(device.info());
  }

  void disconnect() {
    air.clear();
    device.receiver->handle_disconnect(conn);
    sender->handle_disconnect();
  }

  // Runs until the sender is done, `stop` says so, or the time is over. Returns false on time-out.
  template <typename Stop>
  bool run_until(Stop stop, uint32_t limit_ms = 600000) {
    const uint32_t end = now + limit_ms;
    while (now < end) {
      deliver();
      device_turn();
      if (::testing::Test::HasFatalFailure()) return false;
      sender_turn();
      if (stop()) return true;
      ++now;
    }
    return false;
  }
  bool run() {
    return run_until([this] { return sender->state() == SenderState::kDone; });
  }

  // True when the device holds exactly what was sent, padding included.
  void expect_delivered() {
    EXPECT_EQ(sender->outcome(), Outcome::kVerified) << describe(sender->reason()).name;
    ASSERT_GE(device.slot.size(), payload.size());
    EXPECT_TRUE(std::equal(payload.begin(), payload.end(), device.slot.begin()));
    for (size_t i = payload.size(); i < device.slot.size(); ++i) ASSERT_EQ(device.slot[i], geometry.erased);
    EXPECT_EQ(device.manifest_seen, manifest);
  }

  uint64_t total_bytes() const {
    return sender->progress().data_bytes + sender->progress().control_bytes + notified_bytes;
  }

  enum class Way { kControl, kData, kNotify };
  struct Packet {
    uint32_t due;
    Way way;
    Buffer bytes;
  };

  Geometry geometry;
  Faults faults;
  std::mt19937 random;
  uint32_t now = 1000;
  uint16_t conn = 0x40;
  Buffer manifest;
  Buffer signature;
  Buffer payload;
  Device device;
  std::unique_ptr<Sender> sender;
  std::vector<Packet> air;
  uint64_t notified_bytes = 0;
  uint64_t pdus = 0;
  std::function<void()> before_answer;  // called before each answer of the device's application
  std::vector<Buffer> data_log;         // when wanted
  bool keep_log = false;
  std::vector<uint8_t> lose_types;  // of notifications that never arrive
  uint32_t control_due = 0;         // Control and notifications keep their order
  uint32_t notify_due = 0;

 private:
  bool chance(double p) { return p > 0 && std::uniform_real_distribution<double>(0, 1)(random) < p; }

  void put(Way way, Bytes bytes) {
    ++pdus;
    if (chance(way == Way::kData ? faults.lose_data : faults.lose_control)) return;
    const bool lost =
        way == Way::kNotify && std::count(lose_types.begin(), lose_types.end(), message_type(bytes)) > 0;
    if (lost) return;
    const int copies = way != Way::kNotify && chance(faults.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      Packet packet{now + faults.latency_ms, way, Buffer(bytes.begin(), bytes.end())};
      if (way == Way::kData && faults.jitter_ms != 0)
        packet.due += static_cast<uint32_t>(random() % faults.jitter_ms);
      if (way == Way::kControl) packet.due = control_due = std::max(control_due, packet.due);
      if (way == Way::kNotify) packet.due = notify_due = std::max(notify_due, packet.due);
      if (way == Way::kData && chance(faults.corrupt)) {
        packet.bytes[random() % packet.bytes.size()] ^= static_cast<uint8_t>(1u << (random() % 8));
      }
      air.push_back(std::move(packet));
    }
  }

  void deliver() {
    std::vector<Packet> due;
    for (size_t i = 0; i < air.size();) {
      if (air[i].due > now) {
        ++i;
        continue;
      }
      due.push_back(std::move(air[i]));
      air.erase(air.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const Packet& packet : due) {
      if (packet.way == Way::kData) device.receiver->handle_data(conn, packet.bytes);
      if (packet.way == Way::kControl) (void)device.receiver->handle_control(conn, packet.bytes);
      if (packet.way == Way::kNotify) sender->handle_notification(packet.bytes, now);
    }
  }

  void device_turn() {
    for (int i = 0; i < 400; ++i) {
      const Asked action = ask(*device.receiver, now);
      if (action.kind == Action::kNone) break;
      ASSERT_TRUE(!device.receiver->transfer_open() || device.receiver->next_deadline().any);
      if (action.kind == Action::kSend) {
        ASSERT_LE(action.bytes.size(), kFrameBytesMax);
        const bool taken = !chance(faults.stack_full);
        if (taken) {
          notified_bytes += action.bytes.size();
          put(Way::kNotify, action.bytes);
        }
        ASSERT_TRUE(device.receiver->sent(taken).ok());
        continue;
      }
      if (before_answer) before_answer();
      device.answer(action, now);
      if (::testing::Test::HasFatalFailure()) return;
      if (action.kind == Action::kProgram && geometry.program_ms != 0) break;
    }
  }

  void sender_turn() {
    for (int i = 0; i < 400; ++i) {
      const SendAction action = sender->poll(now);
      if (action.kind == SendAction::Kind::kNone || action.kind == SendAction::Kind::kDone) break;
      if (action.kind == SendAction::Kind::kWriteData) {
        ASSERT_LE(action.bytes.size(), geometry.att_mtu - 3u);
        if (keep_log) data_log.emplace_back(action.bytes.begin(), action.bytes.end());
        put(Way::kData, action.bytes);
      } else {
        put(Way::kControl, action.bytes);
      }
      ASSERT_TRUE(sender->written().ok());
    }
  }
};

}  // namespace roost::protocol::test
