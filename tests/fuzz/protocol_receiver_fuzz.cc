// The receiver between a hostile host and an application that answers at random, some of it wrongly.
//
// The input is a script: one byte of operation, then its arguments. Half of the operations play a proper host, so
// that deep states are reached. Checked after each: program actions are in order, aligned, inside the page and
// never before an accept; frames fit 20 bytes; an illegal answer changes nothing; an open transfer has a deadline;
// and once the script is over and the hosts are gone, the transfer ends.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "protocol/receiver.h"
#include "tests/protocol/asked.h"

namespace roost::protocol {
namespace {

using Kind = Action;
using Buffer = std::vector<uint8_t>;

constexpr uint16_t kHost = 1;
constexpr uint16_t kStranger = 2;
constexpr uint32_t kPackage = 0xABCD1234;

class Script {
 public:
  explicit Script(Bytes bytes) : bytes_(bytes) {}
  bool empty() const { return offset_ == bytes_.size(); }
  uint8_t u8() { return empty() ? 0 : bytes_[offset_++]; }
  uint16_t u16() { return static_cast<uint16_t>(u8() | u8() << 8); }
  Bytes bytes(size_t size) {
    const size_t take = std::min(size, bytes_.size() - offset_);
    offset_ += take;
    return bytes_.subspan(offset_ - take, take);
  }

 private:
  Bytes bytes_;
  size_t offset_ = 0;
};

class Play {
 public:
  explicit Play(Script* script)
      : script_(*script), ring_(2048 / 8 + 8 * (script->u8() % 4)), receiver_(config_, shape()) {
    connect(kHost);
    connect(kStranger);
  }

  void run() {
    for (int steps = 0; steps < 3000 && !script_.empty(); ++steps) {
      step(script_.u8());
      check();
    }
    finish();
  }

 private:
  // Fills in the configuration as well.
  PageShape shape() {
    const uint8_t drawn = script_.u8();
    config_.ring = MutableBytes(reinterpret_cast<uint8_t*>(ring_.data()), ring_.size() * 8);
    config_.stack_credit_bytes = (drawn & 8) != 0 ? 700 : UINT32_MAX;
    PageShape page;
    page.bounce = bounce_;
    page.program_unit_bytes = static_cast<uint16_t>(1u << (drawn % 9));
    page.chunk_bytes = static_cast<uint16_t>(256u << (drawn / 16 % 5));
    unit_ = page.program_unit_bytes;
    chunk_bytes_ = page.chunk_bytes;
    return page;
  }

  void connect(uint16_t conn) {
    receiver_.admit(1 << 20);
    receiver_.handle_connect(conn, 247);
    receiver_.handle_subscribed(conn, true);
  }

  void step(uint8_t operation) {
    switch (operation % 20) {
      case 0:
        (void)receiver_.handle_control(kHost, script_.bytes(script_.u8() % 22));
        break;
      case 1:
        (void)receiver_.handle_control(kStranger, script_.bytes(script_.u8() % 22));
        break;
      case 2:
        receiver_.handle_data(kHost, script_.bytes(script_.u8() * 2u));
        break;
      case 3:
        receiver_.handle_data(kStranger, script_.bytes(script_.u8()));
        break;
      case 4:
        offer();
        break;
      case 5:
      case 6:
        send_proper(1 + script_.u8() % 40, 0);
        break;
      case 7:
        send_proper(1, script_.u8() % 130);
        break;
      case 8:
        send_spoiled();
        break;
      case 9:
        query();
        break;
      case 10:
        now_ += script_.u8();
        break;
      case 11:
        now_ += script_.u16();
        break;
      case 12:
        answer(script_.u8());
        break;
      case 13:
      case 14:
        for (int i = 0; i < 60; ++i) answer(0);
        break;
      case 15:
        wrong_answers();
        break;
      case 16:
        receiver_.handle_disconnect(kHost);
        if (script_.u8() % 2 == 0) connect(kHost);
        break;
      case 17:
        receiver_.handle_subscribed(kHost, script_.u8() % 2 == 0);
        break;
      case 18:
        lend();
        break;
      case 19:
        other(script_.u8());
        break;
    }
  }

  // ---- a proper host
  void offer() {
    Offer o;
    o.epoch = script_.u16();
    o.package_id = kPackage;
    o.manifest_size = static_cast<uint16_t>(1 + script_.u16() % 1100);
    o.payload_size = 1u + script_.u16() % 20000;
    o.fragment_payload = static_cast<uint16_t>(16 + script_.u16() % 480);
    if (receiver_.handle_control(kHost, encode(o).bytes()) != ControlResult::kTaken) return;
    if (receiver_.transfer_open()) return;
    offer_ = o;
    epoch_ = o.epoch;
    sent_ = 0;
    stream_ = Buffer(o.manifest_size, 0x4D);
  }

  void new_stream(uint16_t epoch, uint32_t first_chunk) {
    epoch_ = epoch;
    sent_ = 0;
    stream_.clear();
    for (uint32_t k = first_chunk; k < chunk_count(offer_.payload_size, chunk_bytes_); ++k) {
      const Buffer page(chunk_true_size(offer_.payload_size, chunk_bytes_, k), static_cast<uint8_t>(k));
      uint8_t word[4];
      ChunkHead head;
      head.encoded_size = static_cast<uint16_t>(page.size());
      encode_chunk_head(head, word);
      stream_.insert(stream_.end(), word, word + 4);
      stream_.insert(stream_.end(), page.begin(), page.end());
      store_le32(word, chunk_crc(kPackage, k, page));
      stream_.insert(stream_.end(), word, word + 4);
    }
  }

  Buffer fragment(uint32_t count) {
    const size_t at = static_cast<size_t>(count) * offer_.fragment_payload;
    if (offer_.fragment_payload == 0 || at >= stream_.size()) return {};
    const size_t size = std::min<size_t>(offer_.fragment_payload, stream_.size() - at);
    Buffer value(size + kFragmentOverheadBytes);
    std::copy_n(stream_.begin() + static_cast<std::ptrdiff_t>(at), size, value.begin() + 2);
    seal_fragment(epoch_, count, size, value);
    return value;
  }

  void send_proper(uint32_t how_many, uint32_t ahead) {
    for (uint32_t i = 0; i < how_many; ++i) {
      const bool taken = receiver_.handle_data(kHost, fragment(sent_ + ahead));
      if (taken && ahead == 0) ++sent_;
    }
  }

  void send_spoiled() {
    Buffer value = fragment(sent_);
    if (value.empty()) return;
    value[script_.u8() % value.size()] ^= static_cast<uint8_t>(1u << (script_.u8() % 8));
    receiver_.handle_data(kHost, value);
  }

  void query() {
    Query q;
    q.epoch = script_.u8() % 4 == 0 ? script_.u16() : epoch_;
    q.last_sent = script_.u8();
    (void)receiver_.handle_control(kHost, encode(q).bytes());
  }

  // ---- the application
  void answer(uint8_t how) {
    const Asked action = ask(receiver_, now_);
    check_action(action);
    const bool gently = how % 4 != 3;
    switch (action.kind) {
      case Kind::kNone:
        return;
      case Kind::kSend:
        take_frame(action, how % 8 != 7);
        return;
      case Kind::kDecideManifest:
        decide_manifest(how);
        return;
      case Kind::kProgram:
        if (!gently) {
          (void)receiver_.chunk_failed(action.chunk);
          programmed_ = 0;
          return;
        }
        programmed_ = action.offset + static_cast<uint32_t>(action.bytes.size());
        ROOST_ASSERT(receiver_.programmed().ok());
        return;
      case Kind::kCloseChunk:
        if (gently) {
          ROOST_ASSERT(receiver_.chunk_durable(static_cast<uint16_t>(action.chunk + 1)).ok());
        } else {
          (void)receiver_.chunk_failed(action.chunk);
        }
        programmed_ = 0;
        return;
      case Kind::kPayloadComplete:
        (void)(gently ? receiver_.stored() : receiver_.payload_failed(Reason::kDigestMismatch));
        accepted_ = accepted_ && gently;
        return;
      case Kind::kVerify:
        (void)(gently ? receiver_.verified() : receiver_.payload_failed(Reason::kModelMalformed));
        accepted_ = false;
        return;
      case Kind::kRequest:
        if (receiver_.request().type == MessageType::kAbort) (void)receiver_.give_up(Reason::kAskedByHost);
        (void)receiver_.answer_request(gently ? Reason::kOk : Reason::kNothingToActivate);
        return;
      case Kind::kAbandoned:
        ROOST_ASSERT(receiver_.abandoned().ok());
        accepted_ = false;
        programmed_ = 0;
        return;
    }
  }

  void decide_manifest(uint8_t how) {
    if (how % 4 == 3) {
      ROOST_ASSERT(receiver_.reject(Reason::kArenaTooSmall).ok());
      return;
    }
    const uint32_t total = chunk_count(receiver_.offer().payload_size, chunk_bytes_);
    const uint32_t resume = how % 4 == 0 ? 0 : how % (total + 1);
    ROOST_ASSERT(receiver_.accept(static_cast<uint16_t>(resume)).ok());
    accepted_ = true;
    programmed_ = 0;
  }

  void take_frame(const Asked& action, bool taken) {
    const Result<Accept> accept = decode_accept(action.bytes);
    const Result<Rewind> rewind = decode_rewind(action.bytes);
    const bool to_host = action.conn == kHost;
    ROOST_ASSERT(receiver_.sent(taken).ok());
    if (taken && to_host && accept.ok() && accept.value().epoch != epoch_) {
      new_stream(accept.value().epoch, accept.value().resume_chunk);
    }
    if (taken && to_host && rewind.ok() && rewind.value().epoch != epoch_) {
      new_stream(rewind.value().epoch, rewind.value().chunk);
    }
  }

  // Every answer that the state does not ask for: refused, and nothing changes.
  void wrong_answers() {
    const ReceiverState state = receiver_.state();
    const auto refuse = [&](ReceiverState legal, Status (*call)(Receiver&)) {
      if (state == legal) return;
      ROOST_ASSERT(!call(receiver_).ok());
      ROOST_ASSERT(receiver_.state() == state);
    };
    refuse(ReceiverState::kWantManifestAnswer, [](Receiver& r) { return r.accept(0); });
    refuse(ReceiverState::kWantProgrammed, [](Receiver& r) { return r.programmed(); });
    refuse(ReceiverState::kWantChunkClosed, [](Receiver& r) { return r.chunk_durable(0); });
    refuse(ReceiverState::kWantStored, [](Receiver& r) { return r.stored(); });
    refuse(ReceiverState::kWantVerified, [](Receiver& r) { return r.verified(); });
    refuse(ReceiverState::kWantAbandoned, [](Receiver& r) { return r.abandoned(); });
    refuse(ReceiverState::kLent, [](Receiver& r) { return r.return_ring(); });
  }

  void lend() {
    if (receiver_.state() == ReceiverState::kLent) {
      ROOST_ASSERT(receiver_.return_ring().ok());
      return;
    }
    if (!receiver_.lend_ring().ok()) return;
    const MutableBytes ring = receiver_.scratch();
    std::fill(ring.begin(), ring.end(), uint8_t{0xA5});
  }

  void other(uint8_t what) {
    if (what % 2 == 0) (void)receiver_.give_up(Reason::kAskedByApplication);
    if (what % 2 == 1) receiver_.notify_state(MessageType::kActive, kPackage);
  }

  // ---- what must hold
  void check_action(const Asked& action) {
    if (action.kind == Kind::kSend) ROOST_ASSERT(!action.bytes.empty() && action.bytes.size() <= kFrameBytesMax);
    if (action.kind == Kind::kDecideManifest) ROOST_ASSERT(action.bytes.size() == action.offer.manifest_size);
    if (action.kind == Kind::kCloseChunk) ROOST_ASSERT(accepted_ && action.true_size <= chunk_bytes_);
    if (action.kind != Kind::kProgram) return;
    ROOST_ASSERT(accepted_ && !action.bytes.empty());
    ROOST_ASSERT(action.bytes.size() % unit_ == 0 && action.offset % unit_ == 0);
    ROOST_ASSERT(action.offset == programmed_);
    ROOST_ASSERT(action.offset + action.bytes.size() <= chunk_bytes_);
    ROOST_ASSERT(action.chunk < chunk_count(action.offer.payload_size, chunk_bytes_));
  }

  void check() {
    check_action(ask(receiver_, now_));
    if (receiver_.transfer_open()) ROOST_ASSERT(receiver_.next_deadline().any);
  }

  void finish() {
    if (receiver_.state() == ReceiverState::kLent) ROOST_ASSERT(receiver_.return_ring().ok());
    for (int i = 0; i < 20000 && receiver_.poll(now_) != Kind::kNone; ++i) answer(0);
    receiver_.handle_disconnect(kHost);
    receiver_.handle_disconnect(kStranger);
    for (int i = 0; i < 20000 && receiver_.transfer_open(); ++i) answer(0);
    ROOST_ASSERT(!receiver_.transfer_open());
  }

  Script& script_;
  std::vector<uint64_t> ring_;
  std::array<uint8_t, kProgramUnitMax> bounce_{};
  uint32_t unit_ = 4;
  uint32_t chunk_bytes_ = 4096;
  ReceiverConfig config_;
  Receiver receiver_;
  uint32_t now_ = 0;
  Offer offer_;
  uint16_t epoch_ = 0;
  uint32_t sent_ = 0;
  Buffer stream_;
  bool accepted_ = false;
  uint32_t programmed_ = 0;
};

}  // namespace

void play(Bytes bytes) {
  Script script(bytes);
  Play(&script).run();
}

}  // namespace roost::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::protocol::play(roost::Bytes(data, size));
  return 0;
}
