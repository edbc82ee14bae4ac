#include "protocol/intake.h"

#include <string.h>

#include "protocol/fragment.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {
namespace {

constexpr uint32_t kConnected = 1;
constexpr uint32_t kSubscribed = 2;
constexpr uint32_t kMapBits = 128;

uint32_t slot_word(uint16_t conn, uint32_t flags) {
  return (static_cast<uint32_t>(conn) << 2) | flags;
}

// All words are stored in order (release) and loaded in order (acquire). What is said under a number that is odd in the
// meantime is so seen whole or recognized as torn. Only inside_ and generation_ need more: see producer_inside.
void store(std::atomic<uint32_t>* word, uint32_t value) {
  word->store(value, std::memory_order_release);
}

void raise_by_one(std::atomic<uint32_t>* word) {  // by its only writer: no read-modify-write needed
  store(word, word->load(std::memory_order_relaxed) + 1);
}

}  // namespace

uint32_t StreamPlan::fragment_count() const {
  return fragment_payload == 0 ? 0 : (size + fragment_payload - 1) / fragment_payload;
}

// Marks a producer's call, so that the consumer can tell whether the ring is being written.
class Intake::Inside {
 public:
  explicit Inside(Intake* intake) : intake_(intake) { intake_->inside_.store(1); }
  ~Inside() { store(&intake_->inside_, 0); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Intake* intake_;
};

// ---- connections ------------------------------------------------------------------------------------------------

bool Intake::find(uint16_t conn, Peer* peer) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const uint32_t word = slots_[i].word.load(std::memory_order_relaxed);
    if ((word & kConnected) == 0 || (word >> 2) != conn) continue;
    peer->conn = conn;
    peer->slot = static_cast<uint8_t>(i);
    peer->session = slots_[i].session.load(std::memory_order_relaxed);
    return true;
  }
  return false;
}

void Intake::handle_connect(uint16_t conn) {
  handle_disconnect(conn);  // a stack that forgot to tell
  for (Slot& slot : slots_) {
    if ((slot.word.load(std::memory_order_relaxed) & kConnected) != 0) continue;
    store(&slot.word, slot_word(conn, kConnected));
    raise_by_one(&slot.session);
    return;
  }
}

void Intake::handle_subscribed(uint16_t conn, bool on) {
  Peer peer;
  if (!find(conn, &peer)) return;
  store(&slots_[peer.slot].word, slot_word(conn, kConnected | (on ? kSubscribed : 0)));
}

void Intake::handle_disconnect(uint16_t conn) {
  Peer peer;
  if (!find(conn, &peer)) return;
  raise_by_one(&slots_[peer.slot].session);
  store(&slots_[peer.slot].word, 0);
}

bool Intake::is_subscribed(const Peer& peer) const {
  return (slots_[peer.slot].word.load(std::memory_order_relaxed) & kSubscribed) != 0;
}

bool Intake::connected(const Peer& peer) const {
  return peer.session != 0 && slots_[peer.slot].session.load() == peer.session;
}

bool Intake::subscribed(uint8_t slot, Peer* peer) const {
  peer->session = slots_[slot].session.load();
  const uint32_t word = slots_[slot].word.load();
  peer->slot = slot;
  peer->conn = static_cast<uint16_t>(word >> 2);
  return (word & kSubscribed) != 0 && connected(*peer);
}

// ---- the mailbox ------------------------------------------------------------------------------------------------

bool Intake::mailbox_has_room(const Peer& peer) const {
  const uint32_t tail = mail_tail_.load(std::memory_order_acquire);
  const uint32_t head = mail_head_.load(std::memory_order_relaxed);
  if (head - tail >= kMailMax) return false;
  uint32_t of_this = 0;
  for (uint32_t i = tail; i != head; ++i) {
    if (same_peer(mail_[i % kMailMax].peer, peer)) ++of_this;
  }
  return of_this < kMailMaxOfOne;
}

ControlResult Intake::handle_control(uint16_t conn, Bytes bytes) {
  const Inside inside(this);
  Peer peer;
  if (!find(conn, &peer)) return ControlResult::kUnknownConnection;
  if (bytes.empty() || bytes.size() > kFrameBytesMax) return ControlResult::kTooLong;
  if (!is_subscribed(peer)) return ControlResult::kNotificationsOff;
  if (!mailbox_has_room(peer)) return ControlResult::kFull;
  const uint32_t head = mail_head_.load(std::memory_order_relaxed);
  Mail& mail = mail_[head % kMailMax];
  mail.peer = peer;
  mail.size = static_cast<uint8_t>(bytes.size());
  memcpy(mail.data.data(), bytes.data(), bytes.size());
  mail.opened_stream = open_for_offer(peer, bytes);
  mail_head_.store(head + 1, std::memory_order_release);
  return ControlResult::kTaken;
}

const Mail& Intake::first_mail() const {
  return mail_[mail_tail_.load(std::memory_order_relaxed) % kMailMax];
}

void Intake::drop_mail() {
  raise_by_one(&mail_tail_);
}

// ---- streams: the consumer's hand ----

void Intake::publish(Door door, const StreamPlan& plan) {
  const uint32_t generation = generation_.load(std::memory_order_relaxed);
  store(&generation_, generation + 1);
  plan_ = plan;
  plan_.door = door;
  store(&consumed_, 0);
  uint32_t words[kPlanWords];
  memcpy(words, &plan_, sizeof(words));
  for (size_t i = 0; i < kPlanWords; ++i) store(&published_[i], words[i]);
  generation_.store(generation + 2);
  stream_id_ = generation + 2;
}

void Intake::open_stream(const StreamPlan& plan) {
  publish(Door::kOpen, plan);
}
void Intake::open_to_offers() {
  publish(Door::kOffers, StreamPlan());
}
void Intake::close() {
  publish(Door::kClosed, StreamPlan());
}

bool Intake::adopt_stream(uint32_t opened_stream, const StreamPlan& plan) {
  if (opened_stream == 0 || opened_stream != generation_.load(std::memory_order_relaxed) + 1) return false;
  plan_ = plan;
  stream_id_ = opened_stream;
  return true;
}

// ---- streams: the producer's hand ----

void Intake::begin_stream(uint32_t id) {
  store(&stream_here_, 0);
  store(&next_, 0);
  for (std::atomic<uint32_t>& word : map_) store(&word, 0);
  here_.door = Door::kOpen;
  store(&stream_here_, id);
}

// Adopts the consumer's latest plan. False: it is being changed this very moment.
bool Intake::follow_consumer() {
  const uint32_t generation = generation_.load();
  if ((generation & 1) != 0) return false;
  if (generation == seen_generation_) return true;
  uint32_t words[kPlanWords];
  for (size_t i = 0; i < kPlanWords; ++i) words[i] = published_[i].load(std::memory_order_acquire);
  if (generation_.load() != generation) return false;
  memcpy(&here_, words, sizeof(words));
  seen_generation_ = generation;
  if (here_.door == Door::kOpen) begin_stream(generation);
  return true;
}

// An offer that finds the door open gets its manifest stream at once. Returns the stream's id, or 0.
uint32_t Intake::open_for_offer(const Peer& peer, Bytes bytes) {
  Offer offer;
  if (decode(bytes, &offer) != Error::kNone || !follow_consumer() || here_.door != Door::kOffers) return 0;
  const uint32_t size = offer.stream_size();
  if (offer.manifest_size > config_.manifest_bytes_max || size > config_.ring.size()) return 0;
  if (!is_fragment_payload(offer.fragment_payload)) return 0;
  here_.peer = peer;
  here_.epoch = offer.epoch;
  here_.fragment_payload = offer.fragment_payload;
  here_.size = size;
  begin_stream(seen_generation_ + 1);
  return seen_generation_ + 1;
}

bool Intake::is_marked(uint32_t count) const {
  const uint32_t index = count % kMapBits;
  return (map_[index / 32].load(std::memory_order_acquire) >> (index % 32) & 1) != 0;
}

void Intake::set_bit(uint32_t count, bool on) {
  const uint32_t index = count % kMapBits;
  std::atomic<uint32_t>& word = map_[index / 32];
  const uint32_t mask = 1u << (index % 32);
  const uint32_t value = word.load(std::memory_order_relaxed);
  store(&word, on ? value | mask : value & ~mask);
}

// Is this fragment one of ours, new, of the right length, and is there room for it? The cheap questions come first;
// the CRC is the last word.
bool Intake::admit(uint32_t count, size_t size) const {
  const uint32_t next = next_.load(std::memory_order_relaxed);
  if (count < next || count - next >= kReachFragments || count >= here_.fragment_count()) return false;
  const uint32_t position = count * here_.fragment_payload;
  const uint32_t left = here_.size - position;
  if (size != (left < here_.fragment_payload ? left : here_.fragment_payload)) return false;
  const uint32_t consumed = consumed_.load(std::memory_order_acquire);
  return position + size <= consumed + config_.ring.size() && !is_marked(count);
}

void Intake::place(uint32_t position, const Bytes& payload) {
  const size_t offset = position % config_.ring.size();
  const size_t to_end = config_.ring.size() - offset;
  const size_t head = payload.size() < to_end ? payload.size() : to_end;
  memcpy(config_.ring.data() + offset, payload.data(), head);
  if (head < payload.size()) memcpy(config_.ring.data(), payload.data() + head, payload.size() - head);
}

void Intake::mark(uint32_t count) {
  raise_by_one(&version_);
  uint32_t next = next_.load(std::memory_order_relaxed);
  if (count != next) {
    set_bit(count, true);
  } else {
    ++next;
    while (is_marked(next)) {
      set_bit(next, false);
      ++next;
    }
    store(&next_, next);
  }
  raise_by_one(&version_);
  raise_by_one(&taken_);
}

bool Intake::handle_data(uint16_t conn, Bytes bytes) {
  const Inside inside(this);
  Fragment fragment;
  Peer peer;
  if (split_fragment(bytes, &fragment) != Error::kNone || !find(conn, &peer)) return false;
  if (!follow_consumer() || here_.door != Door::kOpen || !same_peer(here_.peer, peer)) return false;
  const uint32_t count = resolve_count(fragment.number, next_.load(std::memory_order_relaxed));
  if (!admit(count, fragment.payload.size())) return false;
  // The one place where a fragment's CRC is checked.
  if (fragment_crc(here_.epoch, count, fragment.payload) != fragment.crc) return false;
  place(count * here_.fragment_payload, fragment.payload);
  mark(count);
  return true;
}

// ---- what has arrived ----

uint32_t Intake::next_count() const {
  return stream_here_.load() == stream_id_ ? next_.load(std::memory_order_acquire) : 0;
}

uint32_t Intake::available() const {
  const uint32_t bytes = next_count() * plan_.fragment_payload;
  return bytes < plan_.size ? bytes : plan_.size;
}

Arrival Intake::arrival() const {
  Arrival arrival;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const uint32_t version = version_.load();
    arrival = Arrival();
    arrival.next = next_count();
    if (stream_here_.load() == stream_id_) {
      for (uint32_t i = 0; i < 8 * kBitmapBytesMax; ++i) {
#ifdef ROOST_MUTANT_BITMAP_OFF_BY_ONE
        if (!is_marked(arrival.next + i)) continue;
#else
        if (!is_marked(arrival.next + 1 + i)) continue;
#endif
        arrival.bitmap[i / 8] = static_cast<uint8_t>(arrival.bitmap[i / 8] | 1 << (i % 8));
        arrival.hole = true;
      }
    }
    if ((version & 1) == 0 && version_.load() == version) return arrival;
  }
  // A producer that never rests: what is known for certain will do, the next report says more.
  arrival = Arrival();
  arrival.next = next_count();
  return arrival;
}

}  // namespace protocol
}  // namespace roost
