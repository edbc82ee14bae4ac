// The simulated device: the real agent, store, gate and interpreter over a simulated flash and a socket in place of
// the radio. It keeps inferring at a steady rate, says what happens, and may be killed at any moment.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/ports/linux/air.h"
#include "device/ports/linux/radio.h"

namespace roost::device {

// Another radio than the socket; null with a sentence when it cannot be had. `say` takes sentences for people.
using OpenRadio = std::function<std::unique_ptr<Radio>(
    Peripheral& peripheral, std::function<void(const std::string&)> say, std::string* error)>;

struct SimDeviceOptions {
  std::string name = "roost";
  std::string flash_path;       // empty: in memory, gone at the end
  std::string listen_path;      // the socket
  OpenRadio open_radio;         // set: in place of the socket
  std::string announce_folder;  // where a link to the socket is left for `roost scan`; empty: nowhere
  std::string board = "linux";
  std::string hardware;       // empty: the board's name
  std::string builtin_path;   // a model that the firmware carries
  std::string contract_path;  // a model whose inputs (types, shapes) every model must have; empty: any
  std::string feed_path;      // recorded sensor windows
  uint32_t region_bytes = 0;  // 0: the board's
  uint32_t arena_bytes = 0;   // 0: the board's
  uint32_t ring_bytes = 0;    // 0: the board's
  uint8_t slot_count = 2;
  uint16_t att_mtu = 517;
  AirFaults faults;
  double inferences_per_second = 20;
  bool flash_takes_time = true;  // erasing and programming take the part's nominal time
  bool watchdog_reset = false;   // boot as after a reset by watchdog
  bool json = false;
  bool each_inference = false;
};

// Runs until `stop` becomes true. Returns false with a sentence when it could not start.
bool run_sim_device(const SimDeviceOptions& options, const std::atomic<bool>& stop, std::string* error);

// The boards that can be simulated, a line each.
std::string describe_boards();

// What fits on them, with two slots.
struct BoardSize {
  std::string name;
  uint32_t payload_bytes_max;
  uint32_t arena_bytes;
};
std::vector<BoardSize> board_sizes();

}  // namespace roost::device
