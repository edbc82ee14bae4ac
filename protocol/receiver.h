// The device's end of a transfer: fragments in, actions out. It owns no flash, no link and no clock.
//
// Two sides:
// - *Producer*: handle_*. Callable from one other thread or from an interrupt (one producer at a time). They check
//   and copy, and never wait. A fragment that passes its CRC-16 goes to its place in the ring at once, so order does
//   not matter.
// - *Consumer*: everything else, one thread. poll(now) gives the next action; the same one until it is answered (a
//   frame to send may have been made anew meanwhile). What the action is about is asked of the receiver. An answer
//   that does not fit the state is Error::kIllegal and changes nothing.
//
// The ring is lent for the receiver's life: 2 to 16 KiB, any size, first byte at a multiple of 8 (a manifest is
// read in place). While no transfer runs the application may borrow it back: lend_ring.
//
//   Receiver receiver(config, page);   // `config` is lent for its life
//   ...
//   switch (receiver.poll(now_ms)) {
//     case Action::kSend:
//       receiver.sent(notify(receiver.frame_conn(), receiver.frame()));
//       break;
//     case Action::kProgram:
//       flash.program(at(receiver.chunk(), receiver.page_offset()), receiver.units());
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
  uint16_t program_bytes_max = 512;          // of one kProgram action, or one unit: how long one may block
  uint32_t stack_credit_bytes = UINT32_MAX;  // what the port's stack holds while nobody polls; left alone: anything
  uint16_t hole_grace_ms = 10;      // a hole is reported when it is this old: neighbours may merely have swapped
  uint16_t hole_quiet_ms = 150;     // and again after this long without change
  uint16_t query_wait_ms = 30;      // a query may overtake data
  uint16_t host_silent_ms = 15000;  // nothing at all from the host: the transfer ends
  uint16_t no_progress_ms = 60000;  // queries but no new data: the transfer ends
  uint16_t send_retry_ms = 5;       // after the stack refused a notification
};

// What follows from the flash that the pages go to, and is checked where that is laid out.
struct PageShape {
  // At least a program unit: for one that straddles the ring's end. Made anew when units() are asked for, so that it
  // may be used for other things once they are programmed.
  MutableBytes bounce;
  uint16_t program_unit_bytes = 4;  // power of two, 1..256
  uint16_t chunk_bytes = 4096;      // power of two, 256..4096, a multiple of the program unit
  uint8_t erased_value = 0xFF;
};

struct Deadline {
  bool any = false;
  uint32_t at_ms = 0;
};

// State and input of the table in SPEC.md. Names say who moves next: kWant* waits for an answer of the application,
// kAwait* for the host. A transfer is open from kAwaitManifest on.
enum class ReceiverState : uint8_t {
  kIdle,
  kLent,  // the ring is with the application
  kAwaitManifest,
  kAwaitChunk,  // what comes next of it: its head, at least one program unit or the rest of the page, its tail
  kWantManifestAnswer,
  kWantProgrammed,
  kWantChunkClosed,
  kWantStored,
  kWantVerified,
  kWantAbandoned,
};
constexpr size_t kReceiverStateCount = 10;

// What the application is asked to do, what about, and the answers to that. From kDecideManifest on it is what the
// state of that number wants.
enum class Action : uint8_t {
  kNone,
  kSend,     // frame_conn, frame (at most 20)   -> sent
  kRequest,  // request; ABORT with a transfer open: give_up             -> answer_request
  // offer, manifest, signature                                          -> accept | reject
  kDecideManifest = static_cast<uint8_t>(ReceiverState::kWantManifestAnswer),
  kProgram,          // chunk, page_offset, units                        -> programmed | chunk_failed
  kCloseChunk,       // chunk, chunk_size, chunk_crc                     -> chunk_durable | chunk_failed
  kPayloadComplete,  // offer: digest what flash now reads               -> stored | payload_failed
  kVerify,           // offer, scratch: the gate, the seal               -> verified | payload_failed
  kAbandoned,        // offer, end_cause: let go            -> abandoned
};

enum class ReceiverInput : uint8_t {
  kOffer,         // one that may come
  kManifestHere,  // every byte of it in the ring
  kAccepted,
  kManifestRefused,
  kUnitsHere,
  kProgrammed,
  kChunkHere,  // to its last byte
  kChunkDurable,
  kPayloadDurable,  // that was the last one, or none is missing
  kRewound,         // a page did not read back, or a head made no sense: the stream starts again
  kStored,
  kVerified,
  kPayloadFailed,
  kGiveUp,     // link lost, host silent, aborted, three failures
  kAbandoned,  // the application has let go
  kLend,
  kReturn,
};
constexpr size_t kReceiverInputCount = 17;

// The table itself, by input: from which states, to which one, and what the host is told then, if anything.
struct ReceiverRow {
  uint16_t from;  // bit n: state n
  ReceiverState next;
  MessageType says;
};
extern const ReceiverRow kReceiverTable[kReceiverInputCount];

// False: the input is illegal in that state and changes nothing.
inline bool receiver_next(ReceiverState state, ReceiverInput input, ReceiverState* next) {
  const ReceiverRow& row = kReceiverTable[static_cast<size_t>(input)];
  if ((row.from >> static_cast<unsigned>(state) & 1) == 0) return false;
  *next = row.next;
  return true;
}

// What a Receiver is told once. In front, and small members first: the shorter instructions reach only so far.
struct ReceiverSetup {
  const ReceiverConfig& config_;
  uint8_t* const bounce_;
  const uint16_t program_unit_bytes_;
  const uint16_t chunk_bytes_;
  const uint8_t erased_value_;
  uint32_t payload_bytes_max_;
};

// What it keeps, all zero at first: apart, so that this takes one sweep instead of a store for each. Here, what is
// zero again as a transfer begins.
struct TransferMemory {
  // Frames are not queued but owed, and made when they can go: so they are always fresh and need no room.
  enum : uint8_t { kReportUnasked = 1, kReportAsked = 2 };
  ReceiverState state_;
  uint8_t streams_;      // so many epochs, from the offer's on, are this transfer's; 0: there was none yet
  uint8_t result_owed_;  // 1, until it has gone
  uint8_t report_owed_;  // what for, until it has gone
  bool query_open_;
  uint8_t failures_;  // of the page that fails
  uint16_t durable_;
  uint16_t chunk_;
  uint16_t failing_chunk_;
  uint16_t chunk_size_;    // true bytes of this one; 0 until its head is here
  uint16_t page_offset_;   // programmed so far
  uint16_t program_true_;  // true bytes of units()
  uint16_t straight_;      // and those straight from the ring; 0: they go through the bounce buffer
  uint16_t window_;        // fragments that may be under way at once
  uint16_t query_count_;   // the query waits for fragments up to here, exclusive: low half of that count
  // ACCEPT, REWIND, STORED, VERIFIED, FAILED or REJECT: the newest says all. Of no type: nothing to say yet. As
  // long as something is to come, its epoch is the current stream's.
  Notice result_;
  uint32_t announced_;       // the limit the host knows
  uint32_t word_;            // the one taken last: a chunk's head or its CRC
  uint32_t hole_;            // one more than the count it begins with; 0: there is none
  uint32_t hole_report_ms_;  // when the hole is old enough to be reported, or to be reported again
  uint32_t query_at_ms_;
};

struct ReceiverMemory : TransferMemory {
  // With one connection.
  struct Talk {
    Peer peer;
    Notice reply;  // to go
    // The last request, and how it was answered: said again if it is repeated. Of no type: there was none.
    MessageType asked;
    uint8_t tag;
    uint8_t reply_owed;  // 1, until it has gone
    bool stack_full;     // did not take the last frame
    uint8_t news_owed;   // as reply_owed
    Reason reason;
    uint16_t detail;
  };

  // the transfer, or the last one
  uint32_t now_ms_;
  uint32_t heard_ms_;     // anything from this transfer's host
  uint32_t progress_ms_;  // a new fragment
  uint32_t placed_;       // so many were here as this poll began: more than next, if there is a hole
  Peer peer_;
  Talk* request_from_;  // null: no request is open
  // sending
  uint8_t* outgoing_owed_;  // what sent() speaks of; null: nothing was given to send
  Talk* outgoing_to_;
  uint32_t retry_at_ms_;  // those whose stack was full
  Offer offer_;
  Request request_;
  Notice news_;  // of the running model
  std::array<Talk, kConnectionsMax> talks_;
};

class Receiver : private ReceiverSetup, private ReceiverMemory {
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
  ControlResult handle_control(uint16_t conn, Bytes bytes) { return intake_.handle_control(conn, bytes); }
  // True when the fragment was new and is in the ring now.
  bool handle_data(uint16_t conn, Bytes bytes) { return intake_.handle_data(conn, bytes); }

  // ---- consumer side ------------------------------------------------------------------------------------------
  // Packages of so many bytes may come from now on; none at first.
  void admit(uint32_t payload_bytes_max);
  // The next action, or kNone. Sends come first, then requests, then the transfer.
  Action poll(uint32_t now_ms);
  // When poll must be called again at the latest. While a transfer is open there is always one.
  Deadline next_deadline() const;

  // What the action is about: each only with one that names it, until that is answered or poll is called again.
  uint16_t frame_conn() const { return intake_.conn_of(slot_of(outgoing_to_->peer)); }
  Bytes frame() const { return outgoing_.bytes(); }
  const Request& request() const { return request_; }
  const Offer& offer() const { return offer_; }
  Bytes manifest() const { return Bytes(config_.ring.data(), offer_.manifest_size); }
  Bytes signature() const;                               // 64 bytes, or empty
  MutableBytes scratch() const { return config_.ring; }  // idle, since every fragment has been taken out of it
  uint16_t chunk() const { return chunk_; }              // its index
  uint16_t page_offset() const { return page_offset_; }  // in that chunk
  uint16_t chunk_size() const { return chunk_size_; }    // true bytes
  uint32_t chunk_crc() const { return word_; }           // as the host sent it: compare with protocol/chunk.h's
  // A whole number of units, the page's last one padded with the erased value.
  Bytes units() const { return Bytes(first_unit(), straight_ != 0 ? straight_ : program_unit_bytes_); }
  Cause end_cause() const { return Cause(result_.reason, result_.detail); }

  // Answers. kIllegal: it is not what the action asks for, or says what cannot be.
  Status sent(bool taken);  // false: the stack is full, poll gives it again later
  // resume_chunk: the first chunk that is not durable; 0 for a fresh slot, the chunk count when all are.
  Status accept(uint16_t resume_chunk);
  Status reject(Cause cause) { return fail(cause, ReceiverInput::kManifestRefused); }
  Status programmed();
  // Answers kCloseChunk: the page read back good. durable_count counts from the package's first chunk; it may lag
  // behind (whole erase blocks) but never goes back.
  Status chunk_durable(uint16_t durable_count);
  // Answers kCloseChunk, and kProgram whose flash operation failed. The stream starts again at restart_chunk, at
  // most the one that failed; three times a page, then kAbandoned{reason}.
  Status chunk_failed(uint16_t restart_chunk, Reason reason = Reason::kPageUnreadable);
  Status stored() { return step(ReceiverInput::kStored); }
  Status verified() { return step(ReceiverInput::kVerified); }
  Status payload_failed(Cause cause) { return fail(cause, ReceiverInput::kPayloadFailed); }
  Status answer_request(Cause cause);
  Status abandoned() { return step(ReceiverInput::kAbandoned); }

  // The application ends the transfer (kAbandoned follows). kIllegal when none is open.
  Status give_up(Cause cause);
  // Tells every subscribed host. The newest change replaces one that is not sent yet.
  void notify_state(MessageType type, uint32_t package_id, Cause cause = Cause());

  // The idle ring, which is scratch(), for other work until return_ring; offers meanwhile are answered BUSY. kIllegal
  // while a transfer is open, or in the very moment a producer on another thread is inside a handle_ call: try again
  // later.
  Status lend_ring();
  Status return_ring() { return step(ReceiverInput::kReturn); }

  // ---- for reports and tests ------------------------------------------------------------------------------------
  ReceiverState state() const { return state_; }
  bool transfer_open() const { return state_ >= ReceiverState::kAwaitManifest; }
  uint16_t durable_chunks() const { return durable_; }
  size_t ring_bytes() const { return config_.ring.size(); }
  // Bytes of manifest payload a host may send right after its offer: for Info.
  uint16_t initial_credit_bytes() const;

 private:
  Status step(ReceiverInput input);
  Status fail(Cause cause, ReceiverInput input);

  bool reached(uint32_t at_ms) const { return static_cast<int32_t>(now_ms_ - at_ms) >= 0; }
  uint32_t patience_end_ms() const;

  // what happened since the last poll
  void watch();
  void watch_reports();
  bool hole_due(uint32_t next);
  bool query_due(uint32_t next);
  bool credit_due(uint32_t next) const;
  void read_mail();
  Talk& talk_at(uint32_t slot);
  void handle_mail(const Mail& mail, Talk& talk);
  void handle_offer(const Mail& mail, Talk& talk);
  Reason offer_fault(const Offer& offer, uint16_t* detail) const;
  void begin_transfer(const Mail& mail);
  bool is_epoch_of_transfer(uint32_t epoch) const;
  void handle_query(const Query& query, Talk& talk);
  void answer_query(const Query& query);
  void handle_request(const Request& request, Talk& talk);

  // the stream
  void advance();
  void take_head();
  bool choose_units(uint32_t here);
  const uint8_t* first_unit() const;
  void peek(uint8_t* out, uint32_t size) const;
  void take_word();
  // All well, where the state is theirs.
  Status open_payload_stream(uint16_t first_chunk);
  Status begin_chunk(uint16_t chunk);
  Status rewind(uint16_t restart_chunk, Reason reason);
  uint32_t chunk_total() const;

  // credit
  uint32_t limit_count(uint32_t next) const;

  // sending
  Notice& reply(Talk& talk, MessageType type);
  void reply_answer(Talk& talk);
  void reply_busy(Talk& talk, MessageType about, uint16_t tag);
  bool find_frame();
  void make_report();

  Intake intake_;
  Frame outgoing_;  // behind what it would move out of reach
};

}  // namespace protocol
}  // namespace roost
