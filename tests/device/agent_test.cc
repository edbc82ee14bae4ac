// The delivery agent, one behaviour at a time, on a perfect link: what it accepts and refuses, and why; what it
// runs after which reset; every request in every state; and that reasons outlive a reset. Faults are tests/world's.
#include <gtest/gtest.h>

#include "tests/device/central.h"

namespace roost::device::test {
namespace {

using protocol::MessageType;
using protocol::PackageState;
using protocol::Reason;
using storage::SlotState;

const ToyValues kInput = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
const ToyValues kNegative = {0xFF, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

class AgentTest : public ::testing::Test {
 protected:
  void start(const RigOptions& options = RigOptions()) {
    rig = std::make_unique<Rig>(options);
    ASSERT_TRUE(rig->boot());
    rig->settle();
    host = std::make_unique<Central>(*rig);
  }
  void TearDown() override {
    if (!rig) return;
    for (const std::string& what : rig->violations()) ADD_FAILURE() << what;
  }
  void reboot(storage::ResetCause cause = storage::ResetCause::kOther) {
    rig->notes.clear();
    ASSERT_TRUE(rig->boot(cause));
    rig->settle();
    host = std::make_unique<Central>(*rig);
  }
  Told request(MessageType type, uint32_t package_id = 0) {
    const Told told = host->request(type, package_id);
    host->settle();
    return told;
  }
  // Pushed, activated and confirmed.
  void install(const ToyPackage& package) {
    const Told told = host->push(package);
    ASSERT_TRUE(told.done) << protocol::describe(told.reason).name;
    ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
    ASSERT_EQ(request(MessageType::kConfirm).reason, Reason::kOk);
    expect_serves(package);
    ASSERT_EQ(rig->state_of(package.id), SlotState::kConfirmed);
  }
  void put_on_trial(const ToyPackage& package) {
    ASSERT_TRUE(host->push(package).done);
    ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
    ASSERT_EQ(rig->state_of(package.id), SlotState::kTrial);
    expect_serves(package);
  }
  void expect_serves(const ToyPackage& package) {
    EXPECT_TRUE(rig->infer(kInput));
    ASSERT_NE(rig->serving(), nullptr);
    EXPECT_EQ(rig->serving()->options.version, package.options.version);
  }
  // v1 serves, since the firmware has not the arena any more that the confirmed model, `wide`, needs.
  void serve_the_retired_one() {
    start();
    install(v1);
    install(wide);
    rig->options.arena_bytes = v1.arena_bytes;
    reboot();
    expect_serves(v1);
  }
  // Refused, with this reason, at no cost.
  void expect_refused(const ToyPackage& package, Reason reason, bool force = false) {
    const uint64_t before = rig->flash.operations();
    const Told told = host->push(package, force);
    EXPECT_FALSE(told.done);
    EXPECT_STREQ(protocol::describe(told.reason).name, protocol::describe(reason).name);
    EXPECT_EQ(rig->flash.operations(), before);
  }
  // Accepted, and then given up because of the flash, which the host is told.
  void expect_flash_fails(const ToyPackage& package) {
    const Told told = host->push(package);
    EXPECT_FALSE(told.done);
    EXPECT_EQ(told.reason, Reason::kFlashFailed) << protocol::describe(told.reason).name;
    host->settle();
    EXPECT_FALSE(rig->agent->receiver().transfer_open());
  }

  std::unique_ptr<Rig> rig;
  std::unique_ptr<Central> host;
  const ToyPackage v1 = toy_package({.key = 0x11, .version = "1"});
  const ToyPackage v2 = toy_package({.key = 0x22, .version = "2"});
  const ToyPackage v3 = toy_package({.key = 0x33, .version = "3"});
  const ToyPackage wide = toy_package({.key = 8, .version = "wide", .width = 64, .body = false});
};

// ---- deliveries ----

TEST_F(AgentTest, TakesAFirstModelAndASecond) {
  start();
  EXPECT_FALSE(rig->infer(kInput));
  install(v1);
  install(v2);
  EXPECT_EQ(rig->state_of(v1.id), SlotState::kRetired);
}

TEST_F(AgentTest, WorksOnEveryBoard) {
  for (const Board& board : boards()) {
    SCOPED_TRACE(board.name);
    start({.board = board.name, .payload_blocks = board.geometry.erase_block_bytes >= 4096 ? 3u : 8u});
    install(v1);
    install(v2);
    reboot();
    expect_serves(v2);
    TearDown();
  }
}

TEST_F(AgentTest, KeepsServingTheOldModelUntilActivated) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  expect_serves(v1);
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kPending);
}

TEST_F(AgentTest, SwapsWhereOnlyOnePlanFitsTheArena) {
  start({.arena_bytes = v1.arena_bytes});
  install(v1);
  install(v2);
  ASSERT_TRUE(host->push(v3).done);
  ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  expect_serves(v2);
}

TEST_F(AgentTest, ResumesAfterALostLinkAtTheFirstChunkThatIsNotDurable) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  (void)host->push(large, false, 2);
  host->reconnect();
  const Told told = host->push(large);
  EXPECT_TRUE(told.done);
  EXPECT_GE(told.resume_chunk, 2u);
  EXPECT_EQ(told.chunks_sent + told.resume_chunk, (large.payload.size() + 4095) / 4096);
}

TEST_F(AgentTest, ResumesAfterAReset) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  (void)host->push(large, false, 2);
  reboot();
  const Told told = host->push(large);
  EXPECT_TRUE(told.done);
  EXPECT_GE(told.resume_chunk, 2u);
}

// ---- refusals ----

TEST_F(AgentTest, RefusesByTheManifestAtNoCost) {
  start({.arena_bytes = 4096});
  install(v1);
  const struct {
    Flaw flaw;
    Reason reason;
  } kRows[] = {{Flaw::kHardware, Reason::kHardwareMismatch},
               {Flaw::kArenaTooSmall, Reason::kArenaTooSmall},
               {Flaw::kOperatorMissing, Reason::kOperatorUnsupported},
               {Flaw::kOperatorVersion, Reason::kOperatorVersion},
               {Flaw::kCustomOperator, Reason::kOperatorUnsupported},
               {Flaw::kManifestMalformed, Reason::kManifestMalformed},
               {Flaw::kBase, Reason::kBaseMissing}};
  for (const auto& row : kRows) {
    ASSERT_TRUE(refused_by_manifest(row.flaw));
    expect_refused(toy_package({.version = "bad", .flaw = row.flaw}), row.reason);
  }
  expect_refused(toy_package({.version = "huge", .filler_bytes = 60000}), Reason::kDoesNotFit);
  expect_serves(v1);
}

TEST_F(AgentTest, TakesAPackageForItsOwnHardware) {
  start({.hardware = "mine"});
  install(toy_package({.version = "mine", .hardware = "mine"}));
  // Nobody looked at the letters.
  const std::string longer("mine\0and more", 13);
  expect_refused(toy_package({.version = "bad", .hardware = longer}), Reason::kHardwareMismatch);
}

TEST_F(AgentTest, RefusesAPackageThatIsHere) {
  start();
  install(v1);
  expect_refused(v1, Reason::kAlreadyHere);
}

TEST_F(AgentTest, RefusesInputsOtherThanTheApplicationsByManifest) {
  static const int32_t kShape[] = {1, 8};
  static const runtime::TensorSpec kSpec[] = {{runtime::TensorType::INT8, kShape, true, 0, 0}};
  RigOptions options;
  options.io.declared = true;
  options.io.inputs = kSpec;
  options.io.outputs = kSpec;
  start(options);
  const Told told = host->push(v1);
  EXPECT_EQ(told.reason, Reason::kIoMismatch);
  EXPECT_EQ(told.detail, 0u);
  install(toy_package({.version = "fits", .width = 8, .body = false}));
}

TEST_F(AgentTest, RefusesAnythingWhileATrialIsOpen) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  expect_refused(v3, Reason::kTrialOpen);  // pending
  ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  expect_refused(v3, Reason::kTrialOpen);  // on trial
  expect_refused(v3, Reason::kTrialOpen, true);
  EXPECT_EQ(request(MessageType::kEraseModels).reason, Reason::kTrialOpen);
}

TEST_F(AgentTest, ForcesOutAPendingModelThatNeverRan) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  EXPECT_TRUE(host->push(v3, true).done);
  expect_serves(v1);
  ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  expect_serves(v3);
}

TEST_F(AgentTest, RefusesACounterBelowTheFloorEvenForced) {
  start();
  install(toy_package({.version = "new", .counter = 9}));
  const ToyPackage old = toy_package({.version = "old", .counter = 8});
  expect_refused(old, Reason::kCounterTooLow);
  expect_refused(old, Reason::kCounterTooLow, true);
}

TEST_F(AgentTest, RefusesWhatWasRejectedUnlessForced) {
  start();
  install(v1);
  put_on_trial(v2);
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  expect_refused(v2, Reason::kRejectedBefore);
  reboot();
  expect_refused(v2, Reason::kRejectedBefore);
  EXPECT_TRUE(host->push(v2, true).done);
}

TEST_F(AgentTest, KeepsAHalfReceivedPackageFromAnotherForAWhile) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  (void)host->push(large, false, 1);
  host->reconnect();
  host->settle();  // it erases ahead for the one it keeps
  expect_refused(v1, Reason::kOtherPackageKept);
  rig->now += 30000;
  EXPECT_TRUE(host->push(v1).done);
}

TEST_F(AgentTest, RefusesWhenTheEraseBudgetIsSpent) {
  start({.erase_budget_blocks = 5});
  ASSERT_TRUE(host->push(toy_package({.version = "first"})).done);  // three blocks and the meta
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  ASSERT_TRUE(host->push(toy_package({.version = "second"})).done);
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  expect_refused(toy_package({.version = "third"}), Reason::kEraseBudgetSpent);
  rig->now += 5 * 60000;
  EXPECT_TRUE(host->push(toy_package({.version = "third"})).done);
}

// ---- what is found out after it was stored ----

TEST_F(AgentTest, RefusesToSealWhatTheChecksRefuse) {
  const struct {
    Flaw flaw;
    Reason reason;
  } kRows[] = {{Flaw::kDigestWrong, Reason::kDigestMismatch},
               {Flaw::kBodyMalformed, Reason::kBodyMalformed},
               {Flaw::kModelMalformed, Reason::kModelMalformed},
               {Flaw::kOperatorHidden, Reason::kOperatorUnsupported}};
  start();
  install(v1);
  for (const auto& row : kRows) {
    SCOPED_TRACE(static_cast<int>(row.flaw));
    const ToyPackage bad = toy_package({.version = "bad", .flaw = row.flaw});
    const Told told = host->push(bad);
    EXPECT_FALSE(told.done);
    EXPECT_STREQ(protocol::describe(told.reason).name, protocol::describe(row.reason).name);
    EXPECT_EQ(request(MessageType::kActivate).reason, Reason::kNothingToActivate);
    expect_serves(v1);
    // The reason is in Info, and outlives a reset.
    reboot();
    bool shown = false;
    const protocol::Info info = host->info();
    for (uint8_t s = 0; s < info.slot_count; ++s) shown = shown || info.slots[s].reason == row.reason;
    EXPECT_TRUE(shown) << "the reason is not in Info after a reset";
    expect_serves(v1);
  }
}

TEST_F(AgentTest, RefusesAModelWhoseManifestSaysTooLittleArena) {
  start();
  const Told told = host->push(toy_package({.version = "bad", .flaw = Flaw::kArenaHidden}));
  EXPECT_EQ(told.reason, Reason::kArenaPlanTooLarge);
}

// ---- trial ----

TEST_F(AgentTest, RollsBackAFailingSelfTestAndKeepsTheReason) {
  start();
  install(v1);
  for (Flaw flaw : {Flaw::kSelfTestWrong, Flaw::kSelfTestSize}) {
    const ToyPackage bad = toy_package({.version = flaw == Flaw::kSelfTestWrong ? "wrong" : "size", .flaw = flaw});
    ASSERT_TRUE(host->push(bad).done);
    host->forget();
    ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
    Reason reason = Reason::kOk;
    uint32_t package_id = 0;
    ASSERT_TRUE(host->heard(MessageType::kRolledBack, &reason, &package_id));
    EXPECT_EQ(reason, Reason::kSelfTestFailed);
    EXPECT_EQ(package_id, bad.id);
    expect_serves(v1);
    reboot();
    expect_serves(v1);
    const protocol::Info info = host->info();
    bool shown = false;
    for (uint8_t s = 0; s < info.slot_count; ++s) {
      shown = shown || (info.slots[s].package_id == bad.id && info.slots[s].state == PackageState::kRolledBack &&
                        info.slots[s].reason == Reason::kSelfTestFailed);
    }
    EXPECT_TRUE(shown);
  }
}

TEST_F(AgentTest, RollsBackAModelOnTrialThatFailsAnInference) {
  const ToyPackage brittle = toy_package({.key = 9, .version = "brittle", .brittle = true, .body = false});
  for (size_t arena : {4096u, brittle.arena_bytes}) {  // beside and alone
    start({.arena_bytes = arena});
    install(v1);
    put_on_trial(brittle);
    EXPECT_FALSE(rig->infer(kNegative));
    if (arena == 4096) expect_serves(v1);  // at once, and by its own name
    host->settle();
    expect_serves(v1);
    Reason reason = Reason::kOk;
    EXPECT_TRUE(host->heard(MessageType::kRolledBack, &reason));
    EXPECT_EQ(reason, Reason::kInvokeFailed);
    TearDown();
  }
}

TEST_F(AgentTest, KeepsAConfirmedModelThatFailsAnInference) {
  start();
  const ToyPackage brittle = toy_package({.key = 9, .version = "brittle", .brittle = true, .body = false});
  install(brittle);
  EXPECT_FALSE(rig->infer(kNegative));
  host->settle();
  EXPECT_TRUE(rig->noted(AgentEvent::kInvokeFailed));
  expect_serves(brittle);
}

TEST_F(AgentTest, ConfirmsByPolicyAfterHealthyInferences) {
  start();
  install(v1);
  const ToyPackage policy = toy_package({.key = 7, .version = "policy", .confirm_after = 5, .warm_up = 2});
  ASSERT_TRUE(host->push(policy).done);
  ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(rig->infer(kInput));
    host->settle();
    EXPECT_EQ(rig->state_of(policy.id), SlotState::kTrial);
  }
  EXPECT_TRUE(rig->infer(kInput));
  host->settle();
  EXPECT_EQ(rig->state_of(policy.id), SlotState::kConfirmed);
  EXPECT_TRUE(host->heard(MessageType::kConfirmed));
}

TEST_F(AgentTest, ConfirmsByPolicyAlthoughTheFlashWasBusyAtThatMoment) {
  start();
  const ToyPackage policy = toy_package({.key = 7, .version = "policy", .confirm_after = 2});
  ASSERT_TRUE(host->push(policy).done);
  ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  EXPECT_TRUE(rig->infer(kInput));
  EXPECT_TRUE(rig->infer(kInput));
  rig->flash.fail_operations(rig->flash.operations(), 1, Fault::kBusy);
  host->settle();
  rig->now += 500;
  host->settle();
  EXPECT_EQ(rig->state_of(policy.id), SlotState::kConfirmed);
}

// The radio stack may have the flash at any operation: that costs time and nothing else.
TEST_F(AgentTest, WaitsWhileTheFlashIsBusyAtAnyOperation) {
  start();
  install(v1);
  const std::vector<uint8_t> from = rig->flash.snapshot();
  const auto live = [&] {
    ASSERT_TRUE(host->push(v2).done);
    ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
    (void)rig->agent->give_back();
    for (int i = 0; i < 4; ++i, rig->now += 300) host->settle();
    ASSERT_EQ(rig->state_of(v2.id), SlotState::kRejected);
    expect_serves(v1);
  };
  const uint64_t first = rig->flash.operations();
  live();
  const uint64_t count = rig->flash.operations() - first;
  for (uint64_t busy = 0; busy < count; ++busy) {
    SCOPED_TRACE(busy);
    rig->flash.restore(from);
    reboot();
    rig->flash.fail_operations(rig->flash.operations() + busy, 2, Fault::kBusy);
    // An answer that the flash is busy is one; asked again, it is not.
    ASSERT_TRUE(host->push(v2).done);
    for (int tries = 0; tries < 3 && rig->state_of(v2.id) == SlotState::kPending; ++tries) {
      const Reason reason = request(MessageType::kActivate).reason;
      ASSERT_TRUE(reason == Reason::kOk || reason == Reason::kBusy) << protocol::describe(reason).name;
    }
    (void)rig->agent->give_back();
    for (int i = 0; i < 4; ++i, rig->now += 300) host->settle();
    EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
    expect_serves(v1);
  }
}

// Busy at the record of a trial or of a return: nothing is wrong with the model.
TEST_F(AgentTest, RejectsNoModelBecauseTheFlashWasBusy) {
  start();
  install(v1);
  const std::vector<uint8_t> from = rig->flash.snapshot();
  for (uint64_t busy = 0; busy < 4; ++busy) {
    SCOPED_TRACE(busy);
    rig->flash.restore(from);
    reboot();
    ASSERT_TRUE(host->push(v2).done);
    rig->flash.fail_operations(rig->flash.operations() + busy, 1, Fault::kBusy);
    while (request(MessageType::kActivate).reason == Reason::kBusy) continue;
    for (int i = 0; i < 4; ++i, rig->now += 300) host->settle();
    EXPECT_EQ(rig->state_of(v2.id), SlotState::kTrial);
    expect_serves(v2);
    ASSERT_EQ(request(MessageType::kConfirm).reason, Reason::kOk);
    rig->flash.fail_operations(rig->flash.operations() + busy, 1, Fault::kBusy);
    ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
    for (int i = 0; i < 4; ++i, rig->now += 300) host->settle();
    EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
    expect_serves(v1);
  }
}

// The old model serves again, but the flash was busy when the rejection was to be recorded: asked again meanwhile.
TEST_F(AgentTest, RollsBackTwiceWhileTheRejectionIsStillOwed) {
  start();
  install(v1);
  put_on_trial(v2);
  rig->flash.fail_operations(rig->flash.operations(), 1, Fault::kBusy);
  EXPECT_TRUE(rig->agent->give_back().ok());
  rig->settle();
  (void)rig->agent->give_back();
  for (int i = 0; i < 4; ++i, rig->now += 300) rig->settle();
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
  EXPECT_FALSE(rig->agent->activation().busy());
  expect_serves(v1);
  install(v3);
}

// The manifest waits in the ring until it stands in flash; with the link gone, others' bytes come there.
TEST_F(AgentTest, WritesNoOthersManifestWhenTheLinkIsLostBeforeItsOwnIsInFlash) {
  start();
  install(v1);
  rig->after_poll = [this] {
    if (!rig->agent->store().receiving() || rig->agent->store().manifest_taken()) return;
    rig->flash.fail_operations(rig->flash.operations(), UINT32_MAX, Fault::kBusy);
    host->disconnect();
    rig->after_poll = nullptr;
  };
  EXPECT_FALSE(host->push(v2).done);
  {
    Central other(*rig, 8);
    EXPECT_FALSE(other.push(v3).done);
    other.disconnect();
  }
  rig->flash.clear_faults();
  rig->settle();
  host = std::make_unique<Central>(*rig);
  EXPECT_TRUE(host->push(v2).done);
}

// "Erase again, then give up": the host is told, and the block left alone.
TEST_F(AgentTest, GivesUpATransferWhenTheFlashKeepsFailing) {
  start();
  install(v1);
  rig->after_poll = [this] {
    if (rig->agent->receiver().durable_chunks() == 0) return;
    rig->flash.fail_operations(rig->flash.operations(), UINT32_MAX, Fault::kRefuse);
    rig->after_poll = nullptr;
  };
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  expect_flash_fails(large);
  expect_serves(v1);
  rig->flash.clear_faults();
  EXPECT_TRUE(host->push(large).done);
}

// The header does not stand after any of three erases: there is no fourth.
TEST_F(AgentTest, GivesUpASlotWhoseMetaTakesNothing) {
  start();
  install(v1);
  const storage::Layout& layout = rig->agent->store().layout();
  const uint8_t target = static_cast<uint8_t>(1 - rig->agent->activation().running());
  const uint32_t meta = layout.header_offset(target) / layout.block_bytes;
  rig->flash.wear_out(meta);
  const uint32_t wear = rig->flash.wear(meta);
  expect_flash_fails(v2);
  EXPECT_EQ(rig->flash.wear(meta), wear + 3);
  EXPECT_FALSE(rig->agent->store().receiving());
  expect_serves(v1);
  rig->flash.clear_faults();
  EXPECT_TRUE(host->push(v2).done);
}

// A block that cannot be erased is tried now and then, not at every poll: each try stalls the device.
TEST_F(AgentTest, RestsFromABlockThatCannotBeErased) {
  start();
  install(v1);
  rig->after_poll = [this] {
    if (rig->agent->store().slot_in(SlotState::kClearing) == storage::kNoSlot) return;
    rig->flash.fail_operations(rig->flash.operations(), UINT32_MAX, Fault::kRefuse);
    rig->after_poll = nullptr;
  };
  const uint64_t before = rig->flash.faults_hit();
  ASSERT_EQ(request(MessageType::kEraseModels).reason, Reason::kOk);
  constexpr uint32_t kMinutes = 10;
  for (const uint32_t end = rig->now + kMinutes * 60000; rig->now < end; rig->now += 10) rig->poll();
  EXPECT_GE(rig->flash.faults_hit() - before, kMinutes);
  EXPECT_LE(rig->flash.faults_hit() - before, 3 + kMinutes);
  rig->flash.clear_faults();
  rig->now += 60000;
  host->settle();
  for (uint8_t s = 0; s < rig->agent->store().slot_count(); ++s) {
    EXPECT_EQ(rig->agent->store().state().slots[s].state, SlotState::kErased);
  }
}

TEST_F(AgentTest, LetsTheApplicationConfirmAndGiveBack) {
  start();
  install(v1);
  put_on_trial(v2);
  EXPECT_TRUE(rig->agent->confirm(rig->now).ok());
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kConfirmed);
  put_on_trial(v3);
  EXPECT_TRUE(rig->agent->give_back().ok());
  host->settle();
  expect_serves(v2);
  Reason reason = Reason::kOk;
  EXPECT_TRUE(host->heard(MessageType::kRolledBack, &reason));
  EXPECT_EQ(reason, Reason::kAskedByApplication);
}

// ---- requests in every state ----

TEST_F(AgentTest, AnswersRequestsWithNothingThere) {
  start();
  EXPECT_EQ(request(MessageType::kActivate).reason, Reason::kNothingToActivate);
  EXPECT_EQ(request(MessageType::kConfirm).reason, Reason::kNothingToConfirm);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kNothingToReturnTo);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kNoTransfer);
  EXPECT_EQ(request(MessageType::kEraseModels).reason, Reason::kOk);
}

TEST_F(AgentTest, AnswersRequestsWithAPendingModel) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  EXPECT_EQ(request(MessageType::kConfirm).reason, Reason::kNothingToConfirm);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kNoTransfer);
  EXPECT_EQ(request(MessageType::kEraseModels).reason, Reason::kTrialOpen);
  EXPECT_EQ(request(MessageType::kActivate, v3.id).reason, Reason::kNothingToActivate);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
  EXPECT_EQ(request(MessageType::kActivate).reason, Reason::kNothingToActivate);
  expect_serves(v1);
}

TEST_F(AgentTest, AnswersRequestsWithAModelOnTrial) {
  start();
  install(v1);
  put_on_trial(v2);
  EXPECT_EQ(request(MessageType::kActivate, v2.id).reason, Reason::kOk);         // it is
  EXPECT_EQ(request(MessageType::kActivate, v1.id).reason, Reason::kTrialOpen);  // confirmed, but not what runs
  EXPECT_EQ(request(MessageType::kConfirm, v1.id).reason, Reason::kOk);          // it is
  EXPECT_EQ(request(MessageType::kConfirm, v3.id).reason, Reason::kNothingToConfirm);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kNoTransfer);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
  expect_serves(v1);
}

TEST_F(AgentTest, AnswersRequestsWithAConfirmedModelAlone) {
  start();
  install(v1);
  EXPECT_EQ(request(MessageType::kActivate, v1.id).reason, Reason::kOk);
  EXPECT_EQ(request(MessageType::kConfirm, v1.id).reason, Reason::kOk);
  EXPECT_EQ(request(MessageType::kActivate).reason, Reason::kNothingToActivate);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kNothingToReturnTo);
  expect_serves(v1);
}

// New firmware may have less arena than the model to return to needs.
TEST_F(AgentTest, RefusesToRollBackToAModelThatDoesNotPrepare) {
  start();
  install(wide);
  install(v1);
  rig->options.arena_bytes = v1.arena_bytes;
  reboot();
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kArenaPlanTooLarge);
  EXPECT_TRUE(rig->noted(AgentEvent::kModelUnfit));
  EXPECT_FALSE(rig->agent->activation().busy());
  expect_serves(v1);
  EXPECT_EQ(rig->state_of(v1.id), SlotState::kConfirmed);
  EXPECT_EQ(rig->state_of(wide.id), SlotState::kRetired);
  EXPECT_EQ(request(MessageType::kConfirm, v1.id).reason, Reason::kOk);  // and the next request is served
}

TEST_F(AgentTest, AbortsATransferAndWhatIsHalfReceived) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  install(v1);
  (void)host->push(large, false, 1);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kOk);  // open
  EXPECT_EQ(rig->state_of(large.id), SlotState::kUnknown);
  (void)host->push(large, false, 1);
  host->reconnect();
  host->settle();
  EXPECT_EQ(rig->state_of(large.id), SlotState::kReceiving);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kOk);  // left behind
  EXPECT_EQ(rig->state_of(large.id), SlotState::kUnknown);
  EXPECT_TRUE(host->push(v2).done);
}

// Its ABORT is about the package it offered, not about the one that is half received.
TEST_F(AgentTest, KeepsAHalfReceivedPackageWhenAnotherHostTakesItsOfferBack) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  (void)host->push(large, false, 2);
  host->disconnect();
  rig->settle();
  {
    Central other(*rig, 8);
    protocol::Offer offer;
    offer.epoch = 77;
    offer.package_id = v3.id;
    offer.manifest_size = 300;
    offer.payload_size = 3000;
    offer.fragment_payload = 200;
    (void)rig->agent->on_control(8, protocol::encode(offer).bytes());
    rig->settle();
    ASSERT_TRUE(rig->agent->receiver().transfer_open());
    EXPECT_EQ(other.request(MessageType::kAbort).reason, Reason::kOk);
    other.settle();
    other.disconnect();
  }
  host = std::make_unique<Central>(*rig);
  const Told told = host->push(large);
  EXPECT_TRUE(told.done);
  EXPECT_GE(told.resume_chunk, 2u);
}

TEST_F(AgentTest, AbortsWhatWasHalfReceivedBeforeAReset) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  (void)host->push(large, false, 1);
  reboot();
  EXPECT_EQ(rig->state_of(large.id), SlotState::kReceiving);
  EXPECT_EQ(request(MessageType::kAbort).reason, Reason::kOk);
  EXPECT_EQ(rig->state_of(large.id), SlotState::kUnknown);
}

// ---- going back ----

TEST_F(AgentTest, ReturnsToTheRetiredModel) {
  start();
  install(v1);
  install(v2);
  host->forget();
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  expect_serves(v1);
  uint32_t package_id = 0;
  EXPECT_TRUE(host->heard(MessageType::kRolledBack, nullptr, &package_id));
  EXPECT_EQ(package_id, v2.id);
  reboot();
  expect_serves(v1);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kNothingToReturnTo);
}

TEST_F(AgentTest, ActivatesTheRetiredModelAgainAtNoErase) {
  start();
  install(v1);
  install(v2);
  const auto slots_worn = [&] {  // the journal, blocks 0 and 1, may turn
    uint32_t sum = 0;
    for (uint32_t block = 2; block < rig->flash.block_count(); ++block) sum += rig->flash.wear(block);
    return sum;
  };
  const uint32_t worn_before = slots_worn();
  host->forget();
  ASSERT_EQ(request(MessageType::kActivate, v1.id).reason, Reason::kOk);
  expect_serves(v1);
  ASSERT_EQ(request(MessageType::kConfirm, v1.id).reason, Reason::kOk);
  ASSERT_EQ(request(MessageType::kActivate, v2.id).reason, Reason::kOk);
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  expect_serves(v1);
  EXPECT_EQ(slots_worn(), worn_before);
}

TEST_F(AgentTest, ReturnsToTheBuiltInModel) {
  const ToyPackage builtin = toy_package({.key = 0x55, .version = "built-in"});
  start({.builtin = &builtin});
  EXPECT_TRUE(rig->serves_builtin());
  EXPECT_TRUE(rig->infer(kInput));
  install(v1);
  ASSERT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  EXPECT_TRUE(rig->serves_builtin());
  EXPECT_TRUE(rig->infer(kInput));
  reboot();
  EXPECT_TRUE(rig->serves_builtin());
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kNothingToReturnTo);
  install(v2);
}

// The slot to return to is being tried; nothing may be put there meanwhile.
TEST_F(AgentTest, TakesNoPackageIntoTheSlotItIsReturningTo) {
  start();
  install(v1);
  install(v2);
  // One slice at a time, an offer in between each.
  for (int slices = 0; slices < 12; ++slices) {
    SCOPED_TRACE(slices);
    const Told asked = host->request(MessageType::kRollback);
    ASSERT_EQ(asked.reason, Reason::kOk);
    for (int i = 0; i < slices; ++i) (void)rig->poll();
    const Told told = host->push(v3);
    host->settle();
    if (told.done) {
      EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kOk);  // v3, which is pending
    }
    expect_serves(v1);
    ASSERT_TRUE(host->push(v2, true).done);
    ASSERT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
    ASSERT_EQ(request(MessageType::kConfirm).reason, Reason::kOk);
  }
}

TEST_F(AgentTest, TakesAPackageOfferedWhileEveryModelIsBeingErased) {
  start();
  install(v1);
  install(v2);
  ASSERT_EQ(host->request(MessageType::kEraseModels).reason, Reason::kOk);
  ASSERT_TRUE(rig->agent->store().work_wanted(rig->now));
  install(v3);
}

TEST_F(AgentTest, ErasesEveryModel) {
  start();
  install(v1);
  install(v2);
  ASSERT_EQ(request(MessageType::kEraseModels).reason, Reason::kOk);
  EXPECT_FALSE(rig->agent->serving());
  reboot();
  EXPECT_FALSE(rig->agent->serving());
  install(v1);
}

TEST_F(AgentTest, ErasesEveryModelAndRunsTheBuiltInOne) {
  const ToyPackage builtin = toy_package({.key = 0x55, .version = "built-in"});
  start({.builtin = &builtin});
  install(v1);
  ASSERT_EQ(request(MessageType::kEraseModels).reason, Reason::kOk);
  EXPECT_TRUE(rig->serves_builtin());
  EXPECT_TRUE(rig->infer(kInput));
}

// ---- boot ----

TEST_F(AgentTest, AttemptsAPendingModelAtBoot) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  reboot();
  expect_serves(v2);
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kTrial);
}

// New firmware may have less arena than the confirmed model needs.
TEST_F(AgentTest, AttemptsWithTheRetiredModelBehindItWhereTheConfirmedOneDoesNotPrepare) {
  const ToyPackage bad = toy_package({.key = 9, .version = "bad", .flaw = Flaw::kSelfTestWrong});
  start(RigOptions{.slot_count = 3});
  install(v1);
  install(wide);
  ASSERT_TRUE(host->push(bad).done);
  rig->options.arena_bytes = v1.arena_bytes;
  reboot();
  EXPECT_EQ(rig->state_of(bad.id), SlotState::kRejected);
  EXPECT_EQ(rig->state_of(wide.id), SlotState::kConfirmed);
  expect_serves(v1);
}

// Asked for by a host, the model that serves already is proved once more before anything is recorded.
TEST_F(AgentTest, ReturnsToTheRetiredModelThatServesBecauseTheConfirmedOneDoesNotPrepare) {
  serve_the_retired_one();
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  EXPECT_EQ(rig->state_of(v1.id), SlotState::kConfirmed);
  EXPECT_EQ(rig->state_of(wide.id), SlotState::kRejected);
  EXPECT_FALSE(rig->agent->activation().busy());
  install(v2);
}

TEST_F(AgentTest, PutsTheRetiredModelThatServesAlreadyOnTrial) {
  serve_the_retired_one();
  EXPECT_EQ(request(MessageType::kActivate, v1.id).reason, Reason::kOk);
  expect_serves(v1);
  EXPECT_EQ(rig->state_of(v1.id), SlotState::kTrial);
  EXPECT_EQ(request(MessageType::kConfirm).reason, Reason::kOk);
  install(v2);
}

TEST_F(AgentTest, RollsBackATrialWhoseAttemptAfterAResetCouldNotBeRecorded) {
  start();
  install(v1);
  put_on_trial(v2);
  ASSERT_TRUE(rig->boot());
  rig->flash.fail_operations(rig->flash.operations(), 60, Fault::kRefuse);
  rig->settle();
  rig->flash.clear_faults();
  host = std::make_unique<Central>(*rig);
  ASSERT_EQ(rig->state_of(v2.id), SlotState::kTrial);
  expect_serves(v1);
  EXPECT_EQ(request(MessageType::kRollback).reason, Reason::kOk);
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
  EXPECT_FALSE(rig->agent->activation().busy());
  EXPECT_TRUE(host->push(v3).done);
}

// Whoever asks for what the boot is about to attempt is not sent away.
TEST_F(AgentTest, TakesAnActivateOfWhatIsToBeAttemptedAtBoot) {
  start();
  install(v1);
  ASSERT_TRUE(host->push(v2).done);
  ASSERT_TRUE(rig->boot(storage::ResetCause::kOther));
  host = std::make_unique<Central>(*rig);
  ASSERT_TRUE(rig->agent->activation().busy());
  EXPECT_EQ(host->request(MessageType::kActivate, v2.id).reason, Reason::kOk);
  host->settle();
  EXPECT_EQ(rig->state_of(v2.id), SlotState::kTrial);
  expect_serves(v2);
}

TEST_F(AgentTest, GivesUpAModelWhoseAttemptsAreSpent) {
  start();
  install(v1);
  const ToyPackage shy = toy_package({.key = 3, .version = "shy", .attempts = 2});
  put_on_trial(shy);
  reboot();
  EXPECT_EQ(rig->state_of(shy.id), SlotState::kTrial);
  reboot();
  EXPECT_EQ(rig->state_of(shy.id), SlotState::kRejected);
  expect_serves(v1);
  const protocol::Info info = host->info();
  bool shown = false;
  for (uint8_t s = 0; s < info.slot_count; ++s) shown = shown || info.slots[s].reason == Reason::kAttemptsSpent;
  EXPECT_TRUE(shown);
}

TEST_F(AgentTest, EntersSafeModeAfterARunOfWatchdogResets) {
  start();
  install(v1);
  for (int i = 0; i < 2; ++i) {
    reboot(storage::ResetCause::kWatchdog);
    EXPECT_TRUE(rig->agent->serving());
  }
  reboot(storage::ResetCause::kWatchdog);
  EXPECT_FALSE(rig->agent->serving());
  EXPECT_TRUE(rig->agent->activation().safe_mode());
  EXPECT_TRUE(rig->noted(AgentEvent::kSafeMode));
  // Still reachable: a new model comes and runs.
  install(v2);
  EXPECT_FALSE(rig->agent->activation().safe_mode());
}

TEST_F(AgentTest, LeavesSafeModeForTheConfirmedModelWhenTheNewOneFails) {
  start();
  install(v1);
  for (int i = 0; i < 3; ++i) reboot(storage::ResetCause::kWatchdog);
  ASSERT_TRUE(rig->agent->activation().safe_mode());
  const ToyPackage bad = toy_package({.key = 3, .version = "bad", .flaw = Flaw::kSelfTestWrong});
  ASSERT_TRUE(host->push(bad).done);
  EXPECT_EQ(request(MessageType::kActivate).reason, Reason::kOk);
  Reason reason = Reason::kOk;
  EXPECT_TRUE(host->heard(MessageType::kRolledBack, &reason));
  EXPECT_EQ(reason, Reason::kSelfTestFailed);
  EXPECT_EQ(rig->state_of(bad.id), SlotState::kRejected);
  EXPECT_FALSE(rig->agent->activation().safe_mode());
  expect_serves(v1);
}

TEST_F(AgentTest, ForgetsWatchdogResetsAfterHealthyInferences) {
  start();
  install(v1);
  for (int round = 0; round < 3; ++round) {
    reboot(storage::ResetCause::kWatchdog);
    reboot(storage::ResetCause::kWatchdog);
    for (int i = 0; i < 16; ++i) EXPECT_TRUE(rig->infer(kInput));
    EXPECT_EQ(rig->agent->store().watchdog_run(), 0);
  }
}

TEST_F(AgentTest, HoldsWatchdogResetsAgainstTheModelOnTrial) {
  start();
  install(v1);
  put_on_trial(toy_package({.key = 4, .version = "hangs", .attempts = 9}));
  for (int i = 0; i < 4; ++i) reboot(storage::ResetCause::kWatchdog);
  reboot();
  expect_serves(v1);
}

// ROLLBACK may come before the boot has got as far as trying the model on trial once more.
TEST_F(AgentTest, RollsBackAtAnyPollOfABootWithATrialOpen) {
  for (int polls = 0; polls < 12; ++polls) {
    SCOPED_TRACE(polls);
    start();
    install(v1);
    put_on_trial(v2);
    ASSERT_TRUE(rig->boot());
    for (int i = 0; i < polls; ++i) (void)rig->poll();
    EXPECT_TRUE(rig->agent->give_back().ok());
    rig->settle();
    EXPECT_EQ(rig->state_of(v2.id), SlotState::kRejected);
    expect_serves(v1);
    EXPECT_FALSE(rig->agent->activation().busy());
    TearDown();
  }
}

TEST_F(AgentTest, RollsBackAtBootAFirstModelOnTrial) {
  start();
  put_on_trial(v1);
  ASSERT_TRUE(rig->boot());
  EXPECT_TRUE(rig->agent->give_back().ok());
  rig->settle();
  EXPECT_EQ(rig->state_of(v1.id), SlotState::kRejected);
  EXPECT_FALSE(rig->agent->activation().busy());
  host = std::make_unique<Central>(*rig);
  install(v2);
}

// An offer that is there before the first poll does not keep the device without a model.
TEST_F(AgentTest, ServesBeforeItReceives) {
  const ToyPackage large = toy_package({.version = "large", .filler_bytes = 12000});
  start();
  install(v1);
  ASSERT_TRUE(rig->boot());
  host = std::make_unique<Central>(*rig);
  (void)host->push(large, false, 1);
  EXPECT_TRUE(rig->agent->serving());
}

// An offer under way when the model on trial fails does not keep the device without a model.
TEST_F(AgentTest, ReturnsToTheOldModelThoughAnOfferIsOpen) {
  const ToyPackage brittle = toy_package({.key = 9, .version = "brittle", .brittle = true, .body = false});
  start({.arena_bytes = brittle.arena_bytes});
  install(v1);
  put_on_trial(brittle);
  // An offer, and no manifest after it.
  protocol::Offer offer;
  offer.epoch = 77;
  offer.package_id = v3.id;
  offer.manifest_size = 300;
  offer.payload_size = 3000;
  offer.fragment_payload = 200;
  (void)rig->agent->on_control(7, protocol::encode(offer).bytes());
  rig->settle();
  ASSERT_TRUE(rig->agent->receiver().transfer_open());
  EXPECT_FALSE(rig->infer(kNegative));
  rig->settle();
  expect_serves(v1);
}

}  // namespace
}  // namespace roost::device::test
