// What a firmware gives the agent: its parts, its buffers, and how it is set up.
#pragma once

#include <array>

#include "device/agent/events.h"
#include "protocol/info.h"
#include "protocol/receiver.h"
#include "runtime/gate.h"
#include "runtime/model_host.h"
#include "storage/store.h"

namespace roost {
namespace device {

// Sends a notification on the Control characteristic.
class Notifier {
 public:
  // False: the stack is full (or the connection gone): poll() tries again.
  virtual bool notify(uint16_t conn, Bytes value) = 0;

 protected:
  ~Notifier() = default;
};

// A zero-terminated text, lent like the rest; of a longer one the beginning.
class HardwareName {
 public:
  constexpr HardwareName(const char* text = "")  // NOLINT: `hardware = "my-board"` is the point
      : text_(text, shorter(__builtin_strlen(text))) {}
  constexpr const protocol::Text& text() const { return text_; }

 private:
  static constexpr size_t shorter(size_t size) {
    return size < protocol::kHardwareBytesMax ? size : protocol::kHardwareBytesMax;
  }
  protocol::Text text_;
};

// What this device takes.
struct Acceptance {
  HardwareName hardware;  // the manifest's `hardware`, where it names one, must be equal
  runtime::KernelList kernels;
  runtime::IoContract io;
};

// Lent for the agent's life, like all that it points to. Where everything in it is known beforehand, it may be a
// constant in flash.
struct AgentConfig {
  storage::Flash* flash = nullptr;
  Digest* digest = nullptr;
  runtime::Engine* engine_a = nullptr;
  runtime::Engine* engine_b = nullptr;
  Notifier* notifier = nullptr;
  AgentObserver* observer = nullptr;  // may stay null

  // What is asked for most stands first: the shorter instructions reach only so far.
  MutableBytes arena;          // aligned to runtime::kArenaAlignment
  MutableBytes store_scratch;  // storage::Store::scratch_bytes(geometry)
  Bytes builtin_model;         // empty: none
  uint16_t preferred_value_bytes = 244;
  uint32_t verify_bytes_per_poll = 1024;
  Acceptance acceptance;
  storage::StoreConfig store;
  protocol::ReceiverConfig receiver;  // ring included
  std::array<uint8_t, 16> device_id = {};
};

}  // namespace device
}  // namespace roost
