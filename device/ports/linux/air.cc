#include "device/ports/linux/air.h"

#include <algorithm>

namespace roost::device {

Air::Air(const AirFaults& faults, Deliver deliver)
    : faults_(faults), deliver_(std::move(deliver)), random_(faults.seed) {}

bool Air::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < probability;
}

void Air::send(Bytes datagram, uint32_t now_ms) {
  for (Flight& flight : flights_) {
    if (flight.overtaken_by > 0) --flight.overtaken_by;
  }
  if (chance(faults_.drop)) return;
  Flight flight{{datagram.begin(), datagram.end()}, now_ms + faults_.latency_ms};
  if (flight.bytes.size() > 1 && chance(faults_.corrupt)) {
    // Byte 0 is the tunnel's opcode: no radio could change what kind of operation it was.
    flight.bytes[1 + random_() % (flight.bytes.size() - 1)] ^= static_cast<uint8_t>(1u << (random_() % 8));
  }
  if (chance(faults_.reorder)) flight.overtaken_by = 1 + static_cast<uint32_t>(random_() % 3);
  flights_.push_back(std::move(flight));
}

void Air::send_reliably(Bytes datagram, uint32_t now_ms) {
  flights_.push_back({{datagram.begin(), datagram.end()}, now_ms + faults_.latency_ms});
}

void Air::poll(uint32_t now_ms) {
  for (size_t i = 0; i < flights_.size();) {
    const int32_t late_ms = static_cast<int32_t>(now_ms - flights_[i].due_ms);
    const bool held = flights_[i].overtaken_by > 0 && late_ms < static_cast<int32_t>(kHeldMs);
    if (late_ms < 0 || held) {
      ++i;
      continue;
    }
    std::vector<uint8_t> bytes = std::move(flights_[i].bytes);
    flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
    deliver_(bytes);
  }
}

int32_t Air::due_in_ms(uint32_t now_ms) const {
  int32_t soonest = -1;
  for (const Flight& flight : flights_) {
    int32_t due = static_cast<int32_t>(flight.due_ms - now_ms) + (flight.overtaken_by > 0 ? int32_t{kHeldMs} : 0);
    due = std::max(due, 0);
    if (soonest < 0 || due < soonest) soonest = due;
  }
  return soonest;
}

}  // namespace roost::device
