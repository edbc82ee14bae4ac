#include "protocol/control.h"

#include <string.h>

#include "base/record.h"
#include "protocol/fragment.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {
namespace {

// What follows the type in each message, as SPEC.md draws it.
constexpr RecordField kOfferFields[] = {ROOST_FIELD(Offer, version),
                                        ROOST_FIELD(Offer, flags),
                                        ROOST_FIELD(Offer, epoch),
                                        ROOST_FIELD(Offer, package_id),
                                        ROOST_FIELD(Offer, manifest_size),
                                        ROOST_FIELD(Offer, payload_size),
                                        ROOST_FIELD(Offer, fragment_payload),
                                        kRecordEnd};
constexpr RecordField kQueryFields[] = {ROOST_FIELD(Query, epoch), ROOST_FIELD(Query, last_sent), kRecordEnd};
constexpr RecordField kRequestFields[] = {ROOST_FIELD(Request, tag), ROOST_FIELD(Request, flags),
                                          ROOST_FIELD(Request, package_id), kRecordEnd};
constexpr RecordField kAcceptFields[] = {ROOST_FIELD(Accept, epoch), ROOST_FIELD(Accept, chunk_log2),
                                         ROOST_FIELD(Accept, resume_chunk), ROOST_FIELD(Accept, limit), kRecordEnd};
constexpr RecordField kRejectFields[] = {ROOST_FIELD(Reject, epoch), ROOST_FIELD(Reject, reason),
                                         ROOST_FIELD(Reject, detail), kRecordEnd};
constexpr RecordField kReportFields[] = {ROOST_FIELD(ReportHead, epoch_low), ROOST_FIELD(ReportHead, next_wanted),
                                         ROOST_FIELD(ReportHead, limit), ROOST_FIELD(ReportHead, durable_low),
                                         kRecordEnd};
constexpr RecordField kRewindFields[] = {ROOST_FIELD(Rewind, epoch), ROOST_FIELD(Rewind, chunk),
                                         ROOST_FIELD(Rewind, limit), kRecordEnd};
constexpr RecordField kMilestoneFields[] = {ROOST_FIELD(Milestone, epoch), ROOST_FIELD(Milestone, package_id),
                                            kRecordEnd};
constexpr RecordField kFailedFields[] = {ROOST_FIELD(Failed, epoch), ROOST_FIELD(Failed, package_id),
                                         ROOST_FIELD(Failed, reason), ROOST_FIELD(Failed, detail), kRecordEnd};
constexpr RecordField kBusyFields[] = {ROOST_FIELD(Busy, about), ROOST_FIELD(Busy, tag), kRecordEnd};
constexpr RecordField kUnknownFields[] = {ROOST_FIELD(Unknown, about), ROOST_FIELD(Unknown, reason),
                                          ROOST_FIELD(Unknown, version), kRecordEnd};
constexpr RecordField kAnswerFields[] = {ROOST_FIELD(Answer, tag), ROOST_FIELD(Answer, about),
                                         ROOST_FIELD(Answer, reason), ROOST_FIELD(Answer, detail), kRecordEnd};
constexpr RecordField kStateChangeFields[] = {ROOST_FIELD(StateChange, package_id),
                                              ROOST_FIELD(StateChange, reason), ROOST_FIELD(StateChange, detail),
                                              kRecordEnd};

Frame frame_of(MessageType type, RecordFields fields, const void* message) {
  Frame frame;
  frame.data[0] = static_cast<uint8_t>(type);
  frame.size = static_cast<uint8_t>(store_record(fields, message, frame.data.data() + 1) - frame.data.data());
  return frame;
}

// A record of exactly one type and one size: type first, then length, the order every decoder here keeps.
Error read_frame(Bytes frame, MessageType type, RecordFields fields, void* message) {
  if (frame.empty()) return Error::kTooShort;
  if (frame[0] != static_cast<uint8_t>(type)) return Error::kWrongType;
  const size_t size = 1 + record_size(fields);
  if (frame.size() != size) return frame.size() < size ? Error::kTooShort : Error::kTooLong;
  load_record(fields, frame.data() + 1, message);
  return Error::kNone;
}

bool is_request(uint8_t type) {
  return type >= static_cast<uint8_t>(MessageType::kActivate) &&
         type <= static_cast<uint8_t>(MessageType::kEraseModels);
}

Error check(const Offer& offer) {
  if (offer.version != kProtocolVersion) return Error::kVersion;
  const bool in_range = (offer.flags & ~(kOfferForce | kOfferSigned)) == 0 && offer.manifest_size != 0 &&
                        offer.payload_size != 0 && offer.payload_size <= kPayloadBytesMax;
  return in_range ? Error::kNone : Error::kRange;
}

// Of the messages to the device.
template <typename T>
Result<T> decoded(Bytes frame, bool is_of_type, T ToDevice::*part) {
  if (!is_of_type) return frame.empty() ? Error::kTooShort : Error::kWrongType;
  ToDevice message;
  const Error error = decode(frame, &message);
  if (error != Error::kNone) return error;
  return message.*part;
}

}  // namespace

Frame encode(const Offer& m) {
  return frame_of(MessageType::kOffer, kOfferFields, &m);
}

Error decode(Bytes frame, ToDevice* message) {
  const uint8_t type = frame.data()[0];
  message->type = static_cast<MessageType>(type);
  message->request.type = message->type;  // stays, if it is one: no field of its record
  RecordFields fields = kRequestFields;
  size_t size = 1 + record_size(kRequestFields);
  if (message->type == MessageType::kOffer) {
    fields = kOfferFields;
    size = 1 + record_size(kOfferFields);
  } else if (message->type == MessageType::kQuery) {
    fields = kQueryFields;
    size = 1 + record_size(kQueryFields);
  } else if (!is_request(type)) {
    return Error::kWrongType;
  }
  if (frame.size() != size) return Error::kRange;
  load_record(fields, frame.data() + 1, &message->offer);  // all have one place
  if (message->type == MessageType::kOffer) return check(message->offer);
  const bool strange = message->type != MessageType::kQuery && (message->request.flags & ~kRequestForce) != 0;
  return strange ? Error::kRange : Error::kNone;
}

Result<Offer> decode_offer(Bytes frame) {
  return decoded(frame, message_type(frame) == static_cast<uint8_t>(MessageType::kOffer), &ToDevice::offer);
}

Frame encode(const Query& m) {
  return frame_of(MessageType::kQuery, kQueryFields, &m);
}

Result<Query> decode_query(Bytes frame) {
  return decoded(frame, message_type(frame) == static_cast<uint8_t>(MessageType::kQuery), &ToDevice::query);
}

Frame encode(const Request& m) {
  return frame_of(m.type, kRequestFields, &m);
}

Result<Request> decode_request(Bytes frame) {
  return decoded(frame, is_request(message_type(frame)), &ToDevice::request);
}

Frame encode(const Accept& m) {
  return frame_of(MessageType::kAccept, kAcceptFields, &m);
}

Result<Accept> decode_accept(Bytes frame) {
  Accept m;
  const Error error = read_frame(frame, MessageType::kAccept, kAcceptFields, &m);
  if (error != Error::kNone) return error;
  if (m.chunk_log2 < 8 || m.chunk_log2 > 12 || m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Reject& m) {
  return frame_of(MessageType::kReject, kRejectFields, &m);
}

Result<Reject> decode_reject(Bytes frame) {
  Reject m;
  const Error error = read_frame(frame, MessageType::kReject, kRejectFields, &m);
  if (error != Error::kNone) return error;
  if (m.reason == Reason::kOk) return Error::kRange;
  return m;
}

Frame encode(const Report& m) {
  Frame frame;
  for (size_t i = 0; i < kBitmapBytesMax; ++i) frame.data[kReportBytes + i] = i < m.bitmap_size ? m.bitmap[i] : 0;
  encode(static_cast<const ReportHead&>(m), &frame);
  return frame;
}

Result<Report> decode_report(Bytes frame) {
  Report m;
  m.asked = message_type(frame) == static_cast<uint8_t>(MessageType::kReportAsked);
  if (frame.size() > kReportBytes + kBitmapBytesMax) return Error::kTooLong;
  const Bytes fixed = frame.size() > kReportBytes ? frame.first(kReportBytes) : frame;
  const Error error = read_frame(fixed, m.asked ? MessageType::kReportAsked : MessageType::kReport, kReportFields,
                                 static_cast<ReportHead*>(&m));
  if (error != Error::kNone) return error;
  m.bitmap_size = static_cast<uint8_t>(frame.size() - kReportBytes);
  for (size_t i = 0; i < m.bitmap_size; ++i) m.bitmap[i] = frame[kReportBytes + i];
  if (m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Rewind& m) {
  return frame_of(MessageType::kRewind, kRewindFields, &m);
}

Result<Rewind> decode_rewind(Bytes frame) {
  Rewind m;
  const Error error = read_frame(frame, MessageType::kRewind, kRewindFields, &m);
  if (error != Error::kNone) return error;
  if (m.limit > kReachFragments) return Error::kRange;
  return m;
}

Frame encode(const Milestone& m) {
  return frame_of(m.type, kMilestoneFields, &m);
}

Result<Milestone> decode_milestone(Bytes frame) {
  Milestone m;
  if (message_type(frame) == static_cast<uint8_t>(MessageType::kVerified)) m.type = MessageType::kVerified;
  const Error error = read_frame(frame, m.type, kMilestoneFields, &m);
  if (error != Error::kNone) return error;
  return m;
}

Frame encode(const Failed& m) {
  return frame_of(MessageType::kFailed, kFailedFields, &m);
}

Result<Failed> decode_failed(Bytes frame) {
  Failed m;
  const Error error = read_frame(frame, MessageType::kFailed, kFailedFields, &m);
  if (error != Error::kNone) return error;
  if (m.reason == Reason::kOk) return Error::kRange;
  return m;
}

Frame encode(const Busy& m) {
  return frame_of(MessageType::kBusy, kBusyFields, &m);
}

Result<Busy> decode_busy(Bytes frame) {
  Busy m;
  const Error error = read_frame(frame, MessageType::kBusy, kBusyFields, &m);
  if (error != Error::kNone) return error;
  return m;
}

Frame encode(const Unknown& m) {
  return frame_of(MessageType::kUnknown, kUnknownFields, &m);
}

Result<Unknown> decode_unknown(Bytes frame) {
  Unknown m;
  const Error error = read_frame(frame, MessageType::kUnknown, kUnknownFields, &m);
  if (error != Error::kNone) return error;
  return m;
}

Frame encode(const Answer& m) {
  return frame_of(MessageType::kAnswer, kAnswerFields, &m);
}

Result<Answer> decode_answer(Bytes frame) {
  Answer m;
  const Error error = read_frame(frame, MessageType::kAnswer, kAnswerFields, &m);
  if (error != Error::kNone) return error;
  if (!is_request(static_cast<uint8_t>(m.about))) return Error::kRange;
  return m;
}

Frame encode(const StateChange& m) {
  return frame_of(m.type, kStateChangeFields, &m);
}

Result<StateChange> decode_state_change(Bytes frame) {
  StateChange m;
  const uint8_t type = message_type(frame);
  if (type == static_cast<uint8_t>(MessageType::kRolledBack) ||
      type == static_cast<uint8_t>(MessageType::kConfirmed)) {
    m.type = static_cast<MessageType>(type);
  }
  const Error error = read_frame(frame, m.type, kStateChangeFields, &m);
  if (error != Error::kNone) return error;
  return m;
}

}  // namespace protocol
}  // namespace roost
