// Proves that no order of calls, cuts, resets and faults breaks a promise of the store: random walks over its API, each
// on a geometry and with packages of its own, checked after every step against what whoever calls it was told. The sweep
// cuts everywhere in what is usual; a walk comes by what nobody thought of.
//
// Everything follows from a seed. ROOST_WALK_SEED=n runs that walk alone and prints its trace; ROOST_NIGHTLY=1 runs fifty
// times as many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "tests/storage/choice.h"
#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

enum class Weather : uint8_t { kCuts, kCutsAndBusy, kAllFaults };  // each of them brings what those before it bring

struct BrokenPromise {
  std::string what;
};

void promise(bool kept, const char* what) {
  if (!kept) throw BrokenPromise{what};
}

struct Tally {
  uint64_t cuts = 0, installs = 0, resumes = 0;
};

class Walk {
 public:
  Walk(uint64_t seed, Weather weather, bool traced, Tally& tally)
      : random_(seed), weather_(weather), traced_(traced), tally_(tally) {}

  void run() {
    draw_board();
    flash_ = std::make_unique<SimFlash>(board_);
    if (one_in(4)) flash_->fill(static_cast<uint8_t>(~board_.geometry.erased_value));
    rig_ = std::make_unique<Rig>(*flash_, config_);
    for (int i = 0; i < kPackageCount; ++i) draw_package();
    restart();
    budget_at_first_ = budget_ = store().erase_budget(rig_->now);
    for (int steps = 0; steps < kSteps; ++steps) {
      step();
      if (!powered()) recover();
      check();
    }
    finish();
  }

 private:
  static constexpr int kSteps = 300;
  static constexpr int kPackageCount = 5;
  static constexpr int kNone = -1;  // instead of a package's index

  struct Half {
    int package = kNone;
    uint32_t durable = 0;  // chunks that were reported
  };

  Store& store() { return rig_->store(); }
  bool powered() const { return flash_->powered(); }
  uint32_t below(uint64_t count) { return static_cast<uint32_t>(random_() % count); }
  bool one_in(uint32_t count) { return below(count) == 0; }
  void say(const std::string& line) {
    if (traced_) std::cout << "operation " << flash_->operations() << ": " << line << "\n";
  }
  void say(const std::string& call, Status status) {
    if (traced_) say(call + (status.ok() ? "" : ": error " + std::to_string(static_cast<int>(status.error()))));
  }

  // ---- what it is drawn from ----

  void draw_board() {
    static constexpr uint16_t kUnits[] = {4, 8, 32, 256};
    static constexpr uint32_t kBlocks[] = {1024, 2048, 3072, 4096};
    const uint8_t slot_count = one_in(3) ? 3 : 2;
    Layout layout;
    do {
      board_ = *device::find_board("microbit");
      FlashGeometry& g = board_.geometry;
      g.program_unit_bytes = kUnits[below(4)];
      g.erase_block_bytes = kBlocks[below(4)];
      g.erased_value = one_in(2) ? 0xFF : 0;
      g.programs_per_unit = static_cast<uint8_t>(1 + below(2));
      g.erase_slices = static_cast<uint8_t>(one_in(2) ? 1 : 2 + below(3));
      board_.ecc = one_in(2);
      board_.chunk_bytes = g.program_unit_bytes;
      while (board_.chunk_bytes < g.erase_block_bytes &&
             (!one_in(3) || g.erase_block_bytes / board_.chunk_bytes > 16)) {
        board_.chunk_bytes = static_cast<uint16_t>(board_.chunk_bytes * 2);
      }
      const uint32_t slot_blocks = 2 + (one_in(3) ? below(60) : below(8));
      g.size_bytes = (kJournalBlocks + slot_count * slot_blocks + below(2)) * g.erase_block_bytes;
    } while (!layout.set(board_.geometry, slot_count, board_.chunk_bytes).ok());
    config_ = config_for(board_);
    config_.slot_count = slot_count;
    config_.early_erase = one_in(2);
    config_.erase_ahead_blocks = static_cast<uint8_t>(below(4));
    config_.erase_budget_blocks = one_in(3) ? 50 + below(500) : 1000000;
    config_.budget_refill_ms = 0;
    if (!traced_) return;
    const FlashGeometry& g = board_.geometry;
    std::cout << "unit " << g.program_unit_bytes << ", block " << g.erase_block_bytes << ", chunk "
              << board_.chunk_bytes << ", erased value " << int{g.erased_value} << ", programs of a unit "
              << int{g.programs_per_unit} << ", slices " << int{g.erase_slices} << ", ECC " << board_.ecc
              << "\nslots " << int{slot_count} << " of " << layout.slot_blocks << " blocks, meta "
              << layout.meta_blocks << ", early erase " << config_.early_erase << ", ahead "
              << int{config_.erase_ahead_blocks} << ", budget " << config_.erase_budget_blocks << "\n";
  }

  // Of any size, often as large as a slot or of whole blocks.
  void draw_package() {
    const uint32_t room = store().payload_bytes_max();
    const uint32_t block = board_.geometry.erase_block_bytes;
    uint32_t size = 1 + below(room);
    if (one_in(3)) size = room - below(std::min(room, 300u));
    if (one_in(6)) size = divide_up(size, block) * block;
    uint32_t model_size = size, body_size = 0;
    if (size > 64 && one_in(2)) {
      model_size = 1 + below(size - 48);
      body_size = size - (model_size + 15) / 16 * 16;
    }
    packages_.push_back(make_package(static_cast<uint32_t>(random_()), model_size, body_size));
    packages_.back().attempts = 200;
  }

  // ---- what is promised ----

  int package_in(uint8_t slot) {
    for (int i = 0; slot != kNoSlot && i < kPackageCount; ++i) {
      if (packages_[i].id == store().state().slots[slot].package_id) return i;
    }
    return kNone;
  }

  // By digest, too, if asked for: that takes its time.
  void check_runnable(uint8_t slot, bool by_digest) {
    if (slot == kNoSlot) return;
    const int package = package_in(slot);
    promise(package != kNone, "what runs is no package anybody sent");
    const Package& p = packages_[package];
    promise(by_digest ? rig_->holds(slot, p) : rig_->pages_equal(slot, p, 0xFFFF), "what runs lost its bytes");
  }

  void check() {
    promise(flash_->misuses() == 0, flash_->last_misuse().c_str());
    if (weather_ == Weather::kAllFaults) uncharged_ += flash_->faults_hit() - faults_seen_;
    faults_seen_ = flash_->faults_hit();
    uint64_t charged = 0;
    for (uint8_t s = 0; s < config_.slot_count; ++s) {
      check_slot(s);
      charged += store().state().slots[s].wear_total;
    }
    check_half();
    for (uint8_t slot : {store().slot_to_attempt(), store().slot_to_run(0), store().slot_to_run(1)}) {
      check_runnable(slot, false);
    }
    const uint32_t budget = store().erase_budget(rig_->now);
    if (weather_ != Weather::kAllFaults) {  // what failed is charged, but not on record at once
      promise(budget <= budget_, "the erase budget went up by itself");
      promise(wiped_ || charged + budget == budget_at_first_, "what is charged is not what the budget lacks");
    }
    if (on_record_) budget_ = budget;
  }

  void check_slot(uint8_t s) {
    const Layout& layout = store().layout();
    const SlotRecord& slot = store().state().slots[s];
    uint64_t worst = 0, total = 0;
    for (uint32_t b = 0; b < layout.slot_blocks; ++b) {
      const uint64_t wear = flash_->wear(layout.slot_offset(s) / layout.block_bytes + b);
      worst = std::max(worst, wear);
      total += wear;
    }
    if (traced_) {
      std::cout << "        slot " << int{s} << ": state " << static_cast<int>(slot.state) << ", package "
                << package_in(s) << ", durable " << slot.durable_chunks << ", erased " << worst << " of "
                << slot.wear_max << ", in all " << total << " of " << slot.wear_total << "\n";
    }
    promise(worst <= slot.wear_max + uncharged_, "a block was erased more often than was reported");
    promise(total <= slot.wear_total + uncharged_ * layout.slot_blocks, "more erases than were reported");

    if (slot.state == SlotState::kReceiving) {
      const int package = package_in(s);
      promise(package != kNone, "what is received is no package anybody sent");
      promise(rig_->pages_equal(s, packages_[package], slot.durable_chunks), "a durable chunk was changed");
    }
  }

  void check_half() {
    if (half_.package == kNone) return;
    for (uint8_t s = 0; s < config_.slot_count; ++s) {
      const SlotRecord& slot = store().state().slots[s];
      if (package_in(s) != half_.package) continue;
      if (is_in(slot.state, kSealedStates)) half_ = Half();
      if (slot.state == SlotState::kReceiving)
        promise(slot.durable_chunks >= half_.durable, "a durable chunk was lost");
      if (is_in(slot.state, kSealedStates | states(SlotState::kReceiving))) return;
    }
    promise(false, "a half-received package was forgotten");
  }

  // What the host is told is durable may be counted on from here on.
  void note_durable() {
    if (!powered() || !store().manifest_taken()) return;
    const int package = package_in(store().open_slot());
    promise(package != kNone, "what is open is no package anybody sent");
    if (package != half_.package) half_ = Half{package, 0};
    promise(store().durable_chunks() >= half_.durable, "fewer chunks are durable than were");
    half_.durable = store().durable_chunks();
  }

  // ---- what is known, where a call may have failed ----

  // A refusal touches nothing, and what only waits for the flash or finds it busy has been taken back.
  bool changed_nothing(Status status) const {
    return !status.ok() && powered() && (weather_ != Weather::kAllFaults || status.error() > Error::kNoPower);
  }

  // A change after which this package runs. Until it is known to be on record, or not, it or what ran before may.
  template <typename Call>
  Status change_what_runs(int package, Call call) {
    const std::set<int> before = may_run_;
    may_run_.insert(package);
    const Status status = call();
    if (changed_nothing(status)) may_run_ = before;
    if (status.ok() && powered()) may_run_ = {package};
    return status;
  }

  // A call that may end what is half received.
  template <typename Call>
  Status forgetting(Call call) {
    const Half before = half_;
    half_ = Half();
    const Status status = call();
    if (changed_nothing(status)) half_ = before;
    return status;
  }

  // ---- boots ----

  void restart() {
    flash_->reset();
    rig_->reboot();
    promise(rig_->error == Error::kNone, "mount failed");
    const uint64_t faults = flash_->faults_hit();
    BootChoice choice = boot(store(), one_in(10) ? ResetCause::kWatchdog : ResetCause::kOther);
    on_record_ = flash_->faults_hit() == faults;
    if (choice.action == BootAction::kSafeMode) {
      (void)store().healthy();
      choice = choice_of(store());
    }
    say("boot: " + std::to_string(static_cast<int>(choice.action)));
    if (!powered()) return;
    const bool attempt = choice.action == BootAction::kAttempt;
    const uint8_t runs = attempt ? choice.fallback_slot : choice.slot;
    check_runnable(choice.slot, true);
    check_runnable(choice.fallback_slot, true);
    promise(may_run_.count(package_in(runs)) != 0, "the wrong model runs");
    store().hold(runs);
  }

  // The power comes back, and may go again at once.
  void recover() {
    ++tally_.cuts;
    while (!powered()) {
      flash_->power_on();
      if (one_in(2)) flash_->cut_power(flash_->operations() + below(3), CutPoint::kInside, random_());
      restart();
    }
  }

  // ---- steps ----

  void step() {
    struct Step {
      uint32_t weight;
      void (Walk::*take)();
    };
    static constexpr Step kWays[] = {
        {22, &Walk::work},     {15, &Walk::open},      {30, &Walk::send_pages}, {3, &Walk::lose_link},
        {3, &Walk::seal},      {5, &Walk::activate},   {2, &Walk::reject},      {1, &Walk::roll_back},
        {1, &Walk::reinstate}, {1, &Walk::erase_all},  {1, &Walk::abandon},     {3, &Walk::wait},
        {3, &Walk::restart},   {8, &Walk::plan_a_cut}, {3, &Walk::plan_faults}, {1, &Walk::be_healthy},
    };
    uint32_t dice = below(102);
    const Step* way = kWays;
    for (; dice >= way->weight; ++way) dice -= way->weight;
    (this->*way->take)();
  }

  void work() { work_up_to(1 + below(one_in(4) ? 20 : 3)); }

  void work_up_to(uint32_t times) {
    for (uint32_t i = 0; i < times && powered() && store().work_wanted(rig_->now); ++i) {
      say("work", store().work(rig_->now));
    }
  }

  // Mostly the same package again: that is how one comes to an end.
  void open() {
    if (one_in(8)) wanted_ = static_cast<int>(below(kPackageCount));
    (void)open_package(wanted_, one_in(6) ? kOpenForce : kOpenNormal);
  }

  Status open_package(int package, OpenFlags flags) {
    PackageInfo info = packages_[package].info();
    const auto call = [&] { return store().open(info, flags, rig_->now); };
    const bool resumed = half_.package == package;
    const Status status = resumed ? call() : forgetting(call);
    say("open " + std::to_string(package), status);
    if (!powered()) return status;
    if (status.ok() && store().manifest_taken()) {
      promise(store().next_page() == store().durable_chunks(), "the resume point is not what is on record");
      promise(store().next_page() <= store().chunk_count(), "the resume point is behind the package");
      if (resumed && half_.durable != 0) ++tally_.resumes;
      note_durable();
    } else if (status.is(Error::kProgramFailed) && store().receiving()) {
      give_up();  // as the agent does: the meta takes no header
    }
    return status;
  }

  void send_pages() {
    const uint32_t count = 1 + below(one_in(2) ? 30 : 3);
    for (uint32_t i = 0; i < count && store().manifest_taken() && store().next_page() < store().chunk_count();
         ++i) {
      for (int works = 0; works < 50 && powered() && !store().page_ready(); ++works) {
        promise(store().work_wanted(rig_->now), "a page that is never ready");
        (void)store().work(rig_->now);
      }
      if (!powered() || !store().page_ready()) return;
      const uint32_t page = store().next_page();
      const bool sent = rig_->send_page(packages_[package_in(store().open_slot())], page);
      say("page " + std::to_string(page), rig_->error);
      if (!powered()) return;
      if (!sent) return page_failed(rig_->error);
      note_durable();
    }
  }

  // The first unit of a page, and no more.
  void lose_link() {
    if (!store().manifest_taken() || !store().page_ready()) return;
    const Package& package = packages_[package_in(store().open_slot())];
    const uint32_t page = store().next_page();
    std::vector<uint8_t> unit(board_.geometry.program_unit_bytes, board_.geometry.erased_value);
    const size_t size = std::min<size_t>(unit.size(), store().chunk_size(page));
    std::copy_n(package.payload.begin() + page * board_.chunk_bytes, size, unit.begin());
    const Status status = store().program(unit, rig_->now);
    say("half a page", status);
    if (powered()) page_failed(status.ok() ? Error::kFlashBusy : status.error());
  }

  // Whoever sends finds the link lost where the flash was busy, and goes back to the block's beginning otherwise.
  void page_failed(Error error) {
    if (error == Error::kFlashBusy) return reconnect();
    promise(weather_ == Weather::kAllFaults, "a page failed, and no fault was there");
    say("rewind", store().rewind(rig_->now));
    ++uncharged_;
  }

  void reconnect() {
    const int package = package_in(store().open_slot());
    for (int tries = 0; tries < 4 && powered(); ++tries) {
      if (open_package(package, kOpenForce).ok()) return;
      if (powered() && one_in(3)) break;
    }
    if (powered()) restart();
  }

  void seal() {
    if (!store().manifest_taken() || store().next_page() < store().chunk_count()) return;
    if (one_in(2)) work_up_to(20);
    if (!powered()) return;
    promise(rig_->verify(), "the received package does not verify");
    Status status = Error::kFlashBusy;
    for (int tries = 0; tries < 3 && powered() && !status.ok(); ++tries) {
      status = store().seal();
      say("seal", status);
    }
    if (status.ok()) half_ = Half();
  }

  void activate() {
    seal();
    const uint8_t slot = store().slot_to_attempt();
    if (!powered() || slot == kNoSlot) return;
    const Status attempt = store().record_attempt(slot);
    say("attempt", attempt);
    if (attempt.is(Error::kAttemptsSpent)) (void)store().reject(slot, kReasonCallerFirst, 0);
    if (!attempt.ok() || !store().record_trial(slot).ok() || one_in(3)) return;
    store().hold(slot);
    const Status status = change_what_runs(package_in(slot), [&] { return store().confirm(slot, rig_->now); });
    say("confirm", status);
    if (status.ok()) ++tally_.installs;
  }

  void reject() {
    const uint8_t slot = store().slot_in(kUnconfirmed);
    if (slot != kNoSlot) say("reject", store().reject(slot, kReasonCallerFirst, 3));
  }

  void roll_back() {
    const uint8_t from = store().slot_to_run(0), to = store().slot_to_run(1);
    if (from == kNoSlot || to == kNoSlot) return;
    const Status status =
        change_what_runs(package_in(to), [&] { return store().reject(from, kReasonCallerFirst + 1, 0); });
    say("roll back", status);
    if (status.ok()) store().hold(to);
  }

  void reinstate() {
    const uint8_t slot = store().slot_in(SlotState::kRetired);
    if (slot != kNoSlot) say("reinstate", store().reinstate(slot));
  }

  void erase_all() {
    if (!one_in(6)) return;
    const uint8_t runs = choose(kNoSlot, store().slot_to_run(0), store().slot_to_run(1), false).slot;
    store().hold(kNoSlot);
    const auto call = [&] { return store().erase_all(rig_->now); };
    const Status status = forgetting([&] { return change_what_runs(kNone, call); });
    say("erase all", status);
    if (changed_nothing(status)) {
      store().hold(runs);
    } else {
      wiped_ = true;  // and goes on being erased, whatever the budget is by then
    }
  }

  void abandon() {
    if (one_in(3)) give_up();
  }

  void give_up() {
    say("abandon", forgetting([&] { return store().abandon(kReasonCallerFirst, 1); }));
  }

  void wait() { rig_->now += below(3) * 700; }
  void be_healthy() { (void)store().healthy(); }

  void plan_a_cut() {
    const uint64_t operation = flash_->operations() + below(one_in(2) ? 30 : 4);
    const CutPoint point = one_in(5) ? CutPoint::kBefore : one_in(4) ? CutPoint::kAfter : CutPoint::kInside;
    flash_->cut_power(operation, point, random_());
    say("a cut at " + std::to_string(operation) + "." + std::to_string(static_cast<int>(point)));
  }

  void plan_faults() {
    if (weather_ == Weather::kCuts) return;
    const Fault fault = weather_ == Weather::kCutsAndBusy ? Fault::kBusy : static_cast<Fault>(below(4));
    const uint64_t first = flash_->operations() + below(6);
    const uint64_t count = 1 + below(one_in(3) ? 6 : 2);
    flash_->fail_operations(first, count, fault);
    say("fault " + std::to_string(static_cast<int>(fault)) + " at " + std::to_string(first) + ", " +
        std::to_string(count) + " times");
  }

  // ---- the end ----

  // With the power on and no fault any more, whatever the walk left behind: another package is installed and runs.
  void finish() {
    flash_->power_on();
    restart();
    rig_->now += 100000;
    const uint8_t unconfirmed = store().slot_in(kUnconfirmed);
    if (unconfirmed != kNoSlot) promise(store().reject(unconfirmed, kReasonCallerFirst, 0).ok(), "no rejecting");
    promise(rig_->settle() && !store().work_wanted(rig_->now), "the work does not end");
    const int package = may_run_.count(0) != 0 ? 1 : 0;
    const Package& last = packages_[package];
    if (!rig_->open(last, kOpenForce)) {
      const bool spent = store().erase_budget(rig_->now) < store().layout().slot_blocks;
      return promise(spent && rig_->error == Error::kEraseBudget, "no opening");
    }
    for (int rewinds = 0; store().next_page() < store().chunk_count();) {
      promise(rig_->settle() && store().page_ready(), "a page that is never ready");
      if (rig_->send_page(last, store().next_page())) continue;
      // An erase that lied before: its block is erased again, if that is left in the budget.
      const Status rewound = store().rewind(rig_->now);
      if (rewound.is(Error::kEraseBudget)) return promise(store().erase_budget(rig_->now) == 0, "no rewind");
      promise(++rewinds < 3 && rewound.ok(), "a page that cannot be stored");
    }
    const uint8_t slot = store().open_slot();
    promise(rig_->settle() && rig_->verify() && store().seal().ok(), "no sealing");
    promise(store().record_attempt(slot).ok() && store().record_trial(slot).ok(), "no trial");
    promise(store().confirm(slot, rig_->now).ok(), "no confirming");
    half_ = Half();
    may_run_ = {package};
    restart();
    check();
  }

  std::mt19937_64 random_;
  const Weather weather_;
  const bool traced_;
  Tally& tally_;
  Board board_;
  StoreConfig config_;
  std::unique_ptr<SimFlash> flash_;
  std::unique_ptr<Rig> rig_;
  std::vector<Package> packages_;

  int wanted_ = 0;                // the package that is offered
  Half half_;                     // what has to be there still
  std::set<int> may_run_{kNone};  // more than one: a cut left open which
  uint64_t faults_seen_ = 0;
  uint64_t uncharged_ = 0;  // erases, of each block, repeated for a fault: a cut may keep them off the record
  uint32_t budget_at_first_ = 0, budget_ = 0;
  bool on_record_ = true;  // what boot found; otherwise a torn record may have charged, and be gone at the next
  bool wiped_ = false;
};

void expect_kept(Weather weather) {
  const char* wanted = std::getenv("ROOST_WALK_SEED");
  const uint64_t count = wanted ? 1 : std::getenv("ROOST_NIGHTLY") ? 30000 : 600;
  const uint64_t first = wanted ? std::strtoull(wanted, nullptr, 0) : 1;
  Tally tally;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    try {
      Walk(seed, weather, wanted != nullptr, tally).run();
    } catch (const BrokenPromise& broken) {
      FAIL() << "seed " << seed << ": " << broken.what << "; ROOST_WALK_SEED=" << seed
             << " with this test alone prints its trace";
    }
  }
  std::cout << count << " walks, " << tally.cuts << " power cuts, " << tally.installs << " installs, "
            << tally.resumes << " resumes\n";
  if (wanted) return;
  EXPECT_GT(tally.cuts, 4 * count);
  EXPECT_GT(tally.installs, count / 4);
  EXPECT_GT(tally.resumes, 2 * count);
}

TEST(Walk, KeepsEveryPromiseThroughCuts) {
  expect_kept(Weather::kCuts);
}

TEST(Walk, KeepsEveryPromiseThroughCutsOnABusyFlash) {
  expect_kept(Weather::kCutsAndBusy);
}

TEST(Walk, KeepsEveryPromiseThroughCutsAndFaults) {
  expect_kept(Weather::kAllFaults);
}

}  // namespace
}  // namespace storage
}  // namespace roost
