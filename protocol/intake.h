// The receiver's producer side: who is connected, a mailbox for Control, and the ring that Data goes into.
//
// One producer (a thread or an interrupt) calls handle_*; one consumer (the receiver) calls the rest. They share
// only atomic words that one of them stores and the other loads; there is no read-modify-write, which a Cortex-M0
// lacks.
//
// A *stream* is one numbered run of fragments. The consumer opens and closes streams by publishing a plan under a
// new generation; the producer adopts it when it next has something to do. The one stream that the producer opens
// itself is a manifest's: its fragments may be here before anybody polls. Stream id = 2 * generation, + 1 if opened
// that way.
#pragma once

#include <stdint.h>
#include <array>
#include <atomic>

#include "base/span.h"
#include "protocol/control.h"
#include "protocol/package.h"

namespace roost {
namespace protocol {

constexpr size_t kConnectionsMax = 4;

// What became of a write on Control: for the port to answer the ATT request with.
enum class ControlResult : uint8_t {
  kTaken,
  kNotificationsOff,   // ATT error 0xFD: client characteristic configuration improper
  kTooLong,            // ATT error 0x0D: more than 20 bytes, or none
  kFull,               // ATT error 0x11: insufficient resources; the host tries again
  kUnknownConnection,  // no handle_connect came for it
};

// A connection, told apart from a later one that got the same handle.
struct Peer {
  uint16_t conn;
  uint8_t slot;
  uint32_t session;  // 0: nobody
};

inline bool same_peer(const Peer& a, const Peer& b) {
  return a.slot == b.slot && a.session == b.session;
}

// Lent for the intake's life.
struct IntakeConfig {
  MutableBytes ring;
  uint16_t manifest_bytes_max = kManifestBytesMax;
};

struct Mail {
  Peer peer;
  uint32_t opened_stream;  // an offer whose manifest stream the producer has opened; 0: not
  uint8_t size;
  std::array<uint8_t, kFrameBytesMax> data;
  Bytes bytes() const { return Bytes(data.data(), size); }
};

enum class Door : uint8_t { kOffers, kOpen, kClosed };

struct StreamPlan {
  Peer peer;
  uint16_t epoch;
  uint16_t fragment_payload;
  uint32_t size;  // bytes
  Door door;
  uint32_t fragment_count() const;
};

// What has arrived, at one moment.
struct Arrival {
  uint32_t next = 0;                              // count of the first fragment not here
  bool hole = false;                              // something beyond it is here
  std::array<uint8_t, kBitmapBytesMax> bitmap{};  // as in REPORT
};

// What an Intake keeps, all zero at first: apart, so that this takes one sweep instead of a store for each.
struct IntakeMemory {
  static constexpr uint32_t kMailMax = 4;
  static constexpr uint32_t kMailMaxOfOne = 3;  // the rest is for the other connections
  static constexpr uint32_t kMapWords = 4;
  static constexpr size_t kPlanWords = sizeof(StreamPlan) / sizeof(uint32_t);

  struct Slot {
    std::atomic<uint32_t> word;     // connection handle << 2 | subscribed << 1 | connected
    std::atomic<uint32_t> session;  // grows by one with each connect and each disconnect: odd while connected
  };

  // Arrays last: the shorter instructions reach only so far.

  // stored by the consumer
  std::atomic<uint32_t> mail_tail_;
  std::atomic<uint32_t> generation_;  // odd while the plan below changes
  std::array<std::atomic<uint32_t>, kPlanWords> published_;
  std::atomic<uint32_t> consumed_;
  // the consumer's own
  StreamPlan plan_;
  uint32_t stream_id_;

  // stored by the producer
  std::atomic<uint32_t> mail_head_;
  std::atomic<uint32_t> inside_;
  std::atomic<uint32_t> stream_here_;  // id of the stream that next and map speak of
  std::atomic<uint32_t> version_;      // odd while next and map change
  std::atomic<uint32_t> next_;
  std::array<std::atomic<uint32_t>, kMapWords> map_;
  std::atomic<uint32_t> taken_;
  // the producer's own
  uint32_t seen_generation_;
  StreamPlan here_;
  std::array<Slot, kConnectionsMax> slots_;
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
  bool connected(const Peer& peer) const;
  bool subscribed(uint8_t slot, Peer* peer) const;
  bool has_mail() const {
    return mail_head_.load(std::memory_order_acquire) != mail_tail_.load(std::memory_order_relaxed);
  }

  const Mail& first_mail() const;  // stays until dropped; only if there is one
  void drop_mail();

  void open_stream(const StreamPlan& plan);
  // The producer may open a manifest stream / nothing is taken.
  void open_to_offers();
  void close();
  // Goes on with the stream that the producer opened for an offer. False: it is gone, open it anew.
  bool adopt_stream(uint32_t opened_stream, const StreamPlan& plan);
  // A producer on another thread is in the middle of a call. After close(): who begins one later finds it closed, since
  // these two words are stored and loaded in one order for all.
  bool producer_inside() const { return inside_.load() != 0; }

  uint32_t next_count() const;
  Arrival arrival() const;
  uint32_t available() const;  // bytes of the stream that are here without a hole, from its start
  uint32_t taken() const { return taken_.load(std::memory_order_acquire); }
  uint32_t consumed() const { return consumed_.load(std::memory_order_relaxed); }
  void consume_to(uint32_t position) { consumed_.store(position, std::memory_order_release); }
  const StreamPlan& plan() const { return plan_; }

 private:
  class Inside;

  void publish(Door door, const StreamPlan& plan);
  // producer only
  bool find(uint16_t conn, Peer* peer) const;
  bool is_subscribed(const Peer& peer) const;
  bool follow_consumer();
  void begin_stream(uint32_t id);
  uint32_t open_for_offer(const Peer& peer, Bytes bytes);
  bool mailbox_has_room(const Peer& peer) const;
  bool admit(uint32_t count, size_t size) const;
  void place(uint32_t position, const Bytes& payload);
  void mark(uint32_t count);
  bool is_marked(uint32_t count) const;
  void set_bit(uint32_t count, bool on);

  const IntakeConfig& config_;
};

}  // namespace protocol
}  // namespace roost
