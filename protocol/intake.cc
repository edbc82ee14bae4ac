#include "protocol/intake.h"

#include <string.h>

#include "protocol/fragment.h"

namespace roost {
namespace protocol {
namespace {

// Of a slot's word.
constexpr uint32_t kSubscribed = 0x0001;
constexpr uint32_t kConnected = 0x0002;  // lowest bit of the number, which grows by this
constexpr uint32_t kNumber = 0xFFFE;
constexpr uint32_t kMapBits = 128;

Peer peer_of(uint32_t word, uint32_t slot) {
  return static_cast<Peer>((word & kNumber) / kConnected * kConnectionsMax + slot);
}

// The handle comes, or goes: not subscribed yet, or not any more.
void begin_session(SharedWord* slot, uint32_t conn) {
  slot->store(conn << 16 | ((slot->own() + kConnected) & kNumber));
}

Stream manifest_stream_of(const Mail& mail) {
  Stream stream;
  stream.peer = mail.peer;
  stream.cut = Stream::cut_of(mail.offer.epoch, mail.offer.fragment_payload);
  stream.size = mail.offer.stream_size();
  return stream;
}

}  // namespace

// Marks a producer's call, so that the consumer can tell whether the ring is being written.
class Intake::Inside {
 public:
  ROOST_INLINE explicit Inside(Intake* intake) : intake_(intake) { intake_->inside_.store(1); }
  ROOST_INLINE ~Inside() { intake_->inside_.store(0); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Intake* intake_;
};

// ---- connections ------------------------------------------------------------------------------------------------

Peer Intake::find(uint16_t conn) const {
  for (uint32_t slot = 0; slot < kConnectionsMax; ++slot) {
    const uint32_t word = slots_[slot].own();
    if ((word & kConnected) != 0 && word >> 16 == conn) return peer_of(word, slot);
  }
  return Peer::kNobody;
}

void Intake::handle_connect(uint16_t conn) {
  handle_disconnect(conn);  // a stack that forgot to tell
  for (SharedWord& slot : slots_) {
    if ((slot.own() & kConnected) == 0) return begin_session(&slot, conn);
  }
}

void Intake::handle_subscribed(uint16_t conn, bool on) {
  const Peer peer = find(conn);
  if (peer == Peer::kNobody) return;
  SharedWord& slot = slots_[slot_of(peer)];
  slot.store((slot.own() & ~kSubscribed) | (on ? kSubscribed : 0));
}

void Intake::handle_disconnect(uint16_t conn) {
  const Peer peer = find(conn);
  if (peer != Peer::kNobody) begin_session(&slots_[slot_of(peer)], conn);
}

Peer Intake::peer_at(uint32_t slot) const {
  return peer_of(slots_[slot].load(), slot);
}

// ---- the mailbox ------------------------------------------------------------------------------------------------

// The last place is not for whoever has waited longest: there is one for the other connections.
inline bool Intake::mailbox_has_room(uint32_t head, Peer peer) const {
  const uint32_t tail = mail_tail_.load();
  const uint32_t waiting = head - tail;
  return waiting < kMailMax - 1 || (waiting < kMailMax && mail_[tail % kMailMax].peer != peer);
}

ControlResult Intake::handle_control(uint16_t conn, Bytes bytes) {
  const Inside inside(this);
  const Peer peer = find(conn);
  if (peer == Peer::kNobody) return ControlResult::kUnknownConnection;
  if (bytes.empty() || bytes.size() > kFrameBytesMax) return ControlResult::kTooLong;
  if (!subscribed(slot_of(peer))) return ControlResult::kNotificationsOff;
  const uint32_t head = mail_head_.own();
  if (!mailbox_has_room(head, peer)) return ControlResult::kFull;
  Mail& mail = mail_[head % kMailMax];
  mail.peer = peer;
  read_into(&mail, bytes);
  mail_head_.store(head + 1);
  return ControlResult::kTaken;
}

const Mail* Intake::first_mail() const {
  const uint32_t tail = mail_tail_.own();
  return mail_head_.load() == tail ? nullptr : &mail_[tail % kMailMax];
}

void Intake::drop_mail() {
  mail_tail_.raise_by_one();
}

// ---- streams: the consumer's hand ----

inline void Intake::set_stream(Peer peer, uint32_t cut, uint32_t size) {
  peer_.store(static_cast<uint32_t>(peer));
  cut_.store(cut);
  size_.store(size);
}

void Intake::open_stream(Peer peer, uint32_t cut, uint32_t size) {
  generation_.raise_by_one();
  consumed_.store(0);
  set_stream(peer, cut, size);
  stream_id_ = generation_.own() + 1;
  generation_.store(stream_id_);
}

void Intake::close(Peer door) {
  open_stream(door, 0, 0);
}

// A producer that has opened it has seen this generation, and looks no more at what that says: it may change meanwhile.
void Intake::open_manifest_stream(const Mail& mail) {
  const Stream stream = manifest_stream_of(mail);
  const uint32_t id = stream_id_ + 1;
  if (mail.opened == static_cast<uint8_t>(id) && stream_here_.load() == id) {
    set_stream(stream.peer, stream.cut, stream.size);
    stream_id_ = id;
  } else {
    open_stream(stream.peer, stream.cut, stream.size);
  }
}

// ---- streams: the producer's hand ----

void Intake::begin_stream(uint32_t id) {
  stream_here_.store(0);
  next_.store(0);
  placed_.store(0);
  for (SharedWord& word : map_) word.store(0);
  stream_here_.store(id);
}

// Adopts the consumer's latest stream. False: it is being changed this very moment.
bool Intake::follow_consumer() {
  const uint32_t generation = generation_.load();
  if ((generation & 1) != 0) return false;
  if (generation == (stream_here_.own() & ~1u)) return true;  // seen already
  here_.peer = static_cast<Peer>(peer_.load());
  here_.cut = cut_.load();
  here_.size = size_.load();
  if (generation_.load() != generation) return false;  // it is read again
  begin_stream(generation);
  return true;
}

// An offer that finds the door open gets its manifest stream at once: one that makes no sense is closed again when the
// consumer refuses the offer.
void Intake::read_into(Mail* mail, Bytes bytes) {
  mail->error = decode(bytes, mail);
  mail->opened = 0;
  if (mail->error != Error::kNone || mail->type != MessageType::kOffer) return;
  if (!follow_consumer() || here_.peer != Peer::kNobody) return;
  here_ = manifest_stream_of(*mail);
  const uint32_t id = stream_here_.own() + 1;
  mail->opened = static_cast<uint8_t>(id);
  begin_stream(id);
}

bool Intake::is_marked(uint32_t count) const {
  const uint32_t index = count % kMapBits;
  return (map_[index / 32].load() >> (index % 32) & 1) != 0;
}

void Intake::turn_mark(uint32_t count) {
  const uint32_t index = count % kMapBits;
  SharedWord& word = map_[index / 32];
  word.store(word.own() ^ 1u << (index % 32));
}

// Bits go before next passes them: one that stands too long would be read as that of a fragment 128 further on.
inline void Intake::mark(uint32_t count) {
  turn_mark(count);
  uint32_t next = next_.own();
  while (is_marked(next)) {
    turn_mark(next);
    ++next;
  }
  next_.store(next);
  placed_.raise_by_one();
}

// Is this fragment one of ours, new, of the right length, and is there room for it? The cheap questions come first;
// the CRC is the last word. A stream of size 0 takes nothing.
bool Intake::handle_data(uint16_t conn, Bytes bytes) {
  const Inside inside(this);
  if (!follow_consumer() || here_.peer != find(conn)) return false;
  Fragment fragment;
  if (split_fragment(bytes, &fragment) != Error::kNone) return false;
  const uint32_t next = next_.own();
  const uint32_t ahead = static_cast<uint16_t>(fragment.number - next);
  if (ahead >= kReachFragments) return false;
  const uint32_t count = next + ahead;
  const uint32_t position = count * here_.fragment_payload();
  if (position >= here_.size) return false;
  const uint32_t left = here_.size - position;
  const uint32_t size = left < here_.fragment_payload() ? left : here_.fragment_payload();
  if (fragment.payload.size() != size || is_marked(count)) return false;
  const MutableBytes ring = config_.ring;
  if (position + size > consumed_.load() + ring.size()) return false;
  // The one place where a fragment's CRC is checked.
  if (fragment_crc(here_.epoch(), count, fragment.payload) != fragment.crc()) return false;
  size_t offset = position % ring.size();
  for (const uint8_t byte : fragment.payload) {
    ring.data()[offset] = byte;
    if (++offset == ring.size()) offset = 0;
  }
  mark(count);
  return true;
}

// ---- what has arrived ----

// False: what next and map say is of an earlier stream.
bool Intake::producer_follows() const {
  return stream_here_.load() == stream_id_;
}

uint32_t Intake::next_count() const {
  return producer_follows() ? next_.load() : 0;
}

uint32_t Intake::placed() const {
  return producer_follows() ? placed_.load() : 0;
}

uint32_t Intake::available() const {
  const uint32_t bytes = next_count() * (cut_.own() >> 16);
  return (bytes < stream_size() ? bytes : stream_size()) - consumed();
}

// A bit that is set holds for as long as next stays the same. While next moves on, those that it passes are cleared, so
// some may be missing: what is not shown is at worst sent twice. It moves only as long as the ring has room, and nobody
// makes room meanwhile.
uint32_t Intake::arrived(uint8_t* bitmap) const {
  uint32_t next;
  do {
    next = next_count();
    const uint32_t known = producer_follows();
    uint32_t eight = 0;
    for (uint32_t i = 0; i < 8 * kBitmapBytesMax; ++i) {
#ifdef ROOST_MUTANT_BITMAP_OFF_BY_ONE
      const uint32_t here = is_marked(next + i);
#else
      const uint32_t here = is_marked(next + 1 + i);
#endif
      eight = eight >> 1 | (known & here) << 7;  // the first of them ends lowest
      bitmap[i / 8] = static_cast<uint8_t>(eight);
    }
  } while (next_count() != next);
  return next;
}

}  // namespace protocol
}  // namespace roost
