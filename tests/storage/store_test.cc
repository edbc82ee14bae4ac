// Each operation of the Store and each of its errors, without power cuts (those are the sweep's).
#include "storage/store.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/storage/choice.h"
#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

class StoreTest : public testing::Test {
 protected:
  explicit StoreTest(const std::string& name = "microbit", uint8_t slots = 2, uint32_t payload_blocks = 4)
      : board(small_board(name, slots, payload_blocks)), flash(board), config(config_for(board)) {
    config.slot_count = slots;
  }

  Rig& rig() {
    if (!rig_) rig_ = std::make_unique<Rig>(flash, config, has_builtin);
    return *rig_;
  }
  Store& store() { return rig().store(); }

  Error open(const Package& p, OpenFlags flags = kOpenNormal) {
    (void)rig().open(p, flags);
    if (rig().error == Error::kNone) opened = rig().opened;
    return rig().error;
  }
  // Refused, and nothing was erased, programmed or recorded for it.
  void expect_refused(const Package& p, Error error, OpenFlags flags = kOpenNormal) {
    const uint64_t before = flash.operations();
    EXPECT_EQ(open(p, flags), error);
    EXPECT_EQ(flash.operations(), before);
  }
  void send(const Package& p, uint32_t until = UINT32_MAX) {
    while (store().next_page() < std::min(until, store().chunk_count())) {
      if (store().page_ready()) {
        ASSERT_TRUE(rig().send_page(p, store().next_page())) << static_cast<int>(rig().error);
      } else {
        ASSERT_TRUE(store().work(rig().now).ok());
      }
    }
  }
  void upload(const Package& p, OpenFlags flags = kOpenNormal) {
    ASSERT_EQ(open(p, flags), Error::kNone);
    send(p);
    ASSERT_TRUE(rig().verify());
    ASSERT_TRUE(store().seal().ok());
  }
  // No block was erased more often than its slot's record says, and all of them together not either.
  void expect_charged() {
    const Layout& layout = store().layout();
    for (uint8_t s = 0; s < store().slot_count(); ++s) {
      const uint32_t first = layout.slot_offset(s) / layout.block_bytes;
      uint32_t total = 0;
      for (uint32_t block = first; block < first + layout.slot_blocks; ++block) {
        EXPECT_LE(flash.wear(block), store().state().slots[s].wear_max) << "block " << block;
        total += flash.wear(block);
      }
      EXPECT_LE(total, store().state().slots[s].wear_total) << "slot " << int{s};
    }
  }
  void start_trial(const Package& p, OpenFlags flags = kOpenNormal) {
    upload(p, flags);
    ASSERT_TRUE(store().record_attempt(opened).ok());
    ASSERT_TRUE(store().record_trial(opened).ok());
  }
  void install(const Package& p, OpenFlags flags = kOpenNormal) {
    start_trial(p, flags);
    ASSERT_TRUE(store().confirm(opened, rig().now).ok());
  }
  void settle() { ASSERT_TRUE(rig().settle()); }
  void lose_journal() {
    std::fill_n(flash.raw().data(), kJournalBlocks * board.geometry.erase_block_bytes, uint8_t{0x77});
    rig().reboot();
  }

  Board board;
  SimFlash flash;
  StoreConfig config;
  bool has_builtin = false;
  std::unique_ptr<Rig> rig_;
  uint8_t opened = kNoSlot;  // the slot
  Package a = make_package(1, 1500, 100);
  Package b = make_package(2, 3000, 0);
  Package c = make_package(3, 700, 33);
};

TEST_F(StoreTest, MountAndBootOfAFreshPartWriteNothing) {
  EXPECT_EQ(boot(store(), ResetCause::kOther).action, BootAction::kNone);
  EXPECT_FALSE(store().work_wanted(rig().now + 1000000));
  EXPECT_EQ(flash.operations(), 0u);
}

TEST_F(StoreTest, MountRefusesWhatCannotWork) {
  SodiumDigest digest;
  std::vector<uint8_t> scratch(256);
  StoreConfig bad = config;
  bad.chunk_bytes = 3000;
  EXPECT_EQ(Store(flash, digest, bad, false, scratch).mount(0).error(), Error::kBadGeometry);
  bad = config;
  bad.slot_count = 4;
  EXPECT_EQ(Store(flash, digest, bad, false, scratch).mount(0).error(), Error::kBadGeometry);
  EXPECT_EQ(Store(flash, digest, config, false, MutableBytes(scratch).first(100)).mount(0).error(),
            Error::kScratchTooSmall);
}

TEST_F(StoreTest, InstallsAndRunsAfterAReset) {
  install(a);
  rig().reboot();
  const BootChoice choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kRun);
  EXPECT_TRUE(rig().holds(choice.slot, a));
  EXPECT_EQ(store().slot_info(choice.slot).model_sha256, a.model_sha256);
}

TEST_F(StoreTest, RefusesWhatDoesNotFitOrContradictsItself) {
  Package p = a;
  p.model_size = store().payload_bytes_max() + 1;
  expect_refused(p, Error::kTooLarge);
  p = a;
  p.body_offset = 0xFFFFFFF0u;
  expect_refused(p, Error::kTooLarge);
  p = a;
  p.body_offset = p.model_size - 1;
  expect_refused(p, Error::kBadPackage);
  p = a;
  p.model_size = 0;
  expect_refused(p, Error::kBadPackage);
  p = a;
  p.manifest.assign(kManifestBytesMax + 1, 1);
  expect_refused(p, Error::kTooLarge);
  p.manifest.clear();
  expect_refused(p, Error::kBadPackage);
}

TEST_F(StoreTest, RefusesWhileATrialIsOpenAndKeepsTheWayBack) {
  install(a);
  upload(b);
  expect_refused(c, Error::kTrialOpen);
  expect_refused(b, Error::kAlreadyStored);
  ASSERT_TRUE(store().record_attempt(opened).ok());
  expect_refused(c, Error::kTrialOpen, kOpenForce);
  ASSERT_TRUE(store().record_trial(opened).ok());
  expect_refused(c, Error::kTrialOpen, kOpenForce);
  const uint64_t before = flash.operations();
  EXPECT_EQ(store().erase_all(rig().now).error(), Error::kTrialOpen);
  EXPECT_EQ(flash.operations(), before);
}

TEST_F(StoreTest, ForceDisplacesAPendingModelThatNeverRan) {
  install(a);
  upload(b);
  upload(c, kOpenForce);
  EXPECT_TRUE(rig().holds(store().slot_in(SlotState::kConfirmed), a));
  EXPECT_TRUE(rig().holds(store().slot_in(SlotState::kPending), c));
}

TEST_F(StoreTest, RefusesARejectedPackageUnlessForced) {
  install(a);
  start_trial(b);
  ASSERT_TRUE(store().reject(opened, 42, 7).ok());
  rig().reboot();
  const SlotRecord& info = store().state().slots[store().slot_in(SlotState::kRejected)];
  EXPECT_EQ(info.reason, 42);
  EXPECT_EQ(info.detail, 7);
  expect_refused(b, Error::kRejectedBefore);
  install(c);  // the slot of b is used again, and still b is known
  expect_refused(b, Error::kRejectedBefore);
  EXPECT_EQ(open(b, kOpenForce), Error::kNone);
}

TEST_F(StoreTest, RefusesACounterBelowTheFloorEvenForced) {
  a.counter = 5;
  install(a);
  b.counter = 4;
  expect_refused(b, Error::kCounterTooLow);
  expect_refused(b, Error::kCounterTooLow, kOpenForce);
  b.counter = 5;  // equal is allowed
  install(b);
  ASSERT_TRUE(
      store().reject(store().slot_in(SlotState::kConfirmed), 20, 0).ok());  // and a local return is never refused
  EXPECT_EQ(store().counter_floor(), 5u);
}

TEST_F(StoreTest, TheFloorRisesAtConfirmedOnly) {
  a.counter = 9;
  start_trial(a);
  EXPECT_EQ(store().counter_floor(), 0u);
  ASSERT_TRUE(store().confirm(opened, rig().now).ok());
  EXPECT_EQ(store().counter_floor(), 9u);
}

TEST_F(StoreTest, AlreadyStoredUnlessForced) {
  install(a);
  expect_refused(a, Error::kAlreadyStored);
  upload(a, kOpenForce);
  EXPECT_NE(opened, store().slot_in(SlotState::kConfirmed));
}

TEST_F(StoreTest, AHalfReceivedPackageYieldsOnlyWhenIdle) {
  ASSERT_EQ(open(a), Error::kNone);
  send(a, 1);
  expect_refused(b, Error::kBusy);
  rig().now += config.displace_idle_ms;
  EXPECT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().next_page(), 0u);
}

TEST_F(StoreTest, ResumesInTheSameBootWithoutLosingDurablePages) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 2);
  // A third page half programmed when the link went.
  settle();
  const std::vector<uint8_t> some(16, 0x11);
  ASSERT_TRUE(store().program(some, rig().now).ok());
  ASSERT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().next_page(), 2u);
  EXPECT_FALSE(store().page_ready()) << "its block has to be erased again";
  send(b);
  EXPECT_TRUE(rig().verify());
}

TEST_F(StoreTest, ResumesAfterAResetEvenWhereTheRestReadsBlank) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 2);
  rig().reboot();
  EXPECT_EQ(store().durable_chunks(), 2u);
  ASSERT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().next_page(), 2u);
  EXPECT_FALSE(store().page_ready());
  rig().pages_sent = 0;
  send(b);
  EXPECT_EQ(rig().pages_sent, store().chunk_count() - 2u);
}

// A resume that cannot be recorded has changed nothing: what it erases is charged for when it is asked for again.
TEST_F(StoreTest, AResumeIsChargedForHoweverOftenTheFlashIsBusy) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 1);
  settle();
  ASSERT_TRUE(store().program(std::vector<uint8_t>(16, 0x11), rig().now).ok());
  for (int i = 0; i < 2; ++i) {
    flash.fail_operations(flash.operations(), 1, Fault::kBusy);
    EXPECT_EQ(open(b), Error::kFlashBusy);
    EXPECT_FALSE(store().receiving()) << "until it is on record";
  }
  ASSERT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().next_page(), 1u);
  settle();
  expect_charged();
  rig().reboot();
  expect_charged();
  ASSERT_EQ(open(b), Error::kNone);
  send(b);
  EXPECT_TRUE(rig().verify());
  expect_charged();
}

TEST_F(StoreTest, NoResumeErasesMoreThanTheBudgetHas) {
  config.erase_budget_blocks = 5;  // what b takes
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 1);
  settle();
  ASSERT_TRUE(store().program(std::vector<uint8_t>(16, 0x11), rig().now).ok());
  expect_refused(b, Error::kEraseBudget);
  rig().now += config.budget_refill_ms;
  expect_refused(b, Error::kEraseBudget);
  rig().now += 5 * config.budget_refill_ms;
  ASSERT_EQ(open(b), Error::kNone);
  send(b);
  EXPECT_TRUE(rig().verify());
  expect_charged();
}

TEST_F(StoreTest, ABusyFlashCostsTheManifestNothing) {
  PackageInfo info = b.info();
  ASSERT_TRUE(store().open(info, kOpenNormal, rig().now).ok());
  settle();
  const uint32_t budget = store().erase_budget(rig().now);
  for (int i = 0; i < 5; ++i) {
    flash.fail_operations(flash.operations() + i / 4, 1, Fault::kBusy);  // at last, the record behind it
    EXPECT_EQ(store().open(info, kOpenNormal, rig().now).error(), Error::kFlashBusy);
    EXPECT_FALSE(store().work_wanted(rig().now)) << "nothing to erase";
  }
  ASSERT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().erase_budget(rig().now), budget);
  send(b);
  EXPECT_TRUE(rig().verify());
  expect_charged();
}

TEST_F(StoreTest, ACleanSlotIsChargedForOnceAtMost) {
  config.erase_budget_blocks = 100;
  config.budget_refill_ms = 0;
  const auto spent_by_open = [&] {
    const uint32_t before = store().erase_budget(rig().now);
    EXPECT_EQ(open(a), Error::kNone);
    return before - store().erase_budget(rig().now);
  };
  ASSERT_TRUE(store().erase_all(rig().now).ok());
  settle();
  EXPECT_EQ(spent_by_open(), 0u);
  settle();
  ASSERT_TRUE(store().program(std::vector<uint8_t>(16, 0x11), rig().now).ok());
  EXPECT_EQ(spent_by_open(), 2u) << "the blocks that the payload takes";
  settle();
  rig().reboot();
  EXPECT_EQ(spent_by_open(), 2u);
  send(a);
  EXPECT_TRUE(rig().verify());
  expect_charged();
}

TEST_F(StoreTest, APackageWithTheSameIdAndAnotherManifestDoesNotResume) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 2);
  Package other = b;
  other.manifest[5] ^= 1;
  expect_refused(other, Error::kBusy);
  rig().reboot();
  expect_refused(other, Error::kBusy);
}

// Whoever sends pages that do not read back wears the flash no further than the budget.
TEST_F(StoreTest, ARewindIsRefusedWhenTheBudgetIsSpent) {
  config.budget_refill_ms = 0;
  config.erase_budget_blocks = 1 + store().layout().blocks_taken(static_cast<uint32_t>(b.payload.size()));
  rig_.reset();
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 1);
  settle();
  const std::vector<uint8_t> some(16, 0x11);
  ASSERT_TRUE(store().program(some, rig().now).ok());
  EXPECT_TRUE(store().rewind(rig().now).ok());
  settle();
  ASSERT_TRUE(store().program(some, rig().now).ok());
  EXPECT_EQ(store().rewind(rig().now).error(), Error::kEraseBudget);
  EXPECT_EQ(open(b), Error::kEraseBudget);
  EXPECT_EQ(store().durable_chunks(), 1u) << "and what is durable is kept";
}

TEST_F(StoreTest, ReadBackDecidesAndRewindSendsAgain) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 1);
  settle();
  flash.fail_operations(flash.operations(), 1, Fault::kSilent);
  EXPECT_FALSE(rig().send_page(b, 1));
  EXPECT_EQ(rig().error, Error::kReadBack);
  EXPECT_EQ(store().durable_chunks(), 1u);
  ASSERT_TRUE(store().rewind(rig().now).ok());
  EXPECT_EQ(store().next_page(), 1u);
  send(b);
  EXPECT_EQ(store().rewind(rig().now).error(), Error::kWrongState) << "all durable";
  EXPECT_TRUE(rig().verify());
}

TEST_F(StoreTest, PagesGoInOrderWholeUnitsAndOnce) {
  const std::vector<uint8_t> bytes(8, 1);
  EXPECT_EQ(store().program(bytes, 0).error(), Error::kWrongState) << "nothing is open";
  PackageInfo info = b.info();
  ASSERT_TRUE(store().open(info, kOpenNormal, rig().now).ok());
  EXPECT_EQ(store().program(bytes, 0).error(), Error::kNotReady) << "the manifest is not in flash yet";
  EXPECT_EQ(store().rewind(0).error(), Error::kWrongState);
  ASSERT_EQ(open(b), Error::kNone);
  EXPECT_EQ(store().program(bytes, 0).error(), Error::kNotReady);
  EXPECT_EQ(store().close_page(0).error(), Error::kWrongState);
  settle();
  EXPECT_EQ(store().program(Bytes(bytes).first(3), 0).error(), Error::kMisuse);
  EXPECT_TRUE(store().program(bytes, 0).ok());
  EXPECT_EQ(store().close_page(0).error(), Error::kWrongState) << "not all programmed";
  const std::vector<uint8_t> rest(store().chunk_size(0) - bytes.size() + store().layout().unit_bytes, 1);
  EXPECT_EQ(store().program(rest, 0).error(), Error::kMisuse) << "more than a page";
  EXPECT_EQ(store().seal().error(), Error::kWrongState);
  EXPECT_EQ(store().verify_step(1).error(), Error::kWrongState);
}

TEST_F(StoreTest, ASpoiledPackageIsNeverSealed) {
  a.model_sha256[0] ^= 1;
  ASSERT_EQ(open(a), Error::kNone);
  send(a);
  EXPECT_FALSE(rig().verify());
  EXPECT_EQ(rig().error, Error::kDigestMismatch);
  EXPECT_EQ(store().seal().error(), Error::kWrongState);
  ASSERT_TRUE(store().abandon(33, 4).ok());
  EXPECT_EQ(store().state().slots[0].reason, 33);
  EXPECT_EQ(store().abandon(33, 4).error(), Error::kWrongState);
}

TEST_F(StoreTest, TheBodyIsVerifiedToo) {
  a.body_sha256[31] ^= 1;
  ASSERT_EQ(open(a), Error::kNone);
  send(a);
  EXPECT_FALSE(rig().verify());
  EXPECT_EQ(rig().error, Error::kDigestMismatch);
}

TEST_F(StoreTest, AReadThatFailsBeginsTheVerificationAgain) {
  ASSERT_EQ(open(a), Error::kNone);
  send(a);
  uint32_t failed = 0;
  for (uint64_t ahead = 0; ahead < 200; ++ahead) {
    flash.fail_read(flash.reads() + ahead);
    if (rig().verify()) continue;
    ++failed;
    EXPECT_EQ(rig().error, Error::kReadFailed);
    EXPECT_TRUE(rig().verify()) << "what was read before is not in the digest twice";
  }
  EXPECT_GT(failed, 20u);
}

TEST_F(StoreTest, TheEraseBudgetRunsOutIsKeptAndRefills) {
  config.erase_budget_blocks = 10;
  config.budget_refill_ms = 1000;
  install(a);  // 2 of meta, 2 of payload
  ASSERT_EQ(open(b), Error::kNone);
  ASSERT_TRUE(store().abandon(16, 0).ok());
  EXPECT_EQ(store().erase_budget(rig().now), 1u);
  rig().reboot();
  EXPECT_EQ(store().erase_budget(rig().now), 1u);
  expect_refused(c, Error::kEraseBudget);
  const uint64_t before = flash.operations();
  EXPECT_EQ(store().erase_all(rig().now).error(), Error::kEraseBudget);
  EXPECT_EQ(flash.operations(), before);
  rig().now += 2000;
  EXPECT_EQ(open(c), Error::kNone);
}

TEST_F(StoreTest, AttemptsAreCountedAndSpent) {
  install(a);
  b.attempts = 2;
  upload(b);
  for (int i = 0; i < 2; ++i) {
    const BootChoice choice = boot(store(), ResetCause::kOther);
    EXPECT_EQ(choice.action, BootAction::kAttempt);
    ASSERT_TRUE(store().record_attempt(choice.slot).ok());
    rig().reboot();
  }
  EXPECT_EQ(store().record_attempt(store().slot_in(SlotState::kPending)).error(), Error::kAttemptsSpent);
  const BootChoice choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kRun);
  EXPECT_TRUE(rig().holds(choice.slot, a));
  expect_refused(b, Error::kRejectedBefore);
}

TEST_F(StoreTest, ARunOfWatchdogResetsEndsInSafeModeUntilHealthy) {
  install(a);
  for (int i = 0; i < 2; ++i) {
    rig().reboot();
    EXPECT_EQ(boot(store(), ResetCause::kWatchdog).action, BootAction::kRun);
  }
  rig().reboot();
  EXPECT_EQ(boot(store(), ResetCause::kWatchdog).action, BootAction::kSafeMode);
  const uint64_t before = flash.operations();
  rig().reboot();
  EXPECT_EQ(boot(store(), ResetCause::kWatchdog).action, BootAction::kSafeMode);
  EXPECT_EQ(flash.operations(), before) << "a run at its maximum is not recorded again";
  rig().reboot();
  EXPECT_EQ(boot(store(), ResetCause::kOther).action, BootAction::kRun);
  ASSERT_TRUE(store().healthy().ok());
  rig().reboot();
  EXPECT_EQ(boot(store(), ResetCause::kWatchdog).action, BootAction::kRun);
}

TEST_F(StoreTest, RollsBackToTheRetiredModelOnce) {
  install(a);
  install(b);
  ASSERT_TRUE(store().reject(store().slot_in(SlotState::kConfirmed), 20, 1).ok());
  const BootChoice choice = choice_of(store());
  EXPECT_EQ(choice.action, BootAction::kRun);
  EXPECT_TRUE(rig().holds(choice.slot, a));
  const uint64_t before = flash.operations();
  EXPECT_EQ(store().reject(store().slot_in(SlotState::kConfirmed), 20, 1).error(), Error::kNothingToReturnTo);
  EXPECT_EQ(flash.operations(), before);
}

TEST_F(StoreTest, RollsBackToTheBuiltInModel) {
  has_builtin = true;
  EXPECT_EQ(boot(store(), ResetCause::kOther).action, BootAction::kBuiltIn);
  install(a);
  ASSERT_TRUE(store().reject(store().slot_in(SlotState::kConfirmed), 20, 1).ok());
  const BootChoice choice = choice_of(store());
  EXPECT_EQ(choice.action, BootAction::kBuiltIn);
}

TEST_F(StoreTest, NeverTakesAHeldSlot) {
  install(a);
  install(b);
  store().hold(store().slot_in(SlotState::kRetired));
  expect_refused(c, Error::kNoFreeSlot);
  EXPECT_EQ(store().erase_all(rig().now).error(), Error::kInUse);
  store().hold(kNoSlot);
  EXPECT_EQ(open(c), Error::kNone);
}

TEST_F(StoreTest, EraseAllLeavesCleanSlotsThatNeedNoErase) {
  install(a);
  install(b);
  ASSERT_TRUE(store().erase_all(rig().now).ok());
  EXPECT_EQ(boot(store(), ResetCause::kOther).action, BootAction::kNone);
  EXPECT_EQ(open(c), Error::kNotReady);
  rig().reboot();  // in the middle of it: it goes on
  settle();
  EXPECT_EQ(store().state().slots[0].state, SlotState::kErased);
  EXPECT_EQ(store().state().slots[1].state, SlotState::kErased);
  const uint32_t wear = store().state().slots[0].wear_total + store().state().slots[1].wear_total;
  install(c);
  EXPECT_EQ(store().state().slots[0].wear_total + store().state().slots[1].wear_total, wear);
}

TEST_F(StoreTest, EarlyEraseClearsTheRetiredModelAfterTheGraceTime) {
  config.early_erase = true;
  install(a);
  install(b);
  EXPECT_FALSE(store().work_wanted(rig().now));
  rig().now += config.early_erase_grace_ms;
  settle();
  EXPECT_NE(store().slot_in(SlotState::kErased), kNoSlot);
  EXPECT_EQ(store().reject(store().slot_in(SlotState::kConfirmed), 20, 0).error(), Error::kNothingToReturnTo);
  install(c);
  EXPECT_TRUE(rig().holds(store().slot_in(SlotState::kConfirmed), c));
}

TEST_F(StoreTest, ALostJournalOrphansNoModel) {
  install(a);
  lose_journal();
  BootChoice choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kRun);
  EXPECT_TRUE(rig().holds(choice.slot, a));

  upload(b);
  lose_journal();
  choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kAttempt);
  EXPECT_TRUE(rig().holds(choice.slot, b));
  EXPECT_TRUE(rig().holds(choice.fallback_slot, a));
}

TEST_F(StoreTest, AManifestThatDoesNotFitItsHeaderIsNotSound) {
  install(a);
  install(b);
  const uint8_t slot = store().slot_in(SlotState::kConfirmed);
  flash.raw()[store().layout().header_offset(slot) + kMetaHeaderBytes + 3] ^= 1;
  rig().reboot();
  const BootChoice choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kRun);
  EXPECT_TRUE(rig().holds(choice.slot, a));
}

TEST_F(StoreTest, ReinstatesTheRetiredModelAndFallsBackToTheConfirmedOne) {
  install(a);
  install(b);
  const uint8_t retired = store().slot_in(SlotState::kRetired);
  const uint8_t confirmed = store().slot_in(SlotState::kConfirmed);
  const auto worn = [&] { return store().state().slots[0].wear_total + store().state().slots[1].wear_total; };
  const uint32_t worn_before = worn();
  ASSERT_TRUE(store().reinstate(retired).ok());
  EXPECT_EQ(store().reinstate(retired).error(), Error::kWrongState);
  rig().reboot();
  const BootChoice choice = boot(store(), ResetCause::kOther);
  EXPECT_EQ(choice.action, BootAction::kAttempt);
  EXPECT_EQ(choice.slot, retired);
  EXPECT_EQ(choice.fallback_slot, confirmed);
  ASSERT_TRUE(store().record_attempt(retired).ok() && store().record_trial(retired).ok());
  ASSERT_TRUE(store().confirm(retired, 0).ok());
  EXPECT_EQ(store().slot_in(SlotState::kRetired), confirmed);
  EXPECT_TRUE(rig().holds(retired, a));
  EXPECT_EQ(worn(), worn_before);
}

TEST_F(StoreTest, ReinstatesNoModelBelowTheCounterFloor) {
  Package newer = b;
  newer.counter = a.counter + 1;
  install(a);
  install(newer);
  const uint8_t retired = store().slot_in(SlotState::kRetired);
  EXPECT_EQ(store().reinstate(retired).error(), Error::kCounterTooLow);
  EXPECT_EQ(store().slot_in(SlotState::kRetired), retired);
}

TEST_F(StoreTest, WrongStatesChangeNothing) {
  install(a);
  const uint8_t confirmed = store().slot_in(SlotState::kConfirmed);
  const uint64_t before = flash.operations();
  for (const uint8_t slot : {confirmed, static_cast<uint8_t>(1 - confirmed), uint8_t{7}}) {
    EXPECT_EQ(store().record_attempt(slot).error(), Error::kWrongState);
    EXPECT_EQ(store().record_trial(slot).error(), Error::kWrongState);
    EXPECT_EQ(store().confirm(slot, 0).error(), Error::kWrongState);
    EXPECT_EQ(store().reject(slot, 20, 0).error(),
              slot == confirmed ? Error::kNothingToReturnTo : Error::kWrongState);
    EXPECT_EQ(store().reinstate(slot).error(), Error::kWrongState);
  }
  EXPECT_EQ(store().rewind(0).error(), Error::kWrongState);
  EXPECT_EQ(store().verify_step(10).error(), Error::kWrongState);
  EXPECT_EQ(flash.operations(), before);
}

// What could not be recorded did not happen: the state is as before, and the same call succeeds later.
TEST_F(StoreTest, AChangeThatCannotBeRecordedIsTakenBack) {
  const auto as_bytes = [this] {
    std::vector<uint8_t> bytes(kStateBytes);
    encode_state(store().state(), bytes.data());
    return bytes;
  };
  const auto only_later = [&](const std::function<Error()>& call) {
    (void)store().erase_budget(rig().now);  // what is credited stays so
    const std::vector<uint8_t> before = as_bytes();
    for (const Fault fault : {Fault::kRefuse, Fault::kBusy}) {
      flash.fail_operations(flash.operations(), UINT32_MAX, fault);
      EXPECT_NE(call(), Error::kNone);
      EXPECT_EQ(as_bytes(), before);
      flash.clear_faults();
    }
    EXPECT_EQ(call(), Error::kNone);
    EXPECT_NE(as_bytes(), before);
  };
  install(a);
  PackageInfo info = b.info();
  only_later([&] { return store().open(info, kOpenNormal, rig().now).error(); });
  ASSERT_EQ(open(b), Error::kNone);
  only_later([&] { return store().abandon(16, 1).error(); });
  upload(b);
  only_later([&] { return store().record_attempt(opened).error(); });
  only_later([&] { return store().record_trial(opened).error(); });
  only_later([&] { return store().confirm(opened, rig().now).error(); });
  only_later([&] { return store().reject(store().slot_in(SlotState::kConfirmed), 20, 1).error(); });
  upload(c);
  only_later([&] { return store().reject(opened, 20, 1).error(); });
  install(b, kOpenForce);
  only_later([&] { return store().reinstate(store().slot_in(SlotState::kRetired)).error(); });
  ASSERT_TRUE(store().reject(store().slot_in(SlotState::kPending), 20, 1).ok());
  rig().reboot();
  (void)boot(store(), ResetCause::kWatchdog);
  only_later([&] { return store().healthy().error(); });
  rig().now += 1000000;
  only_later([&] { return store().erase_all(rig().now).error(); });
  only_later([&] { return store().work(rig().now).error(); });
}

// A record would do for the moment, but a lost journal would lose the model with it.
// A record that failed may read valid after all at the next boot.
TEST_F(StoreTest, NothingIsErasedThatARecordWhichFailedSaysIsDurable) {
  ASSERT_EQ(open(b), Error::kNone);
  send(b, 1);
  settle();
  const std::vector<uint8_t> start = flash.snapshot();
  for (uint64_t seed = 0; seed < 400; ++seed) {
    flash.restore(start);
    rig().reboot();
    (void)boot(store(), ResetCause::kOther);
    ASSERT_EQ(open(b), Error::kNone);
    settle();
    flash.cut_power(UINT64_MAX, CutPoint::kBefore, seed);              // for its seed
    flash.fail_operations(flash.operations() + 2, 100, Fault::kHalf);  // behind the page's two programs
    ASSERT_FALSE(rig().send_page(b, 1));
    flash.clear_faults();
    ASSERT_TRUE(store().rewind(rig().now).ok());
    settle();
    flash.power_on();
    rig().reboot();
    ASSERT_TRUE(rig().pages_equal(0, b, store().durable_chunks())) << "seed " << seed;
  }
}

TEST_F(StoreTest, SealsInTheMetaOnceTheFlashIsFree) {
  ASSERT_EQ(open(a), Error::kNone);
  send(a);
  ASSERT_TRUE(rig().verify());
  flash.fail_operations(flash.operations(), 1, Fault::kBusy);
  EXPECT_EQ(store().seal().error(), Error::kFlashBusy);
  ASSERT_TRUE(store().seal().ok());
  lose_journal();
  EXPECT_EQ(store().slot_in(SlotState::kConfirmed), rig().opened);
}

TEST_F(StoreTest, StaysSmall) {
  EXPECT_LE(sizeof(Store), 400u);
}

class StoreOfManyBlocks : public StoreTest {
 protected:
  StoreOfManyBlocks() : StoreTest("microbit", 2, 100) {}
};

// Sixteen times in a package at most: a journal wears, too. What is closed in between is sent again after a reset, and
// only then.
TEST_F(StoreOfManyBlocks, RecordsWhatIsDurableNowAndThen) {
  const Package big = make_package(9, 80 * 1024, 0);
  ASSERT_EQ(open(big), Error::kNone);
  send(big, 8);
  EXPECT_EQ(store().next_page(), 8u);
  EXPECT_EQ(store().durable_chunks(), 5u);
  ASSERT_EQ(open(big), Error::kNone);
  EXPECT_EQ(store().next_page(), 8u) << "another connection goes on behind what is closed";
  EXPECT_EQ(store().durable_chunks(), 8u) << "and is told so";
  const uint64_t before = flash.operations();
  ASSERT_EQ(open(big), Error::kNone);
  EXPECT_EQ(flash.operations(), before) << "which costs nothing when nothing came since";
  send(big, 15);
  EXPECT_EQ(store().durable_chunks(), 13u);
  rig().reboot();
  ASSERT_EQ(open(big), Error::kNone);
  EXPECT_EQ(store().next_page(), 13u);
  send(big);
  EXPECT_EQ(store().durable_chunks(), 80u);
  EXPECT_TRUE(rig().verify());
  EXPECT_TRUE(store().seal().ok());
}

class StoreOfThree : public StoreTest {
 protected:
  StoreOfThree() : StoreTest("stm32wb", 3) {}
};

TEST_F(StoreOfThree, ACleanSlotAlwaysWaitsAndThePreviousModelIsKept) {
  for (const Package& p : {a, b, c}) {
    install(p);
    rig().now += config.early_erase_grace_ms;
    settle();
    EXPECT_NE(store().slot_in(SlotState::kErased), kNoSlot);
  }
  EXPECT_TRUE(rig().holds(store().slot_in(SlotState::kConfirmed), c));
  EXPECT_TRUE(rig().holds(store().slot_in(SlotState::kRetired), b));
}

class StoreOfLargeBlocks : public StoreTest {
 protected:
  StoreOfLargeBlocks() : StoreTest("large_block") {}
};

TEST_F(StoreOfLargeBlocks, DurableMovesByWholeBlocks) {
  const Package big = make_package(8, 200000, 0);
  ASSERT_EQ(open(big), Error::kNone);
  send(big, 31);
  EXPECT_EQ(store().durable_chunks(), 0u);
  send(big, 40);
  EXPECT_EQ(store().durable_chunks(), 32u);
  ASSERT_TRUE(store().rewind(rig().now).ok());
  EXPECT_EQ(store().next_page(), 32u);
  send(big, 45);
  rig().reboot();
  ASSERT_EQ(open(big), Error::kNone);
  EXPECT_EQ(store().next_page(), 32u);
  send(big);
  EXPECT_TRUE(rig().verify());
}

// All is durable although the last block is not full: it is not the block in work.
TEST_F(StoreOfLargeBlocks, NothingIsErasedOfWhatIsAllDurable) {
  const Package big = make_package(8, 200000, 0);
  ASSERT_EQ(open(big), Error::kNone);
  send(big);
  rig().reboot();
  const uint64_t before = flash.operations();
  ASSERT_EQ(open(big), Error::kNone);
  EXPECT_GT(flash.operations(), before) << "no record torn before may come back after that";
  EXPECT_EQ(store().next_page(), store().chunk_count());
  EXPECT_FALSE(store().work_wanted(rig().now));
  settle();
  EXPECT_TRUE(rig().verify());
  EXPECT_TRUE(store().seal().ok());
}

class StoreOfSlices : public StoreTest {
 protected:
  StoreOfSlices() : StoreTest("nano33ble") {}
};

TEST_F(StoreOfSlices, AnEraseThatIsDoneAgainFromItsMiddleIsChargedFor) {
  const Package big = make_package(8, 4 * 4096, 0);
  ASSERT_EQ(open(big), Error::kNone);
  while (!store().page_ready()) ASSERT_TRUE(store().work(rig().now).ok());
  ASSERT_TRUE(store().work(rig().now).ok());  // the first slice of the next block
  ASSERT_TRUE(store().program(std::vector<uint8_t>(16, 0x11), rig().now).ok());
  ASSERT_EQ(open(big), Error::kNone);
  send(big);
  EXPECT_TRUE(rig().verify());
  expect_charged();
}

}  // namespace
}  // namespace storage
}  // namespace roost
