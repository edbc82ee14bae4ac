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
constexpr uint8_t kFailuresMax = 3;  // of one page
constexpr uint8_t kRewindsMax = 24;  // of one transfer: pages of one erase block may fail by turns

bool reached(uint32_t now_ms, uint32_t at_ms) {
  return static_cast<int32_t>(now_ms - at_ms) >= 0;
}

bool is_power_of_two(uint32_t n) {
  return n != 0 && (n & (n - 1)) == 0;
}

bool host_moves_next(ReceiverState state) {
  return state == ReceiverState::kAwaitManifest || state == ReceiverState::kAwaitChunkHead ||
         state == ReceiverState::kAwaitUnits || state == ReceiverState::kAwaitChunkTail;
}

}  // namespace

Receiver::Receiver(const ReceiverConfig& lent, const PageShape& page)
    : ReceiverMemory(), config_(lent), page_(page), intake_(lent) {
  ROOST_ASSERT(lent.ring.size() >= kRingBytesMin && lent.ring.size() <= kRingBytesMax);
  ROOST_ASSERT(reinterpret_cast<uintptr_t>(lent.ring.data()) % 8 == 0);
  ROOST_ASSERT(is_power_of_two(page.program_unit_bytes) && page.program_unit_bytes <= kProgramUnitMax);
  ROOST_ASSERT(is_power_of_two(page.chunk_bytes) && page.chunk_bytes >= kChunkBytesMin);
  ROOST_ASSERT(page.chunk_bytes <= kChunkBytesMax && page.chunk_bytes >= page.program_unit_bytes);
  ROOST_ASSERT(lent.manifest_bytes_max <= kManifestBytesMax);
  ROOST_ASSERT(lent.program_bytes_max != 0);
}

uint32_t Receiver::chunk_total() const {
  return chunk_count(offer_.payload_size, page_.chunk_bytes);
}

// The transfer's, or the last one's.
bool Receiver::host_here() const {
  return intake_.connected(peer_);
}

// Every change of state goes through here. A legal input after a rest of the host's restarts its clocks.
bool Receiver::step(ReceiverInput input) {
  ReceiverState next = state_;
  if (!receiver_next(state_, input, &next)) return false;
  if (host_moves_next(next) && !host_moves_next(state_)) heard_ms_ = progress_ms_ = now_ms_;
  state_ = next;
  return true;
}

// ---- producer side ----

ControlResult Receiver::handle_control(uint16_t conn, Bytes bytes) {
  return intake_.handle_control(conn, bytes);
}
bool Receiver::handle_data(uint16_t conn, Bytes bytes) {
  return intake_.handle_data(conn, bytes);
}

// ---- poll ----

Action Receiver::poll(uint32_t now_ms) {
  now_ms_ = now_ms;
  watch();
  read_mail();
  advance();
  if (transfer_open()) watch_credit();

  Action action;
  if (find_frame()) {
    action.kind = Action::Kind::kSend;
    action.conn = outgoing_peer_.conn;
    action.bytes = outgoing_.bytes();
  } else if (request_open_) {
    action.kind = Action::Kind::kRequest;
    action.conn = request_peer_.conn;
    action.request = request_;
  } else {
    show_transfer(&action);
  }
  return action;
}

// For answers of the application: a step, or nothing has changed.
Status Receiver::answered(ReceiverInput input) {
  return step(input) ? Status() : Status(Error::kIllegal);
}

void Receiver::show_transfer(Action* action) const {
  action->conn = peer_.conn;
  action->offer = offer_;
  action->chunk = chunk_;
  switch (state_) {
    case ReceiverState::kWantOfferAnswer:
      action->kind = Action::Kind::kDecideOffer;
      break;
    case ReceiverState::kWantManifestAnswer:
      action->kind = Action::Kind::kDecideManifest;
      action->bytes = Bytes(config_.ring.data(), offer_.manifest_size);
      if (offer_.has_signature())
        action->signature = Bytes(config_.ring.data() + offer_.manifest_size, kSignatureBytes);
      break;
    case ReceiverState::kWantProgrammed:
      action->kind = Action::Kind::kProgram;
      action->offset = static_cast<uint16_t>(page_offset_);
      action->bytes = program_bytes();
      break;
    case ReceiverState::kWantChunkClosed:
      action->kind = Action::Kind::kCloseChunk;
      action->true_size = static_cast<uint16_t>(chunk_size_);
      action->crc32 = chunk_crc_;
      break;
    case ReceiverState::kWantStored:
      action->kind = Action::Kind::kPayloadComplete;
      break;
    case ReceiverState::kWantVerified:
      action->kind = Action::Kind::kVerify;
      action->scratch = config_.ring;
      break;
    case ReceiverState::kWantAbandoned:
      action->kind = Action::Kind::kAbandoned;
      action->reason = result_.reason;
      action->detail = result_.detail;
      break;
    default:
      break;
  }
}

// When a host that is to move, and does not, is given up.
uint32_t Receiver::patience_end_ms() const {
  const uint32_t silent_ms = heard_ms_ + config_.host_silent_ms;
  const uint32_t stuck_ms = progress_ms_ + config_.no_progress_ms;
  return reached(silent_ms, stuck_ms) ? stuck_ms : silent_ms;
}

uint32_t Receiver::hole_report_ms() const {
  return hole_since_ms_ + (hole_reported_ ? config_.hole_quiet_ms : config_.hole_grace_ms);
}

Deadline Receiver::next_deadline() const {
  Deadline deadline;
  const auto earlier = [&deadline](uint32_t at_ms) {
    if (deadline.any && static_cast<int32_t>(at_ms - deadline.at_ms) >= 0) return;
    deadline.any = true;
    deadline.at_ms = at_ms;
  };
  if (intake_.has_mail() || request_open_ || source_ != Source::kNobody) earlier(now_ms_);
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    if (stack_full_[slot]) earlier(retry_at_ms_[slot]);
  }
  if (!transfer_open()) return deadline;
  if (!host_moves_next(state_)) earlier(now_ms_);
  earlier(patience_end_ms());
  if (hole_open_) earlier(hole_report_ms());
  if (query_open_) earlier(query_at_ms_);
  return deadline;
}

// ---- what happened ----

void Receiver::watch() {
  if (source_ != Source::kNobody && !outgoing_alive()) source_ = Source::kNobody;
  for (uint8_t slot = 0; slot < kConnectionsMax; ++slot) {
    if (stack_full_[slot] && reached(now_ms_, retry_at_ms_[slot])) stack_full_[slot] = false;
  }
  if (owed_ != 0 && !host_here()) owed_ = 0;
  if (!transfer_open() || state_ == ReceiverState::kWantAbandoned) return;

  // With the whole payload here, the check goes on without the host.
  const bool needs_host = state_ != ReceiverState::kWantStored && state_ != ReceiverState::kWantVerified;
  if (needs_host && !host_here()) {
    abandon(Reason::kLinkLost, 0);
    return;
  }
  if (intake_.taken() != taken_seen_) {
    taken_seen_ = intake_.taken();
    heard_ms_ = progress_ms_ = now_ms_;
  }
  if (!host_moves_next(state_)) return;
  if (reached(now_ms_, patience_end_ms())) abandon(Reason::kHostSilent, 0);
}

// A report is due for a hole once when it is old enough not to be two neighbours that swapped, then after each
// quiet time; and for a query when what it asks about is here, or its wait is over.
void Receiver::watch_hole(const Arrival& arrival) {
  if (!arrival.hole) {
    hole_open_ = false;
  } else if (!hole_open_ || hole_next_ != arrival.next) {
    hole_open_ = true;
    hole_reported_ = false;
    hole_next_ = arrival.next;
    hole_since_ms_ = now_ms_;
  } else if (reached(now_ms_, hole_report_ms())) {
    owed_ |= kOwedReport;
    hole_reported_ = true;
    hole_since_ms_ = now_ms_;
  }
  const bool all_here = static_cast<int32_t>(arrival.next - query_count_) >= 0;
  if (query_open_ && (all_here || reached(now_ms_, query_at_ms_))) {
    query_open_ = false;
    owed_ |= kOwedAsked;
  }
}

// Early, so that the host never runs dry inside a connection event, but not so often that reports weigh: each must
// grant five eighths of the window, or 2.5 KiB. Half of a 4 KiB ring would be 43 reports for 100 kB, and with them
// the overhead at value size 244 touches its limit of 2.5 %.
void Receiver::watch_credit() {
  if (state_ == ReceiverState::kWantAbandoned || !host_here()) return;
  const Arrival arrival = intake_.arrival();
  watch_hole(arrival);
  const uint32_t payload = offer_.fragment_payload;
  const uint32_t total = intake_.plan().fragment_count();
  const uint32_t limit = limit_count();
  if (limit <= announced_ || announced_ >= total) return;

  constexpr uint32_t kEarlyCreditBytes = 1536;
  constexpr uint32_t kWorthwhileBytes = 2560;
  const uint32_t window = window_fragments() * payload;
  const uint32_t credit_left = announced_ > arrival.next ? (announced_ - arrival.next) * payload : 0;
  const uint32_t gain = (limit - announced_) * payload;
  const uint32_t early = window * 3 / 8 > kEarlyCreditBytes ? window * 3 / 8 : kEarlyCreditBytes;
  const uint32_t worthwhile = window * 5 / 8 < kWorthwhileBytes ? window * 5 / 8 : kWorthwhileBytes;
  if (credit_left < early && (gain >= worthwhile || limit == total)) owed_ |= kOwedReport;
}

// ---- credit ----

// Fragments that may be under way at once: what the ring, the bitmap and the port's stack hold.
uint32_t Receiver::window_fragments() const {
  const uint32_t payload = offer_.fragment_payload;
  uint32_t window = static_cast<uint32_t>(config_.ring.size()) / payload;
  if (window > kReachFragments) window = kReachFragments;
  if (config_.stack_credit_bytes != 0) {
    uint32_t stack = config_.stack_credit_bytes / (payload + static_cast<uint32_t>(kFragmentOverheadBytes));
    if (stack == 0) stack = 1;
    if (window > stack) window = stack;
  }
  return window;
}

// The first count the host may not send yet. It never goes back.
uint32_t Receiver::limit_count() const {
  const uint32_t total = intake_.plan().fragment_count();
  const uint32_t room_end = intake_.consumed() + static_cast<uint32_t>(config_.ring.size());
  uint32_t limit = room_end >= intake_.plan().size ? total : room_end / offer_.fragment_payload;
  const uint32_t reach = intake_.next_count() + window_fragments();
  if (limit > reach) limit = reach;
  if (limit > total) limit = total;
  return limit > announced_ ? limit : announced_;
}

uint16_t Receiver::initial_credit_bytes() const {
  const size_t ring = config_.ring.size();
  const size_t stack = config_.stack_credit_bytes;
  return static_cast<uint16_t>(stack != 0 && stack < ring ? stack : ring);
}

// ---- the mailbox ----

void Receiver::read_mail() {
  for (int i = 0; i < kMailPerPoll && intake_.has_mail(); ++i) {
    const Mail& mail = intake_.first_mail();
    if (intake_.connected(mail.peer)) {
      if (is_of_transfer(mail.peer)) heard_ms_ = now_ms_;
      handle_mail(mail);
    } else if (mail.opened_stream != 0 && state_ == ReceiverState::kIdle) {
      intake_.open_to_offers();
    }
    intake_.drop_mail();
  }
}

void Receiver::handle_mail(const Mail& mail) {
  const uint8_t type = message_type(mail.bytes());
  Error error;
  if (type == static_cast<uint8_t>(MessageType::kOffer)) {
    Offer offer;
    error = decode(mail.bytes(), &offer);
    if (error == Error::kNone || error == Error::kVersion) return handle_offer(offer, mail);
  } else if (type == static_cast<uint8_t>(MessageType::kQuery)) {
    Query query;
    error = decode(mail.bytes(), &query);
    if (error == Error::kNone) return handle_query(query, mail.peer);
  } else {
    Request request;
    error = decode(mail.bytes(), &request);
    if (error == Error::kNone) return handle_request(request, mail);
  }
  Notice unknown = make_notice(MessageType::kUnknown);
  unknown.about = type;
  unknown.reason = error == Error::kWrongType ? Reason::kUnknownMessage : Reason::kMalformedMessage;
  unknown.extra = kProtocolVersion;
  reply(mail.peer, unknown);
}

void Receiver::reply_busy(const Mail& mail, uint16_t tag) {
  Notice busy = make_notice(MessageType::kBusy);
  busy.about = message_type(mail.bytes());
  busy.detail = tag;
  reply(mail.peer, busy);
}

// Written twice, by the link or by a host that did not hear us: no second transfer.
bool Receiver::offer_is_ours(const Offer& offer, const Mail& mail) const {
  return is_of_transfer(mail.peer) && offer.version == kProtocolVersion && offer.epoch == offer_.epoch &&
         offer.package_id == offer_.package_id;
}

Reason Receiver::offer_fault(const Offer& offer, uint16_t* detail) const {
  if (offer.version != kProtocolVersion) {
    *detail = kProtocolVersion;
    return Reason::kProtocolVersion;
  }
  if (epochs_used_) {
    const uint16_t used = static_cast<uint16_t>(epoch_last_ - epoch_first_);
    const uint16_t from_first = static_cast<uint16_t>(offer.epoch - epoch_first_);
    if (from_first <= used || from_first == 0xFFFF)
      return Reason::kEpochReused;  // its payload stream's is one more
  }
  if (!is_fragment_payload(offer.fragment_payload)) {
    *detail = static_cast<uint16_t>(kFragmentPayloadMax);
    return Reason::kFragmentSize;
  }
  if (offer.manifest_size > config_.manifest_bytes_max) {
    *detail = config_.manifest_bytes_max;
    return Reason::kManifestTooLarge;
  }
  if (chunk_count(offer.payload_size, page_.chunk_bytes) >= 0xFFFF) return Reason::kDoesNotFit;
  return Reason::kOk;
}

// Of another version, only version and epoch mean anything.
void Receiver::handle_offer(const Offer& offer, const Mail& mail) {
  if (offer_is_ours(offer, mail)) return;
  if (state_ != ReceiverState::kIdle || request_open_ || owed_ != 0) {
    reply_busy(mail, offer.epoch);
    if (state_ == ReceiverState::kIdle) intake_.open_to_offers();
    return;
  }
  Notice refusal = make_notice(MessageType::kReject);
  refusal.epoch = offer.epoch;
  refusal.reason = offer_fault(offer, &refusal.detail);
  if (refusal.reason == Reason::kOk) return begin_transfer(offer, mail);
  reply(mail.peer, refusal);
  intake_.open_to_offers();
}

void Receiver::begin_transfer(const Offer& offer, const Mail& mail) {
  if (!step(ReceiverInput::kOffer)) return;
  static_cast<TransferMemory&>(*this) = TransferMemory();
  peer_ = mail.peer;
  offer_ = offer;
  epoch_ = offer.epoch;
  epochs_used_ = true;
  epoch_first_ = epoch_last_ = epoch_;
  outgoing_limit_ = 0;
  taken_seen_ = intake_.taken();
  heard_ms_ = progress_ms_ = now_ms_;

  const StreamPlan plan = stream_plan(offer_.stream_size());
  if (!intake_.adopt_stream(mail.opened_stream, plan)) intake_.open_stream(plan);
  const uint32_t initial =
      initial_limit(initial_credit_bytes(), offer.fragment_payload);  // the host knows it from Info
  const uint32_t total = plan.fragment_count();
  announced_ = initial < total ? initial : total;
}

StreamPlan Receiver::stream_plan(uint32_t size) const {
  StreamPlan plan = StreamPlan();
  plan.peer = peer_;
  plan.epoch = epoch_;
  plan.fragment_payload = offer_.fragment_payload;
  plan.size = size;
  return plan;
}

void Receiver::handle_query(const Query& query, const Peer& from) {
  const bool of_last = epochs_used_ && static_cast<uint16_t>(query.epoch - epoch_first_) <=
                                           static_cast<uint16_t>(epoch_last_ - epoch_first_);
  if (of_last && is_of_transfer(from)) return answer_query(query);
  if (of_last && !transfer_open() && result_known_) return reply(from, result_);
  Notice failed = make_notice(MessageType::kFailed);
  failed.epoch = query.epoch;
  failed.reason = Reason::kNoTransfer;
  reply(from, failed);
}

// About our transfer: the answer is whatever the host seems not to have heard.
void Receiver::answer_query(const Query& query) {
  if (state_ == ReceiverState::kWantAbandoned) {
    owed_ |= kOwedResult;
  } else if (state_ == ReceiverState::kWantVerified) {
    owed_ |= kOwedStored;
  } else if (query.epoch != epoch_) {
    owed_ |= rewound_ ? kOwedRewind : kOwedAccept;
  } else {
    query_open_ = true;
    query_count_ = resolve_count(query.last_sent, intake_.next_count()) + 1;
    query_at_ms_ = now_ms_ + config_.query_wait_ms;
  }
}

void Receiver::handle_request(const Request& request, const Mail& mail) {
  const Notice& last = answered_[mail.peer.slot];
  if (answered_session_[mail.peer.slot] == mail.peer.session && last.extra == request.tag &&
      last.about == static_cast<uint8_t>(request.type)) {
    return reply(mail.peer, last);
  }
  if (request.type == MessageType::kAbort && is_of_transfer(mail.peer)) {
    if (state_ != ReceiverState::kWantAbandoned) abandon(Reason::kAskedByHost, 0);
    return reply_answer(mail.peer, request, Reason::kOk, 0);
  }
  if (!transfer_open() && !request_open_) {
    request_open_ = true;
    request_ = request;
    request_peer_ = mail.peer;
    return;
  }
  const bool being_worked_on = request_open_ && same_peer(request_peer_, mail.peer) &&
                               request_.tag == request.tag && request_.type == request.type;
  if (!being_worked_on) reply_busy(mail, request.tag);
}

// ---- the stream ----

void Receiver::advance() {
  bool moved = true;
  while (moved) {
    switch (state_) {
      case ReceiverState::kAwaitManifest:
        moved = intake_.available() == offer_.stream_size() && step(ReceiverInput::kManifestHere);
        break;
      case ReceiverState::kAwaitChunkHead:
        moved = look_for_head();
        break;
      case ReceiverState::kAwaitUnits:
        moved = look_for_units();
        break;
      case ReceiverState::kAwaitChunkTail:
        moved = look_for_tail();
        break;
      default:
        moved = false;
    }
  }
}

void Receiver::peek(uint32_t position, MutableBytes out) const {
  for (size_t i = 0; i < out.size(); ++i) out[i] = config_.ring[(position + i) % config_.ring.size()];
}

// The next four bytes of the stream, little-endian.
bool Receiver::peek_word(uint32_t* word) const {
  uint8_t bytes[sizeof(*word)];
  if (intake_.available() - position_ < sizeof(bytes)) return false;
  peek(position_, MutableBytes(bytes));
  *word = load_le32(bytes);
  return true;
}

void Receiver::consume(uint32_t size) {
  position_ += size;
  intake_.consume_to(position_);
}

bool Receiver::look_for_head() {
  uint32_t word;
  if (!peek_word(&word)) return false;
  const ChunkHead head = chunk_head(word);
  if (head.codec != static_cast<uint8_t>(Codec::kRaw)) {
    abandon(Reason::kCodecUnsupported, head.codec);
    return false;
  }
  if (head.encoded_size != chunk_size_ || head.flags != 0) return rewind(chunk_, Reason::kChunkMalformed);
  consume(kChunkHeadBytes);
  return step(ReceiverInput::kHeadHere);
}

// Whole units straight from the ring; one that straddles the ring's end, and the page's padded last one, through
// the bounce buffer.
bool Receiver::look_for_units() {
  const size_t unit = page_.program_unit_bytes;
  const size_t left = chunk_size_ - page_offset_;
  const size_t here = intake_.available() - position_;
  const size_t to_end = config_.ring.size() - position_ % config_.ring.size();
  const size_t most = (config_.program_bytes_max + unit - 1) / unit * unit;

  size_t size = left < here ? left : here;
  if (size > to_end) size = to_end;
  if (size > most) size = most;
  size = size / unit * unit;
  if (size > 0) {
    return take_program(size, false);
  }
  const size_t one = left < unit ? left : unit;
  if (here < one) return false;
  return take_program(one, true);
}

bool Receiver::take_program(size_t size, bool bounced) {
  program_true_ = static_cast<uint32_t>(size);
  bounced_ = bounced;
  return step(ReceiverInput::kUnitsHere);
}

Bytes Receiver::program_bytes() const {
  if (!bounced_) return Bytes(config_.ring.data() + position_ % config_.ring.size(), program_true_);
  const MutableBytes unit = page_.bounce.first(page_.program_unit_bytes);
  memset(unit.data(), page_.erased_value, unit.size());
  peek(position_, unit.first(program_true_));
  return unit;
}

bool Receiver::look_for_tail() {
  if (!peek_word(&chunk_crc_)) return false;
  consume(kChunkTailBytes);
  return step(ReceiverInput::kTailHere);
}

void Receiver::begin_chunk(uint16_t chunk) {
  chunk_ = chunk;
  page_offset_ = 0;
  if (chunk < chunk_total()) chunk_size_ = chunk_true_size(offer_.payload_size, page_.chunk_bytes, chunk);
}

void Receiver::open_payload_stream(uint16_t first_chunk) {
  ++epoch_;
  epoch_last_ = epoch_;
  payload_stream_ = true;
  hole_open_ = query_open_ = false;
  owed_ &= static_cast<uint8_t>(~(kOwedReport | kOwedAsked));
  if (source_ == Source::kTransfer) source_ = Source::kNobody;  // a report of the stream that is over
  position_ = announced_ = 0;
  first_chunk_ = first_chunk;
  begin_chunk(first_chunk);
  intake_.open_stream(stream_plan(stream_size(offer_.payload_size, page_.chunk_bytes, first_chunk)));
  announced_ = limit_count();
}

bool Receiver::rewind(uint16_t restart_chunk, Reason reason) {
  if (failures_ == 0 || failing_chunk_ != chunk_) {
    failing_chunk_ = chunk_;
    failures_ = 0;
  }
  ++failures_;
  ++rewinds_;
  if (failures_ >= kFailuresMax || rewinds_ > kRewindsMax) {
    abandon(reason, chunk_);
    return false;
  }
  if (!step(ReceiverInput::kRewound)) return false;
  open_payload_stream(restart_chunk);
  rewound_ = true;
  owed_ |= kOwedRewind;
  return true;
}

void Receiver::end_transfer() {
  query_open_ = hole_open_ = false;
  owed_ = static_cast<uint8_t>(owed_ & ~(kOwedReport | kOwedAsked | kOwedRewind));
  intake_.open_to_offers();
}

// About the transfer, under the epoch of its offer.
Notice Receiver::notice(MessageType type) const {
  Notice of_transfer = make_notice(type);
  of_transfer.package_id = offer_.package_id;
  of_transfer.epoch = offer_.epoch;
  return of_transfer;
}

// How the transfer ended, said now and whenever somebody asks.
void Receiver::conclude(MessageType type, Reason reason, uint16_t detail) {
  result_ = notice(type);
  result_.reason = reason;
  result_.detail = detail;
  result_known_ = true;
  owe(kOwedResult);
}

// To the transfer's host, if it is still there.
void Receiver::owe(Owed owed) {
  if (host_here()) owed_ |= owed;
}

void Receiver::abandon(Reason reason, uint16_t detail) {
  if (!step(ReceiverInput::kGiveUp)) return;
  intake_.close();
  query_open_ = hole_open_ = false;
  owed_ = 0;
  conclude(MessageType::kFailed, reason, detail);
  if (source_ == Source::kTransfer) source_ = Source::kNobody;
}

// ---- answers of the application ----

Status Receiver::refuse(ReceiverInput input, Reason reason, uint16_t detail) {
  if (!step(input)) return Error::kIllegal;
  conclude(MessageType::kReject, reason, detail);
  end_transfer();
  return Status();
}

Status Receiver::answer_offer(Reason reason, uint16_t detail) {
  if (reason == Reason::kOk) return answered(ReceiverInput::kOfferTaken);
  return refuse(ReceiverInput::kOfferRefused, reason, detail);
}

Status Receiver::reject(Reason reason, uint16_t detail) {
  if (reason == Reason::kOk) return Error::kRange;
  return refuse(ReceiverInput::kManifestRefused, reason, detail);
}

Status Receiver::accept(uint16_t resume_chunk) {
  if (state_ != ReceiverState::kWantManifestAnswer) return Error::kIllegal;
  if (resume_chunk > chunk_total()) return Error::kRange;
  const bool whole = resume_chunk == chunk_total();
  if (!step(whole ? ReceiverInput::kAcceptedWhole : ReceiverInput::kAccepted)) return Error::kIllegal;
  durable_ = resume_chunk;
  open_payload_stream(resume_chunk);
  accept_ = make_notice(MessageType::kAccept);
  accept_.epoch = epoch_;
  accept_.about = static_cast<uint8_t>(__builtin_ctz(page_.chunk_bytes));
  accept_.detail = resume_chunk;
  accept_.extra = static_cast<uint8_t>(announced_);
  owed_ |= kOwedAccept;
  return Status();
}

Status Receiver::programmed() {
  if (state_ != ReceiverState::kWantProgrammed) return Error::kIllegal;
  page_offset_ += program_true_;
  consume(program_true_);
  const bool page_done = page_offset_ == chunk_size_;
  return answered(page_done ? ReceiverInput::kPageProgrammed : ReceiverInput::kProgrammed);
}

Status Receiver::chunk_durable(uint16_t durable_count) {
  if (state_ != ReceiverState::kWantChunkClosed) return Error::kIllegal;
  if (durable_count < durable_ || durable_count > chunk_ + 1u) return Error::kRange;
  durable_ = durable_count;
  const uint16_t next = static_cast<uint16_t>(chunk_ + 1);
  if (next == chunk_total()) return answered(ReceiverInput::kLastChunkDurable);
  if (!step(ReceiverInput::kChunkDurable)) return Error::kIllegal;
  begin_chunk(next);
  return Status();
}

Status Receiver::chunk_failed(uint16_t restart_chunk, Reason reason) {
  if (state_ != ReceiverState::kWantChunkClosed && state_ != ReceiverState::kWantProgrammed) return Error::kIllegal;
  if (restart_chunk > chunk_ || restart_chunk < durable_ || reason == Reason::kOk) return Error::kRange;
  rewind(restart_chunk, reason);
  return Status();
}

Status Receiver::stored() {
  if (!step(ReceiverInput::kStored)) return Error::kIllegal;
  owe(kOwedStored);
  return Status();
}

Status Receiver::verified() {
  if (!step(ReceiverInput::kVerified)) return Error::kIllegal;
  conclude(MessageType::kVerified, Reason::kOk, 0);
  end_transfer();
  return Status();
}

Status Receiver::payload_failed(Reason reason, uint16_t detail) {
  if (reason == Reason::kOk) return Error::kRange;
  if (!step(ReceiverInput::kPayloadFailed)) return Error::kIllegal;
  conclude(MessageType::kFailed, reason, detail);
  end_transfer();
  return Status();
}

Status Receiver::abandoned() {
  if (!step(ReceiverInput::kAbandoned)) return Error::kIllegal;
  end_transfer();
  return Status();
}

Status Receiver::give_up(Reason reason, uint16_t detail) {
  if (!transfer_open() || state_ == ReceiverState::kWantAbandoned) return Error::kIllegal;
  if (reason == Reason::kOk) return Error::kRange;
  abandon(reason, detail);
  return Status();
}

Status Receiver::update_durable(uint16_t durable_count) {
  if (!transfer_open() || !payload_stream_) return Error::kIllegal;
  if (durable_count < durable_ || durable_count > chunk_) return Error::kRange;
  durable_ = durable_count;
  return Status();
}

Status Receiver::answer_request(Reason reason, uint16_t detail) {
  if (!request_open_) return Error::kIllegal;
  request_open_ = false;
  if (intake_.connected(request_peer_)) reply_answer(request_peer_, request_, reason, detail);
  return Status();
}

// Remembered, to be said again if the request is.
void Receiver::reply_answer(const Peer& peer, const Request& request, Reason reason, uint16_t detail) {
  Notice& answer = answered_[peer.slot];
  answer = make_notice(MessageType::kAnswer);
  answer.extra = request.tag;
  answer.about = static_cast<uint8_t>(request.type);
  answer.reason = reason;
  answer.detail = detail;
  answered_session_[peer.slot] = peer.session;
  reply(peer, answer);
}

Result<MutableBytes> Receiver::lend_ring() {
  if (state_ != ReceiverState::kIdle || intake_.has_mail()) return Error::kIllegal;
  intake_.close();
  if (intake_.producer_inside()) {
    intake_.open_to_offers();
    return Error::kIllegal;
  }
  if (!step(ReceiverInput::kLend)) return Error::kIllegal;
  return config_.ring;
}

Status Receiver::return_ring() {
  if (!step(ReceiverInput::kReturn)) return Error::kIllegal;
  intake_.open_to_offers();
  return Status();
}

}  // namespace protocol
}  // namespace roost
