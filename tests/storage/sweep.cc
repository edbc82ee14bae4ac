#include "tests/storage/sweep.h"

#include <algorithm>
#include <functional>
#include <random>

#include "base/crc.h"
#include "tests/storage/choice.h"
#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

struct Cut {
  uint64_t operation;  // counted from the boot before it
  CutPoint point;
  uint64_t seed;
};

struct BrokenPromise {
  std::string what;
};

void promise(bool kept, const std::string& what) {
  if (!kept) throw BrokenPromise{what};
}

// What the host and the application know, against which the store is held.
struct Known {
  const Package* old = nullptr;      // confirmed before the mission; must stay runnable until `next` is confirmed
  const Package* retired = nullptr;  // what was confirmed before that: may be returned to, may be gone
  const Package* next = nullptr;     // what the mission brings
  bool next_whole = false;           // seal() was called for it: it may be pending
  bool next_confirming = false;      // confirm() was called
  bool next_confirmed = false;       // and returned ok
  bool leaving_old = false;          // a roll back away from `old` was asked for
  bool erasing = false;              // erase_all was called
  bool erased = false;               // and returned ok
  uint32_t durable = 0;              // chunks of next that were reported durable
  uint8_t attempts = 0;              // of next that were recorded
  uint64_t sent_since_boot = 0;
  uint32_t resumed_at = 0;
};

struct World {
  World(SimFlash& flash_, const StoreConfig& config)
      : flash(flash_), rig(flash_, config), faults_before(flash_.faults_hit()) {}
  Store& store() { return rig.store(); }
  SimFlash& flash;
  Rig rig;
  Known known;
  uint64_t faults_before;
  uint64_t faults() const { return flash.faults_hit() - faults_before; }
};

using Mission = std::function<bool(World&)>;  // true: done; false: the power went

// ---- promises ----

const Package* package_in(World& w, uint8_t slot) {
  for (const Package* p : {w.known.old, w.known.next, w.known.retired}) {
    if (p && w.store().state().slots[slot].package_id == p->id) return p;
  }
  return nullptr;
}

void check_runnable(World& w, uint8_t slot, const std::string& role) {
  const Package* package = package_in(w, slot);
  promise(package != nullptr, role + " is no package anybody sent");
  promise(package->whole, role + " is a package whose digest does not fit");
  promise(w.rig.holds(slot, *package), role + " does not hold its bytes");
}

void check_boot(World& w, const BootChoice& choice) {
  const Known& k = w.known;
  const Package* runs = choice.slot == kNoSlot ? nullptr : package_in(w, choice.slot);
  if (choice.slot != kNoSlot) check_runnable(w, choice.slot, "the chosen slot");
  if (choice.fallback_slot != kNoSlot) check_runnable(w, choice.fallback_slot, "the fallback slot");
  if (k.erased) {
    promise(choice.action == BootAction::kNone, "something runs after all was erased");
  } else if (k.next_confirmed) {
    promise(choice.action == BootAction::kRun && runs == k.next, "the confirmed model does not run");
  } else if (choice.action == BootAction::kAttempt) {
    promise(runs == k.next && k.next_whole, "an attempt of a model that was never sealed");
    const bool has_fallback = choice.fallback_slot != kNoSlot && package_in(w, choice.fallback_slot) == k.old;
    promise(k.old == nullptr || has_fallback, "a trial without the old model to return to");
    promise(w.store().state().slots[choice.slot].attempts_made >= k.attempts, "an attempt was forgotten");
  } else if (choice.action == BootAction::kRun) {
    const bool returned = k.leaving_old && runs == k.retired;
    promise(runs == k.old || (k.next_confirming && runs == k.next) || returned, "the wrong model runs");
  } else {
    promise(k.old == nullptr || k.erasing, "no model to run, though one was confirmed");
  }
}

void check_durable(World& w) {
  const Known& k = w.known;
  if (k.next == nullptr || k.durable == 0) return;
  for (uint8_t s = 0; s < w.store().slot_count(); ++s) {
    const SlotRecord& slot = w.store().state().slots[s];
    if (slot.package_id != k.next->id) continue;
    if (slot.state == SlotState::kReceiving) {
      const uint32_t durable = slot.durable_chunks;
      promise(durable >= k.durable, "a durable chunk was lost");
      promise(w.rig.pages_equal(s, *k.next, durable), "a durable chunk was changed");
      return;
    }
    if (slot.state == SlotState::kPending || slot.state == SlotState::kTrial ||
        slot.state == SlotState::kConfirmed || slot.state == SlotState::kRejected) {
      return;  // checked where it runs
    }
  }
  promise(false, "a half-received package was forgotten");
}

void check_wear(World& w) {
  const Layout& layout = w.store().layout();
  for (uint8_t s = 0; s < w.store().slot_count(); ++s) {
    uint32_t worst = 0;
    const uint32_t first = layout.slot_offset(s) / layout.block_bytes;
    for (uint32_t b = 0; b < layout.slot_blocks; ++b) worst = std::max(worst, w.flash.wear(first + b));
    // A fault costs an erase more, which a cut may keep from being recorded.
    promise(worst <= w.store().state().slots[s].wear_max + w.faults(),
            "a block was erased more often than was reported");
  }
}

void check_sim(World& w) {
  promise(w.flash.misuses() == 0, "misuse of the flash: " + w.flash.last_misuse());
}

// Boots as the device does after a reset, and holds the store to its word.
void boot_and_check(World& w) {
  w.rig.reboot();
  promise(w.rig.error == Error::kNone, "mount failed");
  check_durable(w);
  const BootChoice choice = boot(w.store(), ResetCause::kOther);
  if (!w.flash.powered()) return;
  check_boot(w, choice);
  check_wear(w);
  w.known.sent_since_boot = 0;
}

// ---- missions ----

bool power_gone(World& w) {
  return !w.flash.powered();
}

// Errors other than a lost supply are the mission's failure unless a fault was injected, which a retry gets over.
template <typename Call>
bool insist(World& w, Call call, const std::string& what) {
  Error error = Error::kNone;
  for (int tries = 0; tries < 3; ++tries) {
    error = call();
    if (power_gone(w)) return false;  // even where the call had done its work before
    if (error == Error::kNone) return true;
  }
  promise(false, what + " failed: error " + std::to_string(static_cast<int>(error)));
  return false;
}

uint8_t slot_of(World& w, const Package& package, SlotState state) {
  const uint8_t slot = w.store().slot_in(state);
  return slot != kNoSlot && w.store().state().slots[slot].package_id == package.id ? slot : kNoSlot;
}

// Sends what is not durable until all is. False: the power went.
bool send_pages(World& w, const Package& package, uint32_t stop_at) {
  Store& store = w.store();
  int rewinds = 0;
  while (store.next_page() < std::min(stop_at, store.chunk_count())) {
    while (!store.page_ready()) {
      promise(store.work_wanted(w.rig.now), "a page that is never ready");
      (void)store.work(w.rig.now);
      if (power_gone(w)) return false;
    }
    const uint32_t page = store.next_page();
    const bool sent = w.rig.send_page(package, page);
    w.known.durable = std::max(w.known.durable, store.durable_chunks());
    if (power_gone(w)) return false;
    if (sent) continue;
    promise(++rewinds < 4, "a page that cannot be stored");
    promise(store.rewind(w.rig.now).ok(), "rewind refused");
  }
  return true;
}

bool open_package(World& w, const Package& package, OpenFlags flags) {
  const auto call = [&] {
    (void)w.rig.open(package, flags);
    return w.rig.error;
  };
  if (!insist(w, call, "open")) return false;
  promise(w.store().next_page() >= w.known.durable, "resume behind what was durable");
  w.known.resumed_at = w.store().next_page();
  w.rig.pages_sent = 0;
  return true;
}

// Up to the sealed package. A package that is not whole ends abandoned.
bool upload(World& w, const Package& package, OpenFlags flags = kOpenNormal) {
  w.known.next = &package;
  if (slot_of(w, package, SlotState::kPending) != kNoSlot || slot_of(w, package, SlotState::kTrial) != kNoSlot ||
      slot_of(w, package, SlotState::kConfirmed) != kNoSlot) {
    return true;
  }
  if (!open_package(w, package, flags)) return false;
  if (!send_pages(w, package, UINT32_MAX)) return false;
  while (w.store().work_wanted(w.rig.now)) {  // nothing that harms what is durable
    (void)w.store().work(w.rig.now);
    if (power_gone(w)) return false;
  }
  const uint32_t not_durable = w.store().chunk_count() - w.known.resumed_at;
  w.known.sent_since_boot = w.rig.pages_sent;
  promise(w.known.sent_since_boot <= not_durable + w.faults() * w.store().layout().chunks_per_block(),
          "more pages were sent than were not durable");
  const uint8_t slot = slot_of(w, package, SlotState::kReceiving);
  if (!package.whole) {
    promise(slot == kNoSlot || !w.rig.verify(), "a wrong digest was accepted");
    w.known.durable = 0;
    return insist(
        w, [&] { return w.store().abandon(kReasonCallerFirst, 0).error(); }, "abandon");
  }
  promise(slot != kNoSlot && w.rig.verify(), "the received package does not verify");
  w.known.next_whole = true;
  return insist(
      w, [&] { return w.store().seal().error(); }, "seal");
}

bool attempt(World& w, const Package& package) {
  uint8_t slot = slot_of(w, package, SlotState::kPending);
  if (slot == kNoSlot) slot = slot_of(w, package, SlotState::kTrial);
  promise(slot != kNoSlot, "nothing to attempt");
  const uint8_t made = w.store().state().slots[slot].attempts_made;
  if (!insist(
          w, [&] { return w.store().record_attempt(slot).error(); }, "attempt"))
    return false;
  w.known.attempts = static_cast<uint8_t>(made + 1);
  return insist(
      w, [&] { return w.store().record_trial(slot).error(); }, "trial");
}

bool activate(World& w, const Package& package) {
  w.known.next = &package;
  if (slot_of(w, package, SlotState::kConfirmed) == kNoSlot) {
    if (!attempt(w, package)) return false;
    const uint8_t slot = slot_of(w, package, SlotState::kTrial);
    w.known.next_confirming = true;
    if (!insist(
            w, [&] { return w.store().confirm(slot, w.rig.now).error(); }, "confirm"))
      return false;
  }
  w.known.next_confirmed = true;
  return true;
}

bool install(World& w, const Package& package, OpenFlags flags = kOpenNormal) {
  return upload(w, package, flags) && activate(w, package);
}

// The retired model once more, although the one after it was confirmed.
bool reinstate(World& w, const Package& package) {
  w.known.next = &package;
  w.known.next_whole = true;
  const uint8_t retired = slot_of(w, package, SlotState::kRetired);
  if (retired != kNoSlot && !insist(
                                w, [&] { return w.store().reinstate(retired).error(); }, "reinstate"))
    return false;
  return activate(w, package);
}

bool try_and_reject(World& w, const Package& package) {
  w.known.next = &package;
  if (w.store().slot_in(SlotState::kRejected) != kNoSlot) return true;
  if (!attempt(w, package)) return false;
  const uint8_t slot = slot_of(w, package, SlotState::kTrial);
  return insist(
      w, [&] { return w.store().reject(slot, kReasonCallerFirst + 1, 7).error(); }, "reject");
}

bool roll_back_confirmed(World& w) {
  w.known.leaving_old = true;
  if (w.store().slot_in(SlotState::kRejected) == kNoSlot) {
    const uint8_t slot = w.store().slot_in(SlotState::kConfirmed);
    const auto call = [&] { return w.store().reject(slot, kReasonCallerFirst, 0).error(); };
    if (!insist(w, call, "roll back")) return false;
  }
  w.known.old = w.known.retired;
  const BootChoice choice = choice_of(w.store());
  promise(choice.action == BootAction::kRun && package_in(w, choice.slot) == w.known.old, "rolled back elsewhere");
  return true;
}

bool erase_all(World& w) {
  w.known.erasing = true;
  w.known.durable = 0;
  w.store().hold(kNoSlot);
  if (!w.known.erased) {
    const auto call = [&] { return w.store().erase_all(w.rig.now).error(); };
    bool wiping = false;
    for (uint8_t s = 0; s < w.store().slot_count(); ++s) {
      const SlotRecord& slot = w.store().state().slots[s];
      wiping = wiping || slot.state == SlotState::kErased || slot.reason == kReasonErased;
    }
    if (!wiping && !insist(w, call, "erase all")) return false;
    w.known.erased = true;
  }
  while (w.store().work_wanted(w.rig.now)) {
    (void)w.store().work(w.rig.now);
    if (power_gone(w)) return false;
  }
  for (uint8_t s = 0; s < w.store().slot_count(); ++s) {
    promise(w.store().state().slots[s].state == SlotState::kErased, "a slot was not erased");
  }
  return true;
}

// A model that hangs at every prepare: in the end the old one runs, after no more attempts than it has.
bool hang_until_rejected(World& w, const Package& package) {
  w.known.next = &package;
  for (int boots = 0; boots < 4 + package.attempts; ++boots) {
    const BootChoice choice = boot(w.store(), ResetCause::kWatchdog);
    if (power_gone(w)) return false;
    if (choice.action == BootAction::kRun)
      return insist(
          w, [&] { return w.store().healthy().error(); }, "healthy");
    if (choice.action == BootAction::kSafeMode) {  // cuts fell before each attempt was recorded; somebody came by
      if (!insist(
              w, [&] { return w.store().healthy().error(); }, "healthy"))
        return false;
      continue;
    }
    promise(choice.action == BootAction::kAttempt, "neither attempt nor the old model");
    promise(w.known.attempts < package.attempts, "more attempts than it has");
    if (!insist(
            w, [&] { return w.store().record_attempt(choice.slot).error(); }, "attempt"))
      return false;
    w.known.attempts += 1;
    w.rig.reboot();
  }
  promise(false, "a hanging model is attempted for ever");
  return false;
}

// ---- starting states ----

struct Start {
  std::string name;
  std::function<void(World&)> build;
};

struct Scenario {
  std::string name;
  Start start;
  Mission mission;
};

struct Packages {
  explicit Packages(const Layout& layout) {
    const uint32_t block = layout.block_bytes;
    a = make_package(1, block + block / 3, 200);
    const uint32_t blocks = layout.payload_blocks();
    b = make_package(2, (blocks > 3 ? blocks - 1 : 2) * block - 40, blocks > 2 ? block / 2 : 24);
    c = make_package(3, block / 2 + 13, 0);
    spoiled = make_package(4, block + 7, 0);
    spoiled.model_sha256[3] ^= 1;
    spoiled.whole = false;
    for (Package* p : {&a, &b, &c, &spoiled}) p->attempts = 20;  // cuts spend them too
    b.attempts = 6;
  }
  Package a, b, c, spoiled;
};

void need(bool done) {
  promise(done, "a starting state could not be reached");
}

std::vector<Scenario> scenarios(const Packages& p) {
  const auto confirm_a = [&p](World& w) {
    need(install(w, p.a));
    w.known = Known();
    w.known.old = &p.a;
  };
  const auto half_b = [&p](World& w) {
    w.known.next = &p.b;
    need(open_package(w, p.b, kOpenNormal) && send_pages(w, p.b, w.store().layout().chunks_per_block() + 1));
  };
  const auto confirm_b = [&p, confirm_a](World& w) {
    confirm_a(w);
    need(install(w, p.b));
    w.known = Known();
    w.known.old = &p.b;
    w.known.retired = &p.a;
  };
  const auto erased = [confirm_a](World& w) {
    confirm_a(w);
    need(erase_all(w));
    w.known = Known();
  };
  const Start virgin{"virgin", [](World&) {}};
  const Start zeros{"zeros",
                    [](World& w) { w.flash.fill(static_cast<uint8_t>(~w.flash.geometry().erased_value)); }};
  const Start a{"a", confirm_a};
  const Start a_half{"a+half", [=](World& w) {
                       confirm_a(w);
                       half_b(w);
                     }};
  const Start a_pending{"a+pending", [=, &p](World& w) {
                          confirm_a(w);
                          need(upload(w, p.b));
                        }};
  const Start a_trial{"a+trial", [=, &p](World& w) {
                        confirm_a(w);
                        need(upload(w, p.b) && attempt(w, p.b));
                      }};
  const Start a_rejected{"a+rejected", [=, &p](World& w) {
                           confirm_a(w);
                           need(upload(w, p.b) && try_and_reject(w, p.b));
                           w.known = Known();
                           w.known.old = &p.a;
                         }};
  const Start b_retired_a{"b+retired a", confirm_b};
  const Start clean{"erased", erased};
  const Start clean_half{"erased+half", [=](World& w) {
                           erased(w);
                           half_b(w);
                         }};
  const Start b_confirmed_after_reset{"b+retired a, virgin counters", confirm_b};

  const auto displace = [&p](World& w) {
    w.rig.now += 5000;
    if (w.known.next == &p.b)
      w.known = [&] {
        Known k;
        k.old = w.known.old;
        return k;
      }();
    return install(w, p.c);
  };
  return {
      {"install", virgin, [&p](World& w) { return install(w, p.a); }},
      {"install", zeros, [&p](World& w) { return install(w, p.a); }},
      {"install", a, [&p](World& w) { return install(w, p.b); }},
      {"spoiled package", a, [&p](World& w) { return upload(w, p.spoiled); }},
      {"erase all", a, erase_all},
      {"resume", a_half, [&p](World& w) { return install(w, p.b); }},
      {"displace", a_half, displace},
      {"activate", a_pending, [&p](World& w) { return activate(w, p.b); }},
      {"hang", a_pending, [&p](World& w) { return hang_until_rejected(w, p.b); }},
      {"confirm", a_trial, [&p](World& w) { return activate(w, p.b); }},
      {"reject", a_trial, [&p](World& w) { return try_and_reject(w, p.b); }},
      {"install another", a_rejected, [&p](World& w) { return install(w, p.c); }},
      {"force the rejected", a_rejected, [&p](World& w) { return install(w, p.b, kOpenForce); }},
      {"roll back", b_retired_a, roll_back_confirmed},
      {"reinstate", b_retired_a, [&p](World& w) { return reinstate(w, p.a); }},
      {"install over retired", b_retired_a, [&p](World& w) { return install(w, p.c); }},
      {"erase all", b_retired_a, erase_all},
      {"install", clean, [&p](World& w) { return install(w, p.a); }},
      {"resume", clean_half, [&p](World& w) { return install(w, p.b); }},
  };
}

// ---- the sweep ----

// Records that still fit into the journal block in use, as flash reads.
uint32_t journal_room(World& w) {
  const Layout& layout = w.store().layout();
  uint32_t newest = 0;
  for (uint8_t block = 0; block < kJournalBlocks; ++block) {
    for (uint32_t i = 0; i < layout.records_per_block(); ++i) {
      const Bytes record(w.flash.mapped() + layout.journal_offset(block) + i * layout.place_bytes, kRecordBytes);
      if (crc32(kRecordMagic ^ layout.id(), record) != kCrc32Residue) continue;
      newest = std::max(newest, load_le32(record.data()));
    }
  }
  return newest == 0 ? 0 : layout.records_per_block() - 1 - newest % layout.records_per_block();
}

// Fills the journal until no more than `room` records fit, so that it turns within the mission.
void fill_journal(World& w, uint32_t room) {
  while (journal_room(w) > room) {
    (void)boot(w.store(), ResetCause::kWatchdog);
    if (journal_room(w) <= room) break;
    need(w.store().healthy().ok());
  }
  need(w.store().healthy().ok());
}

class Sweep {
 public:
  explicit Sweep(const SweepOptions& options)
      : options_(options),
        board_(small_board(options.board, 2, options.payload_blocks)),
        flash_(board_),
        blank_(flash_.snapshot()),
        packages_(World(flash_, config_for(board_)).store().layout()) {}

  SweepReport run() {
    try {
      for (const Scenario& scenario : scenarios(packages_)) {
        sweep_scenario(scenario, UINT32_MAX);
        sweep_scenario(scenario, 2);
        if (options_.full) {
          for (uint32_t room : {1u, 3u, 4u, 5u}) sweep_scenario(scenario, room);
        }
      }
    } catch (const BrokenPromise& broken) {
      report_.failure = options_.board + ": " + here_ + ": " + broken.what;
    }
    return report_;
  }

 private:
  void sweep_scenario(const Scenario& scenario, uint32_t room) {
    here_ = scenario.start.name + " / " + scenario.name + " / room " + std::to_string(room) + " (building)";
    flash_.restore(blank_);
    flash_.power_on();
    World world(flash_, config_for(board_));
    scenario.start.build(world);
    if (room != UINT32_MAX) fill_journal(world, room);
    const Known known = world.known;
    const std::vector<uint8_t> start = flash_.snapshot();
    here_ = scenario.start.name + " / " + scenario.name + " / room " + std::to_string(room);

    const uint64_t operations = run_once(scenario, start, known, {});
    const uint64_t step = options_.full ? 1 : options_.step;
    for (uint64_t op = random_() % step; op < operations; op += step) {
      const int seeds = options_.full ? 8 : 2;
      for (int s = 0; s < seeds; ++s) cut_at(scenario, start, known, op, CutPoint::kInside, operations);
      cut_at(scenario, start, known, op, CutPoint::kAfter, operations);
      if (options_.full || op == 0) cut_at(scenario, start, known, op, CutPoint::kBefore, operations);
      if (options_.full || random_() % 3 == 0) fault_at(scenario, start, known, op);
    }
  }

  void cut_at(const Scenario& scenario, const std::vector<uint8_t>& start, const Known& known, uint64_t op,
              CutPoint point, uint64_t operations) {
    const Cut first{op, point, random_()};
    run_once(scenario, start, known, {first});
    const bool nest = options_.full || random_() % 2 == 0;
    if (!nest) return;
    std::vector<Cut> cuts = {first};
    const int depth = 1 + static_cast<int>(random_() % 3);
    for (int i = 0; i < depth; ++i) {
      // Mostly soon after the boot: that is where recovery is.
      const uint64_t within = random_() % 2 == 0 ? 6 : operations + 4;
      cuts.push_back(Cut{random_() % within, random_() % 4 == 0 ? CutPoint::kAfter : CutPoint::kInside, random_()});
    }
    run_once(scenario, start, known, cuts);
  }

  // The operation fails, or seems to succeed and does not, with the power on. And then a cut soon after.
  void fault_at(const Scenario& scenario, const std::vector<uint8_t>& start, const Known& known, uint64_t op) {
    for (const Fault fault : {Fault::kRefuse, Fault::kHalf, Fault::kSilent}) {
      fault_operation_ = op;
      fault_ = fault;
      run_once(scenario, start, known, {});
      run_once(scenario, start, known, {Cut{op + 1 + random_() % 4, CutPoint::kInside, random_()}});
      fault_operation_ = UINT64_MAX;
      report_.faults += 2;
    }
  }

  uint64_t run_once(const Scenario& scenario, const std::vector<uint8_t>& start, const Known& known,
                    const std::vector<Cut>& cuts) {
    const std::string before = here_;
    for (const Cut& cut : cuts) {
      here_ += " / cut " + std::to_string(cut.operation) + "." + std::to_string(static_cast<int>(cut.point)) +
               " seed " + std::to_string(cut.seed);
    }
    if (fault_operation_ != UINT64_MAX) {
      here_ += " / fault " + std::to_string(fault_operation_) + "." + std::to_string(static_cast<int>(fault_));
    }
    ++report_.runs;
    flash_.power_on();
    flash_.restore(start);
    World world(flash_, config_for(board_));
    world.known = known;
    const uint64_t begin = flash_.operations();
    if (fault_operation_ != UINT64_MAX) flash_.fail_operations(begin + fault_operation_, 1, fault_);
    size_t next_cut = 0;
    bool done = false;
    for (size_t boots = 0; !done; ++boots) {
      promise(boots <= cuts.size() + 1, "the mission ended without a cut and without success");
      if (next_cut < cuts.size()) {
        const Cut& cut = cuts[next_cut++];
        flash_.cut_power(flash_.operations() + cut.operation, cut.point, cut.seed);
      }
      boot_and_check(world);
      if (flash_.powered()) done = scenario.mission(world);
      check_sim(world);
      if (flash_.powered()) {
        promise(done, "the mission failed with the power on");
      } else {
        done = false;
        ++report_.cuts;
        flash_.power_on();
      }
    }
    flash_.power_on();
    boot_and_check(world);
    check_sim(world);
    here_ = before;
    return flash_.operations() - begin;
  }

  SweepOptions options_;
  Board board_;
  SimFlash flash_;
  std::vector<uint8_t> blank_;
  Packages packages_;
  SweepReport report_;
  std::string here_;
  uint64_t fault_operation_ = UINT64_MAX;
  Fault fault_ = Fault::kRefuse;
  std::mt19937_64 random_{20261120};
};

}  // namespace

SweepReport sweep(const SweepOptions& options) {
  return Sweep(options).run();
}

}  // namespace storage
}  // namespace roost
