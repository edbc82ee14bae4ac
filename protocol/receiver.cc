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
constexpr uint8_t kStreamsMax = 26;      // of one transfer: pages of one erase block may fail by turns

// Here and in receiver_send.cc, `inline` says that there is one caller.

int32_t sooner(int32_t wait_ms, uint32_t other_ms) {
  const int32_t other = static_cast<int32_t>(other_ms);
  return wait_ms < other ? wait_ms : other;
}

uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

bool host_moves_next(ReceiverState state) {
  return state >= ReceiverState::kAwaitManifest && state <= ReceiverState::kAwaitChunk;
}

}  // namespace

Receiver::Receiver(const ReceiverConfig& lent, const PageShape& page)
    : ReceiverSetup{lent, page.bounce.data(), page.program_unit_bytes, page.chunk_bytes, page.erased_value, 0},
      ReceiverMemory(),
      intake_(lent) {
  ROOST_ASSERT(lent.ring.size() >= kRingBytesMin && lent.ring.size() <= kRingBytesMax);
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(lent.ring.data()) % 8 == 0);
  ROOST_ASSERT(page.chunk_bytes >= kChunkBytesMin && page.chunk_bytes <= kChunkBytesMax);
}

void Receiver::admit(uint32_t payload_bytes_max) {
  payload_bytes_max_ = least(payload_bytes_max, kChunksMax * chunk_bytes_);
}

uint32_t Receiver::chunk_total() const {
  return chunk_count(offer_.payload_size, chunk_bytes_);
}

// Every change of state goes through here. What the host is told of it, it is told now and whenever it asks. One to
// where the host moves next restarts its clocks: it could rest, or its bytes have come.
Status Receiver::step(ReceiverInput input) {
  if (!receiver_next(state_, input, &state_)) return Error::kIllegal;
  const MessageType says = kReceiverTable[static_cast<size_t>(input)].says;
  if (says != MessageType()) {
    result_.type = says;
    result_.epoch = offer_.epoch;
    result_owed_ = 1;  // instead of reports: who hears it knows enough
    report_owed_ = 0;
    query_open_ = false;
    outgoing_owed_ = nullptr;
  }
  if (host_moves_next(state_)) heard_ms_ = progress_ms_ = now_ms_;
  if (state_ <= ReceiverState::kLent || state_ == ReceiverState::kWantAbandoned) {
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
  if (transfer_open() && state_ != ReceiverState::kWantAbandoned) watch_reports();

  if (find_frame()) return Action::kSend;
  if (request_from_ != nullptr) return Action::kRequest;
  return state_ >= ReceiverState::kWantManifestAnswer ? static_cast<Action>(state_) : Action::kNone;
}

Bytes Receiver::signature() const {
  return offer_.has_signature() ? Bytes(manifest().end(), kSignatureBytes) : Bytes();
}

// When a host that is to move, and does not, is given up.
uint32_t Receiver::patience_end_ms() const {
  const uint32_t silent_ms = heard_ms_ + config_.host_silent_ms;
  const uint32_t stuck_ms = progress_ms_ + config_.no_progress_ms;
  return static_cast<int32_t>(silent_ms - stuck_ms) < 0 ? silent_ms : stuck_ms;
}

Deadline Receiver::next_deadline() const {
  constexpr int32_t kNever = INT32_MAX;
  int32_t wait_ms = kNever;
  if (!reached(retry_at_ms_)) wait_ms = static_cast<int32_t>(retry_at_ms_ - now_ms_);
  if (transfer_open()) {
    wait_ms = sooner(wait_ms, patience_end_ms() - now_ms_);
    if (hole_ != 0) wait_ms = sooner(wait_ms, hole_report_ms_ - now_ms_);
    if (query_open_) wait_ms = sooner(wait_ms, query_at_ms_ - now_ms_);
  }
  bool ours = (transfer_open() && !host_moves_next(state_)) || intake_.first_mail() != nullptr ||
              request_from_ != nullptr || outgoing_owed_ != nullptr;
  for (const Talk& talk : talks_) {
    ours = ours || (!talk.stack_full && (talk.reply_owed | talk.news_owed) != 0);  // since the poll
  }
  if (ours) wait_ms = 0;
  Deadline deadline;
  deadline.any = wait_ms != kNever;
  deadline.at_ms = now_ms_ + static_cast<uint32_t>(wait_ms);
  return deadline;
}

// ---- what happened ----

inline void Receiver::watch() {
  if (reached(retry_at_ms_)) {
    for (Talk& talk : talks_) talk.stack_full = false;  // of each, or who is tried first would put off the others
  }
  const bool host_here = intake_.connected(peer_);
  if (transfer_open()) {
    // With the whole payload here, the check goes on without the host.
    if (!host_here && state_ < ReceiverState::kWantStored) (void)give_up(Reason::kLinkLost);
    const uint32_t placed = intake_.placed();
    if (placed_ != placed) {
      placed_ = placed;
      heard_ms_ = progress_ms_ = now_ms_;
    }
    if (host_moves_next(state_) && reached(patience_end_ms())) (void)give_up(Reason::kHostSilent);
  }
  if (!host_here) result_owed_ = report_owed_ = 0;
}

inline void Receiver::watch_reports() {
  const uint32_t next = intake_.next_count();
  if (hole_due(next) || credit_due(next)) report_owed_ |= kReportUnasked;
  if (query_due(next)) report_owed_ |= kReportAsked;
}

// Once it is old enough not to be two neighbours that swapped, then after each quiet time.
inline bool Receiver::hole_due(uint32_t next) {
  const uint32_t hole = placed_ > next ? next + 1 : 0;
  if (hole_ != hole) {
    hole_ = hole;
    hole_report_ms_ = now_ms_ + config_.hole_grace_ms;
    return false;
  }
  if (hole == 0 || !reached(hole_report_ms_)) return false;
  hole_report_ms_ = now_ms_ + config_.hole_quiet_ms;
  return true;
}

// When what it asks about is here, or its wait is over.
inline bool Receiver::query_due(uint32_t next) {
  const bool all_here = static_cast<int16_t>(next - query_count_) >= 0;
  const bool due = query_open_ && (all_here || reached(query_at_ms_));
  if (due) query_open_ = false;
  return due;
}

// Early, so that the host never runs dry inside a connection event, but not so often that reports weigh: each must
// grant five eighths of the window, or 2.5 KiB. Half of a 4 KiB ring would be 43 reports for 100 kB, and with them
// the overhead at value size 244 touches its limit of 2.5 %.
inline bool Receiver::credit_due(uint32_t next) const {
  constexpr int32_t kEarlyCreditBytes = 1536;
  constexpr uint32_t kWorthwhileBytes = 2560;
  const uint32_t payload = offer_.fragment_payload;
  const uint32_t window = window_ * payload;
  const int32_t three_eighths = static_cast<int32_t>(window * 3 / 8);
  const int32_t early = three_eighths > kEarlyCreditBytes ? three_eighths : kEarlyCreditBytes;
  const uint32_t worthwhile = least(window * 5 / 8, kWorthwhileBytes);
  const uint32_t stream_end = intake_.stream_size();
  const uint32_t announced_end = announced_ * payload;
  const int32_t credit_left = static_cast<int32_t>(announced_end - next * payload);  // below zero: more came
  if (announced_end >= stream_end || credit_left >= early) return false;
  const uint32_t limit_end = limit_count(next) * payload;
  return limit_end >= stream_end || limit_end - announced_end >= worthwhile;
}

// ---- credit ----

// The first count the host may not send yet, with `next` of them here: what the ring, the bitmap and the port's
// stack hold. It never goes back.
uint32_t Receiver::limit_count(uint32_t next) const {
  const uint32_t room_end = intake_.consumed() + static_cast<uint32_t>(config_.ring.size());
  const uint32_t room = room_end / offer_.fragment_payload;
  if (room < next) return next;  // the stream's last one is here, and short
  return least(next + window_, room);
}

uint16_t Receiver::initial_credit_bytes() const {
  const size_t ring = config_.ring.size();
  const size_t stack = config_.stack_credit_bytes;
  return static_cast<uint16_t>(stack < ring ? stack : ring);
}

// ---- the mailbox ----

inline void Receiver::read_mail() {
  for (int i = 0; i < kMailPerPoll; ++i) {
    const Mail* const mail = intake_.first_mail();
    if (mail == nullptr) return;
    Talk& talk = talk_at(slot_of(mail->peer));
    if (talk.peer == mail->peer) {
      if (mail->peer == peer_) heard_ms_ = now_ms_;
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
    talk.asked = MessageType();
    talk.tag = 0;
    talk.reply_owed = 0;
    talk.stack_full = false;
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
  if (is_epoch_of_transfer(offer.epoch) || is_epoch_of_transfer(offer.epoch + 1u)) return Reason::kEpochReused;
  if (!is_fragment_payload(offer.fragment_payload)) {
    *detail = static_cast<uint16_t>(kFragmentPayloadMax);
    return Reason::kFragmentSize;
  }
  if (offer.manifest_size > kManifestBytesMax) {
    *detail = static_cast<uint16_t>(kManifestBytesMax);
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
  if (transfer_open() && mail.peer == peer_ && offer.epoch == offer_.epoch &&
      offer.package_id == offer_.package_id) {
    return;
  }
  if (state_ != ReceiverState::kIdle || request_from_ != nullptr || result_owed_ != 0) {
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
  static_cast<TransferMemory&>(*this) = TransferMemory();  // stays idle
  (void)step(ReceiverInput::kOffer);
  peer_ = mail.peer;
  offer_ = offer;
  streams_ = 1;
  result_.epoch = offer.epoch;
  result_.package_id = offer.package_id;

  const uint32_t payload = offer.fragment_payload;
  window_ = static_cast<uint16_t>(least(static_cast<uint32_t>(config_.ring.size()) / payload,
                                        initial_limit(config_.stack_credit_bytes, payload)));
  intake_.open_manifest_stream(mail);
  announced_ = window_;  // the host knows so much from Info, or as much as any manifest takes
}

// Of this one, or of the last.
bool Receiver::is_epoch_of_transfer(uint32_t epoch) const {
  return static_cast<uint16_t>(epoch - offer_.epoch) < streams_;
}

inline void Receiver::handle_query(const Query& query, Talk& talk) {
  const Peer asker = talk.peer;
  if (is_epoch_of_transfer(query.epoch)) {
    if (!transfer_open()) peer_ = asker;  // how the last one ended, whoever asks may hear
    if (peer_ == asker) return answer_query(query);
  }
  Notice& notice = reply(talk, MessageType::kFailed);
  notice.epoch = query.epoch;
  notice.reason = Reason::kNoTransfer;
}

// About our transfer: the answer is whatever the host seems not to have heard.
inline void Receiver::answer_query(const Query& query) {
  const bool stream_open = state_ >= ReceiverState::kAwaitManifest && state_ <= ReceiverState::kWantStored;
  if (!stream_open || query.epoch != result_.epoch) {
    result_owed_ = 1;
  } else {
    // Whoever asks faster than that does not put the answer off.
    if (!query_open_) query_at_ms_ = now_ms_ + config_.query_wait_ms;
    query_open_ = true;
    query_count_ = static_cast<uint16_t>(query.last_sent + 1);
  }
}

inline void Receiver::handle_request(const Request& request, Talk& talk) {
  if (talk.tag == request.tag && talk.asked == request.type) {
    if (request_from_ != &talk) reply_answer(talk);  // otherwise it is being done
    return;
  }
  const bool aborts = request.type == MessageType::kAbort && talk.peer == peer_;
  if (request_from_ != nullptr || (transfer_open() && !aborts)) {
    return reply_busy(talk, request.type, request.tag);
  }
  request_ = request;
  request_from_ = &talk;
  talk.tag = request.tag;
  talk.asked = request.type;
}

// ---- the stream ----

// Takes from the stream what the state waits for, as long as that is here.
inline void Receiver::advance() {
  for (;;) {
    const uint32_t here = intake_.available();
    if (state_ == ReceiverState::kAwaitManifest && here == intake_.stream_size()) {
      (void)step(ReceiverInput::kManifestHere);
    }
    if (state_ != ReceiverState::kAwaitChunk) return;
    if (page_offset_ != chunk_size_) {
      if (!choose_units(here)) return;
      (void)step(ReceiverInput::kUnitsHere);
    } else if (here < sizeof(word_)) {
      return;
    } else {
      take_word();
      if (chunk_size_ != 0) {
        (void)step(ReceiverInput::kChunkHere);
      } else {
        take_head();
      }
    }
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

// The next four bytes of the stream, little-endian: a chunk's head, or its tail.
inline void Receiver::take_word() {
  uint8_t bytes[sizeof(word_)];
  peek(bytes, sizeof(bytes));
  intake_.consume(sizeof(bytes));
  word_ = load_le32(bytes);
}

inline void Receiver::take_head() {
  const uint32_t size = chunk_true_size(offer_.payload_size, chunk_bytes_, chunk_);
  const uint8_t codec = chunk_codec(word_);
  if (word_ == size) {  // raw and without flags: just that
    chunk_size_ = static_cast<uint16_t>(size);
  } else if (codec != static_cast<uint8_t>(Codec::kRaw)) {
    (void)give_up(Cause(Reason::kCodecUnsupported, codec));
  } else {
    (void)rewind(chunk_, Reason::kChunkMalformed);
  }
}

// Whole units straight from the ring; one that straddles the ring's end, and the page's padded last one, through
// the bounce buffer.
inline bool Receiver::choose_units(uint32_t here) {
  const uint32_t unit = program_unit_bytes_;
  const uint32_t left = static_cast<uint32_t>(chunk_size_ - page_offset_);
  const uint32_t to_end = static_cast<uint32_t>(config_.ring.size() - intake_.place());
  const uint32_t size_max = least(to_end, config_.program_bytes_max);
  uint32_t size = least(least(left, here), size_max) & (0 - unit);
  straight_ = static_cast<uint16_t>(size);
  if (size == 0) size = least(left, unit);
  if (here < size) return false;
  program_true_ = static_cast<uint16_t>(size);
  return true;
}

const uint8_t* Receiver::first_unit() const {
  if (straight_ != 0) return config_.ring.data() + intake_.place();
  memset(bounce_, erased_value_, program_unit_bytes_);
  peek(bounce_, program_true_);
  return bounce_;
}

Status Receiver::begin_chunk(uint16_t chunk) {
  chunk_ = chunk;
  page_offset_ = chunk_size_ = 0;
  return chunk == chunk_total() ? step(ReceiverInput::kPayloadDurable) : Status();
}

// Its ACCEPT or REWIND is owed already.
Status Receiver::open_payload_stream(uint16_t first_chunk) {
  const uint16_t epoch = static_cast<uint16_t>(offer_.epoch + streams_++);
  const uint32_t size = stream_size(offer_.payload_size, chunk_bytes_, first_chunk);
  intake_.open_stream(peer_, Stream::cut_of(epoch, offer_.fragment_payload), size);
  announced_ = window_;
  result_.epoch = epoch;
  result_.about = static_cast<uint8_t>(__builtin_ctz(chunk_bytes_));
  result_.detail = first_chunk;
  result_.extra = static_cast<uint8_t>(window_);
  return begin_chunk(first_chunk);
}

// Each rewind takes an epoch.
Status Receiver::rewind(uint16_t restart_chunk, Reason reason) {
  if (failing_chunk_ != chunk_) failures_ = 0;
  failing_chunk_ = chunk_;
  ++failures_;
  if (failures_ >= kFailuresMax || streams_ >= kStreamsMax) return give_up(Cause(reason, chunk_));
  (void)step(ReceiverInput::kRewound);
  return open_payload_stream(restart_chunk);
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

Status Receiver::give_up(Cause cause) {
  return fail(cause, ReceiverInput::kGiveUp);
}

Status Receiver::accept(uint16_t resume_chunk) {
  if (resume_chunk > chunk_total() || !step(ReceiverInput::kAccepted).ok()) return Error::kIllegal;
  durable_ = resume_chunk;
  return open_payload_stream(resume_chunk);
}

Status Receiver::programmed() {
  const Status done = step(ReceiverInput::kProgrammed);
  if (!done.ok()) return done;
  page_offset_ = static_cast<uint16_t>(page_offset_ + program_true_);
  intake_.consume(program_true_);
  return Status();
}

Status Receiver::chunk_durable(uint16_t durable_count) {
  const uint16_t next = static_cast<uint16_t>(chunk_ + 1);
  if (durable_count < durable_ || durable_count > next || !step(ReceiverInput::kChunkDurable).ok()) {
    return Error::kIllegal;
  }
  durable_ = durable_count;
  return begin_chunk(next);
}

Status Receiver::chunk_failed(uint16_t restart_chunk, Reason reason) {
  const bool asked = state_ == ReceiverState::kWantChunkClosed || state_ == ReceiverState::kWantProgrammed;
  if (!asked || restart_chunk > chunk_ || restart_chunk < durable_) return Error::kIllegal;
  return rewind(restart_chunk, reason);
}

// The answer is remembered, to be said again if the request is.
Status Receiver::answer_request(Cause cause) {
  Talk* const talk = request_from_;
  if (talk == nullptr) return Error::kIllegal;
  request_from_ = nullptr;
  talk->reason = cause.reason();
  talk->detail = cause.detail();
  if (talk->asked != MessageType()) reply_answer(*talk);  // otherwise who asked has gone
  return Status();
}

Status Receiver::lend_ring() {
  if (intake_.first_mail() != nullptr || !step(ReceiverInput::kLend).ok()) return Error::kIllegal;
  if (!intake_.producer_inside()) return Status();
  (void)step(ReceiverInput::kReturn);
  return Error::kIllegal;
}

}  // namespace protocol
}  // namespace roost
