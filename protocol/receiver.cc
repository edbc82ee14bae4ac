// The receiver's consumer side: what arrived, what the application answered, and what to do next.
// Sending (reports, answers) is in receiver_send.cc, the table in receiver_table.cc, the producer side in
// intake.cc.
#include "protocol/receiver.h"

#include <string.h>

#include "base/bytes.h"

namespace roost {
namespace protocol {
namespace {

constexpr int kMailPerPoll = 4;
constexpr uint32_t kChunksMax = 0xFFFE;  // indices and counts take 16 bits
constexpr uint8_t kFailuresMax = 3;      // of one page
constexpr uint8_t kRewindsMax = 24;      // of one transfer: pages of one erase block may fail by turns

// Here and in receiver_send.cc, `inline` says that there is one caller.

bool reached(uint32_t now_ms, uint32_t at_ms) {
  return static_cast<int32_t>(now_ms - at_ms) >= 0;
}

int32_t sooner(int32_t wait_ms, uint32_t other_ms) {
  const int32_t other = static_cast<int32_t>(other_ms);
  return wait_ms < other ? wait_ms : other;
}

uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

bool host_moves_next(ReceiverState state) {
  return state >= ReceiverState::kAwaitManifest && state <= ReceiverState::kAwaitChunkTail;
}

}  // namespace

Receiver::Receiver(const ReceiverConfig& lent, const PageShape& page)
    : ReceiverSetup{lent, page.bounce.data(), page.program_unit_bytes, page.chunk_bytes, page.erased_value, 0},
      ReceiverMemory(),
      intake_(lent) {
  ROOST_ASSERT(lent.ring.size() >= kRingBytesMin && lent.ring.size() <= kRingBytesMax);
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(lent.ring.data()) % 8 == 0);
  ROOST_ASSERT(page.bounce.size() >= page.program_unit_bytes);
  ROOST_ASSERT(page.chunk_bytes >= kChunkBytesMin && page.chunk_bytes <= kChunkBytesMax);
  ROOST_ASSERT(lent.manifest_bytes_max <= kManifestBytesMax);
}

void Receiver::admit(uint32_t payload_bytes_max) {
  payload_bytes_max_ = least(payload_bytes_max, kChunksMax * chunk_bytes_);
}

uint32_t Receiver::chunk_total() const {
  return chunk_count(offer_.payload_size, chunk_bytes_);
}

// Every change of state goes through here. What the host is told of it, it is told now and whenever it asks. One to
// where the host moves next restarts its clocks: it could rest, or its bytes have come. One that ends the transfer
// leaves only its result to be said.
Status Receiver::step(ReceiverInput input) {
  if (!receiver_next(state_, input, &state_)) return Error::kIllegal;
  const MessageType says = kReceiverTable[static_cast<size_t>(input)].says;
  if (says != MessageType()) {
    result_.type = says;
    owed_ |= kOwedResult;
    outgoing_from_ = nullptr;
  }
  if (host_moves_next(state_)) heard_ms_ = progress_ms_ = now_ms_;
  if (state_ <= ReceiverState::kLent || state_ == ReceiverState::kWantAbandoned) {
    owed_ = static_cast<uint8_t>(owed_ & kOwedResult);
    intake_.close(state_ == ReceiverState::kIdle ? Peer::kNobody : Peer::kClosed);
  }
  return Status();
}

// ---- poll ----

static_assert(static_cast<uint8_t>(Action::kAbandoned) == static_cast<uint8_t>(ReceiverState::kWantAbandoned),
              "what a state wants has its number");

Action Receiver::poll(uint32_t now_ms) {
  now_ms_ = now_ms;
  watch();
  read_mail();
  advance();
  if (transfer_open() && state_ != ReceiverState::kWantAbandoned) watch_credit();

  if (find_frame()) return Action::kSend;
  if (request_open_) return Action::kRequest;
  return state_ >= ReceiverState::kWantManifestAnswer ? static_cast<Action>(state_) : Action::kNone;
}

Bytes Receiver::signature() const {
  return offer_.has_signature() ? Bytes(manifest().end(), kSignatureBytes) : Bytes();
}

// When a host that is to move, and does not, is given up.
uint32_t Receiver::patience_end_ms() const {
  const uint32_t silent_ms = heard_ms_ + config_.host_silent_ms;
  const uint32_t stuck_ms = progress_ms_ + config_.no_progress_ms;
  return reached(silent_ms, stuck_ms) ? stuck_ms : silent_ms;
}

Deadline Receiver::next_deadline() const {
  constexpr int32_t kNever = INT32_MAX;
  int32_t wait_ms = kNever;
  if (stack_full_ != 0) wait_ms = static_cast<int32_t>(retry_at_ms_ - now_ms_);
  if (transfer_open()) {
    wait_ms = sooner(wait_ms, patience_end_ms() - now_ms_);
    if (hole_open_) wait_ms = sooner(wait_ms, hole_report_ms_ - now_ms_);
    if (query_open_) wait_ms = sooner(wait_ms, query_at_ms_ - now_ms_);
  }
  const bool ours = transfer_open() && !host_moves_next(state_);
  if (ours || intake_.first_mail() != nullptr || request_open_ || outgoing_from_ != nullptr) wait_ms = 0;
  Deadline deadline;
  deadline.any = wait_ms != kNever;
  deadline.at_ms = now_ms_ + static_cast<uint32_t>(wait_ms);
  return deadline;
}

// ---- what happened ----

inline void Receiver::watch() {
  if (reached(now_ms_, retry_at_ms_)) stack_full_ = 0;
  const bool host_here = intake_.connected(peer_);
  if (transfer_open()) {
    // With the whole payload here, the check goes on without the host.
    if (!host_here && state_ < ReceiverState::kWantStored) abandon(Reason::kLinkLost);
    const uint32_t taken = intake_.taken();
    if (taken != taken_seen_) {
      taken_seen_ = taken;
      heard_ms_ = progress_ms_ = now_ms_;
    }
    if (host_moves_next(state_) && reached(now_ms_, patience_end_ms())) abandon(Reason::kHostSilent);
  }
  if (!host_here) owed_ = 0;
}

// A report is due for a hole once when it is old enough not to be two neighbours that swapped, then after each
// quiet time; and for a query when what it asks about is here, or its wait is over.
inline void Receiver::watch_hole(uint32_t next) {
  if (!intake_.has_hole()) {
    hole_open_ = false;
  } else if (!hole_open_ || hole_next_ != static_cast<uint16_t>(next)) {
    hole_open_ = true;
    hole_next_ = static_cast<uint16_t>(next);
    hole_report_ms_ = now_ms_ + config_.hole_grace_ms;
  } else if (reached(now_ms_, hole_report_ms_)) {
    owed_ |= kOwedReport;
    hole_report_ms_ = now_ms_ + config_.hole_quiet_ms;
  }
  const bool all_here = static_cast<int16_t>(next - query_count_) >= 0;
  if (query_open_ && (all_here || reached(now_ms_, query_at_ms_))) {
    query_open_ = false;
    owed_ |= kOwedAsked;
  }
}

// Early, so that the host never runs dry inside a connection event, but not so often that reports weigh: each must
// grant five eighths of the window, or 2.5 KiB. Half of a 4 KiB ring would be 43 reports for 100 kB, and with them
// the overhead at value size 244 touches its limit of 2.5 %.
inline void Receiver::watch_credit() {
  const uint32_t next = intake_.next_count();
  watch_hole(next);
  const uint32_t payload = offer_.fragment_payload;
  const uint32_t limit = limit_count();
  if (limit <= announced_) return;

  constexpr int32_t kEarlyCreditBytes = 1536;
  constexpr uint32_t kWorthwhileBytes = 2560;
  const uint32_t window = window_ * payload;
  const int32_t credit_left =
      static_cast<int32_t>((announced_ - next) * payload);  // below zero: more came than that
  const uint32_t gain = (limit - announced_) * payload;
  const int32_t three_eighths = static_cast<int32_t>(window * 3 / 8);
  const int32_t early = three_eighths > kEarlyCreditBytes ? three_eighths : kEarlyCreditBytes;
  const uint32_t worthwhile = least(window * 5 / 8, kWorthwhileBytes);
  const bool ends = limit * payload >= intake_.stream_size();
  if (credit_left < early && (gain >= worthwhile || ends)) owed_ |= kOwedReport;
}

// ---- credit ----

// The first count the host may not send yet: what the ring, the bitmap and the port's stack hold. It never goes back.
uint32_t Receiver::limit_count() const {
  const uint32_t payload = offer_.fragment_payload;
  const uint32_t room_end = intake_.consumed() + static_cast<uint32_t>(config_.ring.size());
  const uint32_t stream_end = intake_.stream_size();  // the last fragment may be shorter
  const uint32_t room = (room_end < stream_end ? room_end : stream_end + payload - 1) / payload;
  const uint32_t limit = least(intake_.next_count() + window_, room);
  return limit > announced_ ? limit : announced_;
}

uint16_t Receiver::initial_credit_bytes() const {
  const size_t ring = config_.ring.size();
  const size_t stack = config_.stack_credit_bytes;
  return static_cast<uint16_t>(stack != 0 && stack < ring ? stack : ring);
}

// ---- the mailbox ----

inline void Receiver::read_mail() {
  for (int i = 0; i < kMailPerPoll; ++i) {
    const Mail* const mail = intake_.first_mail();
    if (mail == nullptr) return;
    Talk& talk = talk_at(slot_of(mail->peer));
    if (talk.peer == mail->peer) {
      if (is_of_transfer(mail->peer)) heard_ms_ = now_ms_;
      handle_mail(*mail, talk);
    }
    // A stream that no transfer came of.
    if (mail->opened != 0 && state_ == ReceiverState::kIdle) intake_.close(Peer::kNobody);
    intake_.drop_mail();
  }
}

// With whoever has that slot now: what was said to an earlier connection is forgotten.
Receiver::Talk& Receiver::talk_at(uint32_t slot) {
  Talk& talk = talks_[slot];
  const Peer peer = intake_.peer_at(slot);
  if (talk.peer != peer) {
    talk.peer = peer;
    talk.reply_owed = 0;
    talk.answered = MessageType();
  }
  return talk;
}

inline void Receiver::handle_mail(const Mail& mail, Talk& talk) {
  if (mail.error != Error::kNone && mail.error != Error::kVersion) {
    Notice& unknown = reply(talk, MessageType::kUnknown);
    unknown.about = static_cast<uint8_t>(mail.type);
    unknown.reason = mail.error == Error::kWrongType ? Reason::kUnknownMessage : Reason::kMalformedMessage;
    unknown.extra = kProtocolVersion;
  } else if (mail.type == MessageType::kOffer) {
    handle_offer(mail, talk);
  } else if (mail.type == MessageType::kQuery) {
    handle_query(mail.query, talk);
  } else {
    handle_request(mail.request, talk);
  }
}

void Receiver::reply_busy(Talk& talk, MessageType about, uint16_t tag) {
  Notice& busy = reply(talk, MessageType::kBusy);
  busy.about = static_cast<uint8_t>(about);
  busy.detail = tag;
}

// `detail` is zero before.
inline Reason Receiver::offer_fault(const Offer& offer, uint16_t* detail) const {
  if (offer.version != kProtocolVersion) {
    *detail = kProtocolVersion;
    return Reason::kProtocolVersion;
  }
  if (is_epoch_of_transfer(offer.epoch, 1)) return Reason::kEpochReused;
  if (!is_fragment_payload(offer.fragment_payload)) {
    *detail = static_cast<uint16_t>(kFragmentPayloadMax);
    return Reason::kFragmentSize;
  }
  if (offer.manifest_size > config_.manifest_bytes_max) {
    *detail = config_.manifest_bytes_max;
    return Reason::kManifestTooLarge;
  }
  if (offer.payload_size > payload_bytes_max_) {
    *detail = static_cast<uint16_t>(payload_bytes_max_ / 1024);  // less than that of any offer, which fits
    return Reason::kDoesNotFit;
  }
  return Reason::kOk;
}

// Of another version, only version and epoch mean anything.
inline void Receiver::handle_offer(const Mail& mail, Talk& talk) {
  const Offer& offer = mail.offer;
  // Written twice, by the link or by a host that did not hear us: no second transfer.
  if (is_of_transfer(mail.peer) && offer.version == kProtocolVersion && offer.epoch == offer_.epoch &&
      offer.package_id == offer_.package_id) {
    return;
  }
  if (state_ != ReceiverState::kIdle || request_open_ || owed_ != 0) {
    return reply_busy(talk, MessageType::kOffer, offer.epoch);
  }
  uint16_t detail = 0;
  const Reason reason = offer_fault(offer, &detail);
  if (reason == Reason::kOk) return begin_transfer(mail);
  Notice& refusal = reply(talk, MessageType::kReject);
  refusal.epoch = offer.epoch;
  refusal.reason = reason;
  refusal.detail = detail;
}

inline void Receiver::begin_transfer(const Mail& mail) {
  const Offer& offer = mail.offer;
  (void)step(ReceiverInput::kOffer);  // it is idle
  static_cast<TransferMemory&>(*this) = TransferMemory();
  peer_ = mail.peer;
  offer_ = offer;
  epoch_ = offer.epoch;
  result_.epoch = offer.epoch;
  result_.package_id = offer.package_id;

  const uint32_t payload = offer.fragment_payload;
  const uint32_t stack = config_.stack_credit_bytes;
  window_ = static_cast<uint16_t>(least(static_cast<uint32_t>(config_.ring.size()) / payload,
                                        stack != 0 ? initial_limit(stack, payload) : kReachFragments));
  intake_.open_manifest_stream(mail);
  announced_ = least(initial_limit(initial_credit_bytes(), payload), limit_count());  // the host knows it from Info
}

// It, or one of so many that follow it, is of this transfer, or of the last one.
bool Receiver::is_epoch_of_transfer(uint16_t epoch, uint32_t next_streams) const {
  const bool ever = offer_.fragment_payload != 0;
  const uint32_t streams = static_cast<uint16_t>(epoch_ - offer_.epoch);
  return ever && static_cast<uint16_t>(epoch + next_streams - offer_.epoch) <= streams + next_streams;
}

inline void Receiver::handle_query(const Query& query, Talk& talk) {
  const bool of_last = is_epoch_of_transfer(query.epoch);
  if (of_last && is_of_transfer(talk.peer)) return answer_query(query);
  Notice& notice = reply(talk, MessageType::kFailed);
  notice.epoch = query.epoch;
  notice.reason = Reason::kNoTransfer;
  if (of_last && !transfer_open()) notice = result_;  // each transfer ends in one
}

// About our transfer: the answer is whatever the host seems not to have heard.
inline void Receiver::answer_query(const Query& query) {
  if (result_.type != MessageType()) {
    owed_ |= kOwedResult;
  } else if (query.epoch != epoch_) {
    owed_ |= kOwedStart;
  } else {
    // Whoever asks faster than that does not put the answer off.
    if (!query_open_) query_at_ms_ = now_ms_ + config_.query_wait_ms;
    query_open_ = true;
    query_count_ = static_cast<uint16_t>(query.last_sent + 1);
  }
}

inline void Receiver::handle_request(const Request& request, Talk& talk) {
  if (talk.tag == request.tag && talk.answered == request.type) return reply_answer(talk);
  if (request_open_ && request_peer_ == talk.peer && request_.tag == request.tag && request_.type == request.type) {
    return;  // it is being done
  }
  const bool aborts = request.type == MessageType::kAbort && is_of_transfer(talk.peer);
  if (request_open_ || (transfer_open() && !aborts)) return reply_busy(talk, request.type, request.tag);
  request_open_ = true;
  request_ = request;
  request_peer_ = talk.peer;
  if (!aborts) return;
  abandon(Reason::kAskedByHost);  // or it is over already
  (void)answer_request(Reason::kOk);
}

// ---- the stream ----

// Takes from the stream what the state waits for, as long as that is here.
inline void Receiver::advance() {
  bool here = true;
  while (here) {
    ReceiverInput input;
    switch (state_) {
      case ReceiverState::kAwaitManifest:
        here = intake_.available() == intake_.stream_size();
        input = ReceiverInput::kManifestHere;
        break;
      case ReceiverState::kAwaitChunkHead:
        here = look_for_head();
        input = ReceiverInput::kHeadHere;
        break;
      case ReceiverState::kAwaitUnits:
        here = look_for_units();
        input = ReceiverInput::kUnitsHere;
        break;
      case ReceiverState::kAwaitChunkTail:
        here = take_word(&chunk_crc_);
        input = ReceiverInput::kTailHere;
        break;
      default:
        return;
    }
    if (here) (void)step(input);
  }
}

// The next bytes of the stream.
void Receiver::peek(uint8_t* out, uint32_t size) const {
  const Bytes ring = config_.ring;
  size_t at = intake_.place();
  for (uint8_t* const end = out + size; out != end; ++out) {
    *out = ring.data()[at];
    if (++at == ring.size()) at = 0;
  }
}

// The next four bytes of the stream, little-endian.
bool Receiver::take_word(uint32_t* word) {
  uint8_t bytes[sizeof(*word)];
  if (intake_.available() < sizeof(bytes)) return false;
  peek(bytes, sizeof(bytes));
  intake_.consume(sizeof(bytes));
  *word = load_le32(bytes);
  return true;
}

inline bool Receiver::look_for_head() {
  uint32_t head;
  if (!take_word(&head)) return false;
  if (head == chunk_size_) return true;  // raw and without flags: just the size
  const uint8_t codec = chunk_codec(head);
  if (codec != static_cast<uint8_t>(Codec::kRaw)) {
    abandon(Cause(Reason::kCodecUnsupported, codec));
  } else {
    rewind(chunk_, Reason::kChunkMalformed);
  }
  return false;
}

// Whole units straight from the ring; one that straddles the ring's end, and the page's padded last one, through
// the bounce buffer.
inline bool Receiver::look_for_units() {
  const uint32_t unit = program_unit_bytes_;
  const uint32_t left = static_cast<uint32_t>(chunk_size_ - page_offset_);
  const uint32_t here = intake_.available();
  const uint32_t to_end = static_cast<uint32_t>(config_.ring.size() - intake_.place());
  const uint32_t most = config_.program_bytes_max + unit - 1;
  uint32_t size = least(least(left, here), least(to_end, most)) & (0 - unit);
  straight_ = static_cast<uint16_t>(size);
  if (size == 0) size = least(left, unit);
  if (here < size) return false;
  program_true_ = static_cast<uint16_t>(size);
  return true;
}

Bytes Receiver::units() const {
  if (straight_ != 0) return Bytes(config_.ring.data() + intake_.place(), straight_);
  memset(bounce_, erased_value_, program_unit_bytes_);
  peek(bounce_, program_true_);
  return Bytes(bounce_, program_unit_bytes_);
}

void Receiver::begin_chunk(uint16_t chunk) {
  chunk_ = chunk;
  page_offset_ = 0;
  chunk_size_ = static_cast<uint16_t>(chunk_true_size(offer_.payload_size, chunk_bytes_, chunk));
}

void Receiver::open_payload_stream(uint16_t first_chunk) {
  ++epoch_;
  hole_open_ = query_open_ = false;
  owed_ = kOwedStart;
  outgoing_from_ = nullptr;  // a report of the stream that is over
  first_chunk_ = first_chunk;
  begin_chunk(first_chunk);
  const uint32_t size = stream_size(offer_.payload_size, chunk_bytes_, first_chunk);
  intake_.open_stream(peer_, Stream::cut_of(epoch_, offer_.fragment_payload), size);
  announced_ = 0;
  announced_ = limit_count();
}

// Each rewind takes an epoch, the first payload stream the one after the offer's.
void Receiver::rewind(uint16_t restart_chunk, Reason reason) {
  if (failing_chunk_ != chunk_) failures_ = 0;
  failing_chunk_ = chunk_;
  ++failures_;
  if (failures_ >= kFailuresMax || static_cast<uint16_t>(epoch_ - offer_.epoch) > kRewindsMax) {
    return abandon(Cause(reason, chunk_));
  }
  (void)step(ReceiverInput::kRewound);
  open_payload_stream(restart_chunk);
}

// ---- answers of the application ----

// The transfer ends without a package, for a reason: a host would not know what to make of kOk.
Status Receiver::fail(Cause cause, ReceiverInput input) {
  ROOST_ASSERT(!cause.ok());
  const Status done = step(input);
  if (done.ok()) {
    result_.reason = cause.reason();
    result_.detail = cause.detail();
  }
  return done;
}

Status Receiver::reject(Cause cause) {
  return fail(cause, ReceiverInput::kManifestRefused);
}

Status Receiver::accept(uint16_t resume_chunk) {
  const uint32_t total = chunk_total();
  const ReceiverInput input = resume_chunk == total ? ReceiverInput::kAcceptedWhole : ReceiverInput::kAccepted;
  if (resume_chunk > total || !step(input).ok()) return Error::kIllegal;
  durable_ = resume_chunk;
  open_payload_stream(resume_chunk);
  return Status();
}

Status Receiver::programmed() {
  const uint16_t offset = static_cast<uint16_t>(page_offset_ + program_true_);
  const Status done = step(offset == chunk_size_ ? ReceiverInput::kPageProgrammed : ReceiverInput::kProgrammed);
  if (!done.ok()) return done;
  page_offset_ = offset;
  intake_.consume(program_true_);
  return Status();
}

Status Receiver::chunk_durable(uint16_t durable_count) {
  const uint16_t next = static_cast<uint16_t>(chunk_ + 1);
  const ReceiverInput input =
      next == chunk_total() ? ReceiverInput::kLastChunkDurable : ReceiverInput::kChunkDurable;
  if (durable_count < durable_ || durable_count > next || !step(input).ok()) return Error::kIllegal;
  durable_ = durable_count;
  begin_chunk(next);
  return Status();
}

Status Receiver::chunk_failed(uint16_t restart_chunk, Reason reason) {
  const bool asked = state_ == ReceiverState::kWantChunkClosed || state_ == ReceiverState::kWantProgrammed;
  if (!asked || restart_chunk > chunk_ || restart_chunk < durable_) return Error::kIllegal;
  rewind(restart_chunk, reason);
  return Status();
}

Status Receiver::stored() {
  return step(ReceiverInput::kStored);
}

Status Receiver::verified() {
  return step(ReceiverInput::kVerified);
}

Status Receiver::payload_failed(Cause cause) {
  return fail(cause, ReceiverInput::kPayloadFailed);
}

Status Receiver::abandoned() {
  return step(ReceiverInput::kAbandoned);
}

Status Receiver::give_up(Cause cause) {
  return fail(cause, ReceiverInput::kGiveUp);
}

// The answer is remembered, to be said again if the request is.
Status Receiver::answer_request(Cause cause) {
  if (!request_open_) return Error::kIllegal;
  request_open_ = false;
  Talk& talk = talk_at(slot_of(request_peer_));
  if (talk.peer != request_peer_) return Status();
  talk.tag = request_.tag;
  talk.answered = request_.type;
  talk.reason = cause.reason();
  talk.detail = cause.detail();
  reply_answer(talk);
  return Status();
}

Status Receiver::lend_ring() {
  if (intake_.first_mail() != nullptr || !step(ReceiverInput::kLend).ok()) return Error::kIllegal;
  if (!intake_.producer_inside()) return Status();
  (void)step(ReceiverInput::kReturn);
  return Error::kIllegal;
}

Status Receiver::return_ring() {
  return step(ReceiverInput::kReturn);
}

}  // namespace protocol
}  // namespace roost
