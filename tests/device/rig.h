// A whole device in memory: the real agent, store, receiver and interpreter on a simulated flash, with every
// invariant of DESIGN section 7 that the device alone can break watched from outside.
//
// What goes wrong is collected in violations(), so that a test and a fuzzer can use the same device.
//
//   Rig rig(RigOptions{.board = "microbit"});
//   rig.know(package);            // its bytes, to compare flash with
//   rig.boot();
//   while (rig.poll()) {}
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/agent/delivery_agent.h"
#include "device/ports/linux/sim_flash.h"
#include "device/ports/linux/sodium_sha256.h"
#include "runtime/interpreter.h"
#include "tests/device/toys.h"

namespace roost::device::test {

struct RigOptions {
  std::string board = "nano33ble";
  uint32_t payload_blocks = 4;  // the region is just large enough for slots of so many
  uint8_t slot_count = 2;
  size_t arena_bytes = 4096;
  size_t ring_bytes = 2048;
  bool early_erase = false;
  uint32_t erase_budget_blocks = 0;
  uint32_t budget_refill_ms = 60000;
  std::string hardware = "toy board";
  runtime::IoContract io = {};
  const ToyPackage* builtin = nullptr;  // its model is in the firmware
};

class Rig final : public Notifier, public AgentObserver {
 public:
  explicit Rig(const RigOptions& options);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // The files that may come: what is sealed must be one of them, byte for byte.
  void know(const ToyPackage& package) { known_[package.id] = package; }
  const ToyPackage* known(uint32_t package_id) const;

  // A reset: RAM is gone, flash stays. What was to be cut or to fail is forgotten; on_power may say anew. False:
  // the power went again meanwhile.
  bool boot(storage::ResetCause cause = storage::ResetCause::kOther);

  // One poll and all checks; false when there is nothing to do at once, or the power is off.
  bool poll();
  // Polls until there is nothing to do at once (or the power goes).
  void settle(int polls_max = 20000);
  // One inference; its answer is compared with the model that is said to serve. Without a model: false.
  bool infer(const ToyValues& input);
  bool powered() const { return flash.powered(); }

  // Everything that must hold now; poll() calls it whenever flash was touched.
  void check();
  void violation(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }

  // The package in the slot that serves; null when none does, or the built-in one (then serves_builtin()).
  const ToyPackage* serving();
  bool serves_builtin() const {
    return agent->serving() && agent->activation().running() == protocol::kRunningBuiltIn;
  }
  storage::SlotState state_of(uint32_t package_id);
  // How many chunks of the package a host was told are durable, since the package was last begun.
  uint32_t told_durable(uint32_t package_id) const { return package_id == told_package_ ? told_chunks_ : 0; }

  // Notifier and observer.
  bool notify(uint16_t conn, Bytes value) override;
  void on_event(const AgentNote& note) override;
  bool noted(AgentEvent event) const;

  RigOptions options;
  Board board;
  SimFlash flash;
  uint32_t now = 1000;
  std::unique_ptr<DeliveryAgent> agent;
  std::vector<AgentNote> notes;  // since the test last cleared them
  std::function<bool(uint16_t, Bytes)> on_notify;
  std::function<void()> after_poll;  // before the checks
  std::function<void()> on_power;

 private:
  class WatchedEngine;
  struct Wear {
    uint32_t max = 0;
  };

  void make_agent();
  void check_bytes_in_use(Bytes model, bool judged_only, const char* by);
  void check_states();
  void check_sealed();
  void check_durable();
  void check_wear();
  void check_reboot();
  void check_refusal(uint64_t operations_before);

  SodiumSha256 digest_, shadow_digest_;
  AgentConfig config_;
  std::vector<uint64_t> ring_;
  std::vector<uint8_t> arena_, scratch_, shadow_scratch_;
  std::unique_ptr<WatchedEngine> engine_a_, engine_b_;
  std::unique_ptr<SimFlash> shadow_;
  std::vector<uint8_t> builtin_;
  std::map<uint32_t, ToyPackage> known_;
  std::vector<std::string> violations_;
  uint64_t operations_checked_ = UINT64_MAX;
  uint32_t checks_ = 0;
  uint32_t told_package_ = 0, told_chunks_ = 0;
  bool had_model_ = false;  // some model was confirmed, and not erased since
  size_t notes_seen_ = 0;
  uint32_t resets_ = 0;
  uint64_t faults_seen_ = 0;
};

}  // namespace roost::device::test
