// How many bytes a second a BLE connection can carry at most, by the air's own arithmetic: what a delivery's rate is
// measured against.
#pragma once

#include <cstddef>

namespace roost::host {

struct AirParameters {
  size_t value_bytes = 244;  // of each write command
  int phy_mbit = 1;          // 1 or 2, uncoded
  double interval_ms = 0;    // between connection events; 0: one event without an end, the most there is
  bool encrypted = false;    // 4 bytes more a packet
};

// Of values delivered, with the data length extension (251 bytes a packet), nothing lost, and nothing else to send.
// Inside an interval only whole exchanges fit.
double air_bytes_per_second(const AirParameters& air);

}  // namespace roost::host
