// The world: two hosts with the real Sender and Requester, a bad link, and a whole device with the real agent, store,
// receiver and interpreter, in one process on virtual time. Everything follows from one seed.
//
// The faults it may inject:
//   link      values lost, doubled, delayed, reordered (Data) and with a bit flipped (Data); notifications that the
//             stack will not take; links that end at any moment; a second central that pushes, requests and babbles
//   host      restarted in the middle, with nothing remembered; any bytes on Control and Data; what another sent, said
//             again and mutated; notifications switched off
//   packages  of every flaw in tests/device/toys.h
//   power     cut before, inside and after any operation of the flash, again while starting up; resets, also by
//             watchdog
//   flash     busy for some operations (the radio stack has it)
//   models    inferences that fail; an application that confirms and gives back
// Not injected here, since then a chunk may be lost and said to be: flash that fails for good (tests/storage does).
//
// What must always hold is checked by tests/device/rig.h after every poll of the device; what must come about once the
// faults stop, by deliver().
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "protocol/requester.h"
#include "protocol/sender.h"
#include "tests/device/rig.h"

namespace roost::world {

using device::test::Rig;
using device::test::RigOptions;
using device::test::ToyPackage;

struct LinkFaults {
  double lose_data = 0;
  double lose_control = 0;  // either way
  double duplicate = 0;
  double corrupt = 0;
  double stack_full = 0;
  uint32_t jitter_ms = 0;
  uint32_t latency_ms = 5;
};

struct Setting {
  RigOptions device;
  LinkFaults link;
  uint16_t att_mtu = 247;
};

// Board, arena, slots, link and MTU as the seed has them.
Setting draw_setting(uint64_t seed);

class World {
 public:
  World(uint64_t seed, const Setting& setting);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- time ----
  void run_for(uint32_t ms);
  template <typename Predicate>
  bool run_until(Predicate predicate, uint32_t limit_ms) {
    const uint32_t end = rig.now + limit_ms;
    while (static_cast<int32_t>(rig.now - end) < 0) {
      if (predicate()) return true;
      step(end);
    }
    return predicate();
  }

  // ---- what hosts do ----
  enum HostIndex : size_t { kAnna = 0, kBert = 1 };
  void push(HostIndex host, const ToyPackage& package, bool force = false);
  void request(HostIndex host, protocol::MessageType type, uint32_t package_id = 0);
  bool busy(HostIndex host) const { return hosts_[host].job != nullptr || hosts_[host].requester != nullptr; }
  void drop_link(HostIndex host);
  void babble(HostIndex host);
  protocol::Outcome outcome(HostIndex host) const { return hosts_[host].outcome; }
  protocol::Reason reason(HostIndex host) const { return hosts_[host].reason; }

  // ---- what happens to the device ----
  void cut_power(uint64_t operations_from_now, device::CutPoint point);
  void reset(storage::ResetCause cause);

  // ---- the random life, and its end ----
  void live(int acts);
  void stop_faults();
  // As a host's session would: until the package runs confirmed. Without faults this must succeed, with no chunk sent
  // that was durable. What went wrong is in rig.violations().
  void deliver(const ToyPackage& package);

  uint64_t seed;
  Setting setting;
  Rig rig;
  std::vector<ToyPackage> good;  // what may run
  std::vector<ToyPackage> bad;
  uint64_t inferences = 0, cuts = 0, boots = 0, deliveries = 0;
  std::vector<std::string> diary;  // for a seed that failed

 private:
  enum class Way { kControl, kData, kNotify };
  struct Packet {
    uint32_t due = 0;
    Way way = Way::kControl;
    std::vector<uint8_t> bytes;
  };
  struct Host {
    uint16_t conn = 0;
    bool linked = false;
    bool wanted = true;  // connects again by itself
    uint32_t connect_at = 0;
    std::vector<Packet> air;
    uint32_t control_due = 0, notify_due = 0;
    const ToyPackage* job = nullptr;
    bool force = false;
    std::unique_ptr<protocol::Sender> sender;
    std::unique_ptr<protocol::Requester> requester;
    uint8_t tag = 0;
    protocol::Outcome outcome = protocol::Outcome::kRunning;  // of the last push
    protocol::Reason reason = protocol::Reason::kOk;          // of the last push or request
    uint32_t chunks_sent = 0;                                 // of the last push, all connections
    uint32_t chunks_durable = 0;  // of the last ACCEPT that resumed
  };

  void step(uint32_t not_beyond);
  void deliver_packets(Host& host);
  void device_turn();
  void host_turn(Host& host);
  void infer_if_due();
  void connect(Host& host);
  void start_sender(Host& host);
  void finish_sender(Host& host);
  void put(Host& host, Way way, Bytes bytes);
  void power_lost();
  void boot(storage::ResetCause cause);
  void act();
  void note(const std::string& what);
  bool chance(double p) { return p > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool ask(protocol::MessageType type, uint32_t package_id);

  std::mt19937_64 random_;
  Host hosts_[2];
  bool device_on_ = false;
  bool faults_ = true;
  bool more_to_do_ = true;
  bool negative_input_ = false;
  uint32_t boot_at_ = 0;
  uint32_t infer_at_ = 0;
  uint64_t busy_us_ = 0;
  uint16_t next_conn_ = 0x40;
  std::vector<uint8_t> overheard_;  // the last Data value anybody sent
};

}  // namespace roost::world
