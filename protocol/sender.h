// The host's end of a transfer: a package in, writes out. It owns no link and no clock.
//
// One thread. poll(now) gives the next write; the same one until written(). Only what the device's bitmap lacks is
// sent again; pace comes from the device's limit alone.
//
//   Sender sender(package, config);
//   sender.handle_info(head);
//   while (...) {
//     SendAction action = sender.poll(now);
//     switch (action.kind) {
//       case SendAction::Kind::kWriteControl: link.write_control(action.bytes); sender.written(); break;
//       case SendAction::Kind::kWriteData:    link.write_data(action.bytes); sender.written(); break;
//       case SendAction::Kind::kDone:         return sender.result();
//       case SendAction::Kind::kNone:         wait for a notification or sender.next_deadline();
//     }
//   }
//
// After the link was lost, make a new Sender (with another epoch seed) for the new connection: the device resumes.
#pragma once

#include <stdint.h>
#include <array>

#include "base/span.h"
#include "protocol/control.h"
#include "protocol/error.h"
#include "protocol/fragment.h"
#include "protocol/info.h"
#include "protocol/package.h"
#include "protocol/receiver.h"

namespace roost {
namespace protocol {

// What to deliver. Everything is borrowed for the sender's life.
struct SendPackage {
  Bytes manifest;
  Bytes signature;  // 64 bytes, or empty
  Bytes payload;    // model, padding, body: see package.h
  uint32_t package_id = 0;
};

struct SenderConfig {
  uint16_t att_mtu = 23;
  uint16_t epoch_seed = 0;  // random
  bool force = false;
  uint32_t query_after_ms = 300;    // silence while something is owed to us; longer than two connection intervals
  uint32_t resend_after_ms = 100;   // a fragment is not sent again before this
  uint32_t silent_ms = 15000;       // no notification at all although asked: timed out
  uint32_t no_progress_ms = 90000;  // answers, but nothing moves
  uint8_t offers_max = 8;           // offers made again after the device knew nothing of the transfer, or was busy
  uint32_t busy_retry_ms = 500;
};

// How it ended.
enum class Outcome : uint8_t {
  kRunning,
  kVerified,  // the package is in flash, checked and sealed
  kRefused,   // REJECT or BUSY: nothing was stored. reason, detail
  kFailed,    // accepted, then given up by the device. reason, detail
  kLinkLost,
  kTimedOut,
  kCancelled,
};

struct SendAction {
  enum class Kind : uint8_t { kNone, kWriteControl, kWriteData, kDone };
  Kind kind = Kind::kNone;
  Bytes bytes;
};

struct SendProgress {
  uint32_t payload_size = 0;
  uint32_t payload_done = 0;  // bytes of the payload in chunks known to be durable
  uint32_t chunk_count = 0;
  uint32_t resume_chunk = 0;  // of the last ACCEPT: chunks that needed no sending
  uint32_t chunks_durable = 0;
  uint32_t chunks_sent = 0;     // chunks whose last byte went out for the first time in a stream
  uint32_t fragments_sent = 0;  // all of them
  uint32_t fragments_resent = 0;
  uint64_t data_bytes = 0;      // values written on Data
  uint64_t control_bytes = 0;   // values written on Control
  uint64_t notified_bytes = 0;  // values of notifications that concerned the transfer
  uint32_t reports = 0;
  uint32_t queries = 0;
  uint32_t rewinds = 0;
  uint32_t fragments_awaited = 0;  // sent, and not there yet when the last report was written
  uint32_t credit_stalls = 0;      // times the limit stopped us with more to send
  bool accepted = false;
  bool stored = false;
  bool verified = false;
};

// State and input of the table in SPEC.md.
enum class SenderState : uint8_t {
  kAwaitInfo,
  kWantOffer,     // the next write is the offer
  kAwaitVerdict,  // manifest fragments go out, ACCEPT or REJECT is awaited
  kAwaitStored,   // payload fragments go out
  kAwaitVerified,
  kDone,
};
constexpr size_t kSenderStateCount = 6;

enum class SenderInput : uint8_t {
  kInfo,
  kOfferWritten,
  kAccept,
  kReject,
  kReport,
  kRewind,
  kStored,
  kVerified,
  kFailed,
  kNoTransfer,  // FAILED{no_transfer}: the device knows nothing of it
  kBusy,        // about our offer
  kOfferAgain,  // REJECT{epoch_reused}
  kDisconnect,
  kTimeout,
  kCancel,
};
constexpr size_t kSenderInputCount = 15;

bool sender_next(SenderState state, SenderInput input, SenderState* next);

class Sender {
 public:
  Sender(const SendPackage& package, const SenderConfig& config);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Errors: kIllegal (not the first), kVersion, kRange (the package cannot fit: result says kDoesNotFit or
  // kManifestTooLarge).
  Status handle_info(const InfoHead& info);
  // Any bytes; what does not concern this transfer is ignored. True: it did concern it.
  bool handle_notification(Bytes frame, uint32_t now_ms);
  void handle_disconnect();
  // Ends the transfer here; the device is told by a Requester with kAbort.
  void cancel();

  SendAction poll(uint32_t now_ms);
  Status written();  // the write of the last action is on its way
  Deadline next_deadline() const;

  SenderState state() const { return state_; }
  Outcome outcome() const { return outcome_; }
  Reason reason() const { return reason_; }
  uint16_t detail() const { return detail_; }
  const SendProgress& progress() const { return progress_; }
  uint16_t value_bytes() const { return value_bytes_; }

 private:
  enum class Write : uint8_t { kNothing, kOffer, kQuery, kFragment };
  static constexpr uint32_t kWindow = 128;  // a power of two over the bitmap's reach

  // One stream as the sender sees it. Indices are counts modulo kWindow.
  struct Stream {
    uint16_t epoch = 0;
    bool is_payload = false;
    uint16_t first_chunk = 0;
    uint32_t size = 0;
    uint32_t count = 0;                  // fragments
    uint32_t next = 0;                   // the device has everything before it
    uint32_t limit = 0;                  // the device takes everything before it
    uint32_t fresh = 0;                  // never sent from here on
    std::array<bool, kWindow> lost{};    // to be sent again
    std::array<bool, kWindow> resent{};  // was sent again
    std::array<uint32_t, kWindow> sent_ms{};
  };

  bool step(SenderInput input);
  void finish(SenderInput input, Outcome outcome, Reason reason, uint16_t detail);
  bool check_time();
  bool wants_query() const;
  uint32_t query_at() const;

  void draw_epoch();
  void open_stream(uint16_t epoch, bool is_payload, uint16_t first_chunk, uint32_t limit);
  bool choose_fragment(uint32_t* count);
  void fill_fragment(uint32_t count);
  void read_stream(uint32_t position, MutableBytes out);
  void read_manifest_stream(uint32_t position, MutableBytes out) const;
  size_t read_chunk(uint32_t chunk, uint32_t offset, MutableBytes out);
  uint32_t fragment_size(uint32_t count) const;
  uint32_t chunks_within(uint32_t stream_bytes) const;

  bool take_accept(Bytes frame);
  bool take_reject(Bytes frame);
  bool take_report(Bytes frame);
  bool take_rewind(Bytes frame);
  bool take_milestone(Bytes frame);
  bool take_failed(Bytes frame);
  bool take_busy(Bytes frame);
  bool take_unknown(Bytes frame);
  void note_lost(const Report& report, uint32_t next);
  void note_durable(uint32_t durable);
  void offer_again(SenderInput input, Reason reason, uint32_t at_ms);

  SendPackage package_;
  SenderConfig config_;
  uint32_t credit_bytes_ = 0;
  uint32_t chunk_bytes_ = 0;
  uint16_t payload_bytes_ = 0;  // per fragment
  uint16_t offer_epoch_ = 0;
  uint8_t offers_ = 0;
  Stream stream_;

  Write write_ = Write::kNothing;  // what the last action asked for
  uint32_t write_count_ = 0;       // the fragment's
  Frame control_;
  std::array<uint8_t, kValueBytesMax> value_;
  uint16_t value_size_ = 0;
  uint32_t crc_chunk_ = 0xFFFFFFFF;  // whose CRC is in crc_
  uint32_t crc_ = 0;

  uint32_t now_ms_ = 0;
  uint32_t offer_at_ms_ = 0;
  bool offer_later_ = false;
  uint32_t heard_ms_ = 0;
  uint32_t progress_ms_ = 0;
  uint32_t written_ms_ = 0;
  uint32_t query_ms_ = 0;     // when the last query went out
  uint32_t query_fresh_ = 0;  // what had been sent by then
  bool stalled_ = false;

  SenderState state_ = SenderState::kAwaitInfo;
  Outcome outcome_ = Outcome::kRunning;
  Reason reason_ = Reason::kOk;
  uint16_t detail_ = 0;
  uint16_t value_bytes_ = 0;
  SendProgress progress_;
};

}  // namespace protocol
}  // namespace roost
