#include "host/link_limit.h"

#include <algorithm>

namespace roost::host {

namespace {

constexpr size_t kPacketBytesMax = 251;
constexpr size_t kValueHeaderBytes = 3 + 4;  // ATT, L2CAP
constexpr double kInterFrameUs = 150;
// Events enough for how values and packets fall into intervals to average out.
constexpr int kEvents = 1000;

// A packet, its acknowledgement, and the spaces after both. Preamble (8 us at either rate), access address, header
// and CRC around the payload.
double exchange_us(size_t payload_bytes, const AirParameters& air) {
  const auto packet_us = [&](size_t bytes) { return 8 + static_cast<double>(9 + bytes) * 8 / air.phy_mbit; };
  const size_t mic = air.encrypted ? 4 : 0;
  return packet_us(payload_bytes + mic) + kInterFrameUs + packet_us(0) + kInterFrameUs;
}

}  // namespace

double air_bytes_per_second(const AirParameters& air) {
  const size_t whole = air.value_bytes + kValueHeaderBytes;
  if (air.interval_ms <= 0) {
    double value_us = 0;
    for (size_t sent = 0; sent < whole; sent += kPacketBytesMax)
      value_us += exchange_us(std::min(kPacketBytesMax, whole - sent), air);
    return static_cast<double>(air.value_bytes) * 1e6 / value_us;
  }
  size_t values = 0, sent = 0;
  for (int event = 0; event < kEvents; ++event) {
    for (double left_us = air.interval_ms * 1000;;) {
      const size_t packet = std::min(kPacketBytesMax, whole - sent);
      left_us -= exchange_us(packet, air);
      if (left_us < 0) break;
      sent += packet;
      if (sent < whole) continue;
      sent = 0;
      ++values;
    }
  }
  return static_cast<double>(values * air.value_bytes) * 1000 / (kEvents * air.interval_ms);
}

}  // namespace roost::host
