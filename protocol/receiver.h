// The device's end of a transfer: fragments in, actions out. It owns no flash, no link and no clock.
//
// Two sides:
// - *Producer*: handle_*. Callable from one other thread or from an interrupt (one producer at a time). They check
//   and copy, and never wait. A fragment that passes its CRC-16 goes to its place in the ring at once, so order does
//   not matter.
// - *Consumer*: everything else, one thread. poll(now) gives the next action; the same one until it is answered. An
//   answer that does not fit the state is Error::kIllegal and changes nothing.
//
// The ring is lent for the receiver's life: 2 to 16 KiB, any size, first byte at a multiple of 8 (a manifest is
// read in place). While no transfer runs the application may borrow it back: lend_ring.
//
//   Receiver receiver(config, page);   // `config` is lent for its life
//   ...
//   Action action = receiver.poll(now_ms);
//   switch (action.kind) {
//     case Action::Kind::kSend:
//       receiver.sent(notify(action.conn, action.bytes));
//       break;
//     case Action::Kind::kProgram:
//       flash.program(at(action.chunk, action.offset), action.bytes);
//       receiver.programmed();
//       break;
//     ...
//   }
//   sleep_until(receiver.next_deadline());
#pragma once

#include <stdint.h>
#include <array>

#include "base/span.h"
#include "protocol/chunk.h"
#include "protocol/control.h"
#include "protocol/error.h"
#include "protocol/fragment.h"
#include "protocol/intake.h"
#include "protocol/notice.h"
#include "protocol/package.h"
#include "protocol/reason.h"

namespace roost {
namespace protocol {

constexpr size_t kRingBytesMin = 2048;
constexpr size_t kRingBytesMax = 16384;
constexpr size_t kProgramUnitMax = 256;

// Lent for the receiver's life: where it is constant, it may stand in flash.
struct ReceiverConfig : IntakeConfig {
  uint16_t program_bytes_max = 512;  // of one kProgram action, rounded up to a unit: how long one may block
  uint32_t stack_credit_bytes = 0;   // what the port's stack holds while nobody polls; 0: no bound but the ring
  uint16_t hole_grace_ms = 10;       // a hole is reported when it is this old: neighbours may merely have swapped
  uint16_t hole_quiet_ms = 150;      // and again after this long without change
  uint16_t query_wait_ms = 30;       // a query may overtake data
  uint16_t host_silent_ms = 15000;   // nothing at all from the host: the transfer ends
  uint16_t no_progress_ms = 60000;   // queries but no new data: the transfer ends
  uint16_t send_retry_ms = 5;        // after the stack refused a notification
};

// What follows from the flash that the pages go to.
struct PageShape {
  // At least a program unit: for one that straddles the ring's end. Made anew at each poll, so between two of them it
  // may be used for other things.
  MutableBytes bounce;
  uint16_t program_unit_bytes = 4;  // power of two, 1..256
  uint16_t chunk_bytes = 4096;      // power of two, 256..4096, a multiple of the program unit
  uint8_t erased_value = 0xFF;
};

struct Action {
  enum class Kind : uint8_t {
    kNone,
    kSend,             // conn, bytes (at most 20)              -> sent
    kDecideOffer,      // conn, offer                           -> answer_offer
    kDecideManifest,   // conn, offer, bytes, signature         -> accept | reject
    kProgram,          // chunk, offset in its page, bytes      -> programmed
    kCloseChunk,       // chunk, true_size, crc32               -> chunk_durable | chunk_failed
    kPayloadComplete,  // offer: digest what flash now reads    -> stored | payload_failed
    kVerify,           // offer, scratch: the gate, the seal    -> verified | payload_failed
    kRequest,          // conn, request                         -> answer_request
    kAbandoned,        // offer, reason, detail: let go         -> abandoned
  };
  Kind kind = Kind::kNone;
  uint16_t conn = 0;
  Bytes bytes;           // kProgram: a whole number of units, the page's last one padded with the erased value
  Bytes signature;       // 64 bytes, or empty
  MutableBytes scratch;  // the ring, idle because every fragment has been taken out of it; until the answer
  Offer offer;
  Request request;
  uint16_t chunk = 0;
  uint16_t offset = 0;
  uint16_t true_size = 0;
  uint32_t crc32 = 0;  // as the host sent it: compare with protocol/chunk.h's over the page read back
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
};

struct Deadline {
  bool any = false;
  uint32_t at_ms = 0;
};

// State and input of the table in SPEC.md. Names say who moves next: kWant* waits for an answer of the application,
// kAwait* for the host.
enum class ReceiverState : uint8_t {
  kIdle,
  kWantOfferAnswer,
  kAwaitManifest,
  kWantManifestAnswer,
  kAwaitChunkHead,
  kAwaitUnits,
  kWantProgrammed,
  kAwaitChunkTail,
  kWantChunkClosed,
  kWantStored,
  kWantVerified,
  kWantAbandoned,
  kLent,  // the ring is with the application
};
constexpr size_t kReceiverStateCount = 13;

enum class ReceiverInput : uint8_t {
  kOffer,       // an offer we can look at
  kOfferTaken,  // answers of the application ...
  kOfferRefused,
  kManifestHere,  // every byte of it in the ring
  kAccepted,
  kAcceptedWhole,  // accepted, and every chunk is durable already
  kManifestRefused,
  kHeadHere,        // four bytes of chunk head, well-formed
  kUnitsHere,       // at least one program unit, or the rest of the page
  kProgrammed,      // answered, the page goes on
  kPageProgrammed,  // answered, the page has all its bytes
  kTailHere,
  kChunkDurable,
  kLastChunkDurable,
  kRewound,  // a page did not read back, or a head made no sense: the stream starts again
  kStored,
  kVerified,
  kPayloadFailed,
  kGiveUp,     // link lost, host silent, aborted, three failures
  kAbandoned,  // the application has let go
  kLend,
  kReturn,
};
constexpr size_t kReceiverInputCount = 22;

// The table itself. False: the input is illegal in that state and changes nothing.
bool receiver_next(ReceiverState state, ReceiverInput input, ReceiverState* next);

// What a Receiver keeps, all zero at first: apart, so that this takes one sweep instead of a store for each.
// Small members first: the shorter instructions reach only so far.
struct ReceiverMode {
  // Frames of the transfer are not queued but owed, and made when they can go: so they are always fresh and need no
  // room. In this order.
  enum Owed : uint8_t {
    kOwedAccept = 1,
    kOwedRewind = 2,
    kOwedStored = 4,
    kOwedResult = 8,  // VERIFIED, FAILED or REJECT
    kOwedAsked = 16,
    kOwedReport = 32,
  };
  enum class Source : uint8_t { kNobody, kTransfer, kReply, kState };
  static constexpr size_t kRepliesMax = 4;

  ReceiverState state_;
  Source source_;
  Owed outgoing_owed_;
  uint8_t reply_count_;
  uint8_t outgoing_reply_;  // its index
  bool epochs_used_;        // those of the last transfer are not to be used again
  bool request_open_;
  std::array<bool, kConnectionsMax> stack_full_;
};

// What is zero again as a transfer begins.
struct TransferMemory {
  uint8_t owed_;
  uint8_t failures_;  // of the page that fails
  uint8_t rewinds_;
  bool payload_stream_;
  bool rewound_;
  bool hole_open_;
  bool hole_reported_;
  bool query_open_;
  bool bounced_;  // what kProgram shows goes through the bounce buffer
  bool result_known_;
  uint16_t first_chunk_;  // of the current payload stream
  uint16_t durable_;
  uint16_t chunk_;
  uint16_t failing_chunk_;
  uint32_t chunk_size_;   // true bytes of this one
  uint32_t page_offset_;  // programmed so far
  uint32_t position_;     // of the stream, consumed so far
  uint32_t announced_;    // the limit the host knows
  uint32_t chunk_crc_;
  uint32_t program_true_;  // true bytes of what kProgram shows
  uint32_t hole_next_;
  uint32_t hole_since_ms_;  // seen, or last reported
  uint32_t query_count_;    // the query waits for fragments up to here, exclusive
  uint32_t query_at_ms_;
};

struct ReceiverMemory : ReceiverMode, TransferMemory {
  struct Reply {
    Peer peer;
    Notice notice;
  };

  // the transfer, or the last one
  uint16_t epoch_;  // of the current stream
  uint16_t epoch_first_;
  uint16_t epoch_last_;
  uint32_t now_ms_;
  uint32_t heard_ms_;     // anything from this transfer's host
  uint32_t progress_ms_;  // a new fragment
  uint32_t taken_seen_;
  Peer peer_;
  Offer offer_;

  // requests
  Request request_;
  Peer request_peer_;
  std::array<uint32_t, kConnectionsMax> answered_session_;  // whose last answer the next one is
  std::array<Notice, kConnectionsMax> answered_;

  // sending
  uint32_t outgoing_limit_;  // what outgoing_ announces, if it is a report
  Peer outgoing_peer_;
  Frame outgoing_;
  Notice accept_;
  Notice result_;                                     // of the last transfer, said again when asked
  Notice news_;                                       // of the running model
  std::array<uint32_t, kConnectionsMax> state_owed_;  // session it is owed to; 0: nobody
  std::array<uint32_t, kConnectionsMax> retry_at_ms_;
  std::array<Reply, kRepliesMax> replies_;
};

class Receiver : private ReceiverMemory {
 public:
  // `lent` must stay, unchanged, as long as the receiver. Values out of range are the caller's mistake.
  Receiver(const ReceiverConfig& lent, const PageShape& page);
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  // ---- producer side ------------------------------------------------------------------------------------------
  // conn is the stack's own handle. A fifth connection at a time is not served (kUnknownConnection).
  void handle_connect(uint16_t conn, uint16_t) { intake_.handle_connect(conn); }
  void handle_subscribed(uint16_t conn, bool notifications_on) {
    intake_.handle_subscribed(conn, notifications_on);
  }
  void handle_disconnect(uint16_t conn) { intake_.handle_disconnect(conn); }
  ControlResult handle_control(uint16_t conn, Bytes bytes);
  // True when the fragment was new and is in the ring now.
  bool handle_data(uint16_t conn, Bytes bytes);

  // ---- consumer side ------------------------------------------------------------------------------------------
  // The next action, or kNone. Sends come first, then requests, then the transfer. Bytes of kProgram stay valid
  // until the next poll, those of kDecideManifest until answered, those of kSend until sent() is called.
  Action poll(uint32_t now_ms);
  // When poll must be called again at the latest. While a transfer is open there is always one.
  Deadline next_deadline() const;

  Status sent(bool taken);                                  // false: the stack is full, poll gives it again later
  Status answer_offer(Reason reason, uint16_t detail = 0);  // kOk: go on with the manifest
  // resume_chunk: the first chunk that is not durable; 0 for a fresh slot, the chunk count when all are.
  Status accept(uint16_t resume_chunk);
  Status reject(Reason reason, uint16_t detail = 0);
  Status programmed();
  // Answers kCloseChunk: the page read back good. durable_count counts from the package's first chunk; it may lag
  // behind (whole erase blocks) but never goes back.
  Status chunk_durable(uint16_t durable_count);
  // Answers kCloseChunk, and kProgram whose flash operation failed. The stream starts again at restart_chunk, at
  // most the one that failed; three times a page, then kAbandoned{reason}.
  Status chunk_failed(uint16_t restart_chunk, Reason reason = Reason::kPageUnreadable);
  Status stored();
  Status verified();
  Status payload_failed(Reason reason, uint16_t detail = 0);
  Status answer_request(Reason reason, uint16_t detail = 0);
  Status abandoned();

  // The application ends the transfer (kAbandoned follows). kIllegal when none is open.
  Status give_up(Reason reason, uint16_t detail = 0);
  // More chunks became durable outside of an answer (an erase block was completed). kRange: going back, or too far.
  Status update_durable(uint16_t durable_count);
  // Tells every subscribed host. The newest change replaces one that is not sent yet.
  void notify_state(MessageType type, uint32_t package_id, Reason reason = Reason::kOk, uint16_t detail = 0);

  // Takes the idle ring for other work until return_ring; offers meanwhile are answered BUSY. kIllegal while a
  // transfer is open, or in the very moment a producer on another thread is inside a handle_ call: try again later.
  Result<MutableBytes> lend_ring();
  Status return_ring();

  // ---- for reports and tests ------------------------------------------------------------------------------------
  ReceiverState state() const { return state_; }
  bool transfer_open() const { return state_ != ReceiverState::kIdle && state_ != ReceiverState::kLent; }
  uint16_t durable_chunks() const { return durable_; }
  uint32_t fragments_taken() const { return intake_.taken(); }
  size_t ring_bytes() const { return config_.ring.size(); }
  // Bytes of manifest payload a host may send right after its offer: for Info.
  uint16_t initial_credit_bytes() const;

 private:
  bool host_here() const;
  bool step(ReceiverInput input);
  Status answered(ReceiverInput input);

  uint32_t patience_end_ms() const;
  uint32_t hole_report_ms() const;

  // what happened since the last poll
  void watch();
  void watch_hole(const Arrival& arrival);
  void watch_credit();
  void read_mail();
  void handle_mail(const Mail& mail);
  void handle_offer(const Offer& offer, const Mail& mail);
  bool offer_is_ours(const Offer& offer, const Mail& mail) const;
  Reason offer_fault(const Offer& offer, uint16_t* detail) const;
  void begin_transfer(const Offer& offer, const Mail& mail);
  StreamPlan stream_plan(uint32_t size) const;
  void handle_query(const Query& query, const Peer& from);
  void answer_query(const Query& query);
  void handle_request(const Request& request, const Mail& mail);
  void reply_busy(const Mail& mail, uint16_t tag);
  void reply_answer(const Peer& peer, const Request& request, Reason reason, uint16_t detail);
  bool is_of_transfer(const Peer& peer) const { return transfer_open() && same_peer(peer, peer_); }

  // the stream
  void advance();
  bool look_for_head();
  bool look_for_units();
  bool look_for_tail();
  bool take_program(size_t size, bool bounced);
  Bytes program_bytes() const;
  void peek(uint32_t position, MutableBytes out) const;
  bool peek_word(uint32_t* word) const;
  void consume(uint32_t size);
  void open_payload_stream(uint16_t first_chunk);
  void begin_chunk(uint16_t chunk);
  bool rewind(uint16_t restart_chunk, Reason reason);
  void end_transfer();
  void abandon(Reason reason, uint16_t detail);
  Status refuse(ReceiverInput input, Reason reason, uint16_t detail);
  Notice notice(MessageType type) const;
  void conclude(MessageType type, Reason reason, uint16_t detail);
  void owe(Owed owed);

  // credit
  uint32_t window_fragments() const;
  uint32_t limit_count() const;

  // sending
  void reply(const Peer& peer, const Notice& notice);
  void drop_reply(size_t index);
  bool send_next(Source source, const Peer& peer, const Frame& frame);
  bool find_frame();
  bool find_transfer_frame();
  Frame make_frame(Owed owed);
  Frame make_report(bool asked);
  bool outgoing_alive() const { return source_ != Source::kNobody && intake_.connected(outgoing_peer_); }

  void show_transfer(Action* action) const;
  uint32_t chunk_total() const;

  const ReceiverConfig& config_;
  PageShape page_;
  Intake intake_;
};

}  // namespace protocol
}  // namespace roost
