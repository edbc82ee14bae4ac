// The receiver's producer side: who is connected, a mailbox for Control, and the ring that Data goes into.
//
// One producer (a thread or an interrupt) calls handle_*; one consumer (the receiver) calls the rest. They share
// only words that one of them stores and the other loads. What is said under a number that is odd in the meantime
// is so seen whole or recognized as torn.
//
// A *stream* is one numbered run of fragments. The consumer opens and closes streams by publishing one under a new
// generation; the producer adopts it when it next has something to do. The one stream that the producer opens
// itself is a manifest's: its fragments may be here before anybody polls. Stream id = 2 * generation, + 1 if opened
// that way.
#pragma once

#include <stdint.h>
#include <array>

#include "base/span.h"
#include "protocol/control.h"
#include "protocol/package.h"
#include "protocol/shared_word.h"

namespace roost {
namespace protocol {

constexpr uint32_t kConnectionsMax = 4;

// What became of a write on Control: for the port to answer the ATT request with.
enum class ControlResult : uint8_t {
  kTaken,
  kNotificationsOff,   // ATT error 0xFD: client characteristic configuration improper
  kTooLong,            // ATT error 0x0D: more than 20 bytes, or none
  kFull,               // ATT error 0x11: insufficient resources; the host tries again
  kUnknownConnection,  // no handle_connect came for it
};

// A connection, told apart from a later one that got the same handle: its slot, and above that a number of 15 bits. It
// grows by one with each connect and each disconnect of the slot, so that it is odd while connected.
enum class Peer : uint32_t {
  kNobody = 0,
  kClosed = 1,  // in a stream: nothing is taken. With kNobody an offer opens one.
};

inline uint32_t slot_of(Peer peer) {
  return static_cast<uint32_t>(peer) % kConnectionsMax;
}

// Lent for the intake's life.
struct IntakeConfig {
  MutableBytes ring;
};

// A write on Control.
struct Mail : ToDevice {
  Error error;     // of decode()
  uint8_t opened;  // low byte of the manifest stream's id that the producer has opened for this offer; 0: none
  Peer peer;
};

// Whose stream, and how it is cut. Of nobody's, all is zero.
struct Stream {
  Peer peer;
  uint32_t cut;   // epoch, and in the upper half the bytes of a fragment
  uint32_t size;  // bytes

  static uint32_t cut_of(uint16_t epoch, uint16_t fragment_payload) {
    return epoch | static_cast<uint32_t>(fragment_payload) << 16;
  }
  uint16_t epoch() const { return static_cast<uint16_t>(cut); }
  uint32_t fragment_payload() const { return cut >> 16; }
};

// What an Intake keeps, all zero at first: apart, so that this takes one sweep instead of a store for each.
struct IntakeMemory {
  static constexpr uint32_t kMailMax = 4;
  static constexpr uint32_t kMapWords = 4;

  // Arrays last: the shorter instructions reach only so far.

  // stored by the consumer
  SharedWord mail_tail_;
  SharedWord generation_;  // odd while the stream below changes
  SharedWord peer_;
  SharedWord cut_;
  SharedWord size_;
  SharedWord consumed_;
  // the consumer's own
  uint32_t stream_id_;

  // stored by the producer
  SharedWord mail_head_;
  SharedWord inside_;
  SharedWord stream_here_;  // id of the stream that next and map speak of
  SharedWord next_;
  SharedWord placed_;  // so many of this stream are here
  // the producer's own
  Stream here_;

  std::array<SharedWord, kMapWords> map_;  // stored by the producer: fragments beyond next, modulo 128
  // By connection: handle << 16 | upper part of its Peer << 1 | subscribed.
  std::array<SharedWord, kConnectionsMax> slots_;
  std::array<Mail, kMailMax> mail_;
};

class Intake : private IntakeMemory {
 public:
  explicit Intake(const IntakeConfig& lent) : IntakeMemory(), config_(lent) {}

  // ---- producer
  void handle_connect(uint16_t conn);
  void handle_subscribed(uint16_t conn, bool on);
  void handle_disconnect(uint16_t conn);
  ControlResult handle_control(uint16_t conn, Bytes bytes);
  bool handle_data(uint16_t conn, Bytes bytes);

  // ---- consumer
  Peer peer_at(uint32_t slot) const;  // who is there, or, with an even number, nobody any more
  bool connected(Peer peer) const { return peer_at(slot_of(peer)) == peer; }  // who was once
  bool subscribed(uint32_t slot) const { return (slots_[slot].load() & 1) != 0; }
  // The stack's handle of whoever is, or was last, in that slot.
  uint16_t conn_of(uint32_t slot) const { return static_cast<uint16_t>(slots_[slot].own() >> 16); }
  const Mail* first_mail() const;  // stays until dropped; null: there is none
  void drop_mail();

  void open_stream(Peer peer, uint32_t cut, uint32_t size);
  // The producer may open a manifest stream (kNobody) / nothing is taken (kClosed).
  void close(Peer door);
  // Goes on with the stream that the producer opened for this offer, or, if that is gone, opens it anew.
  void open_manifest_stream(const Mail& mail);
  // A producer on another thread is in the middle of a call. After close(): who begins one later finds it closed, since
  // either side first stores its word and then loads the other's.
  bool producer_inside() const { return inside_.load() != 0; }

  uint32_t next_count() const;  // of the first fragment not here
  uint32_t placed() const;      // so many are here: more than that, if there is a hole
  // next_count(), and at that same moment the bitmap as in REPORT: kBitmapBytesMax bytes.
  uint32_t arrived(uint8_t* bitmap) const;
  uint32_t available() const;  // bytes of the stream that are here without a hole and not consumed
  uint32_t stream_size() const { return size_.own(); }
  uint32_t consumed() const { return consumed_.own(); }
  void consume(uint32_t size) { consumed_.store(consumed() + size); }
  size_t place() const { return consumed() % config_.ring.size(); }  // in the ring, of the next byte to consume

 private:
  class Inside;

  bool producer_follows() const;
  void set_stream(Peer peer, uint32_t cut, uint32_t size);
  // producer only
  Peer find(uint16_t conn) const;
  bool follow_consumer();
  void begin_stream(uint32_t id);
  void read_into(Mail* mail, Bytes bytes);
  bool mailbox_has_room(uint32_t head, Peer peer) const;
  void mark(uint32_t count);
  bool is_marked(uint32_t count) const;
  void turn_mark(uint32_t count);  // on, or off again

  const IntakeConfig& config_;
};

}  // namespace protocol
}  // namespace roost
