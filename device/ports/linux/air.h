// A bad radio on demand: what a datagram meets between the socket and the device, and back.
//
// Faults apply to what BLE does not acknowledge end to end: writes without response, and notifications. Control
// writes have a response, so they only take time. The radio's own CRC lets no flipped bit through; `corrupt` stands
// for a stack that mixes up what it was given to send, which has been seen on the way of bulk data, and applies to
// that alone. Everything is drawn from one seeded generator: the same seed and the same traffic give the same
// faults.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <vector>

#include "base/span.h"

namespace roost::device {

struct AirFaults {
  double drop = 0;          // probability that a datagram vanishes
  double reorder = 0;       // probability that it arrives after up to three later ones
  double corrupt = 0;       // probability that a bit of a data write arrives flipped
  uint32_t latency_ms = 0;  // each way
  uint64_t seed = 1;
};

// One direction of one connection.
class Air {
 public:
  using Deliver = std::function<void(MutableBytes)>;

  Air(const AirFaults& faults, Deliver deliver);

  // Unacknowledged: may be dropped, corrupted, reordered.
  void send(Bytes datagram, uint32_t now_ms);
  // Acknowledged: only latency, and in order with its like.
  void send_reliably(Bytes datagram, uint32_t now_ms);

  // Delivers what is due. What reorder holds back leaves after at most kHeldMs, traffic or not.
  void poll(uint32_t now_ms);
  // Milliseconds until poll() has something to do; negative: nothing is under way.
  int32_t due_in_ms(uint32_t now_ms) const;

  static constexpr uint32_t kHeldMs = 20;

 private:
  struct Flight {
    std::vector<uint8_t> bytes;
    uint32_t due_ms;
    uint32_t overtaken_by = 0;  // still to be overtaken by so many later ones
  };

  bool chance(double probability);

  AirFaults faults_;
  Deliver deliver_;
  std::mt19937_64 random_;
  std::deque<Flight> flights_;
};

}  // namespace roost::device
