// The journal on every board: the newest finished record is the truth, whatever is torn, full or spoiled.
#include "storage/journal.h"

#include <gtest/gtest.h>

#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

class JournalOnBoard : public testing::TestWithParam<std::string> {
 protected:
  JournalOnBoard()
      : board(small_board(GetParam())),
        flash(board),
        scratch(256),
        volume(flash, digest, scratch),
        layout(volume.layout) {
    EXPECT_TRUE(volume.layout.set(board.geometry, 2, board.chunk_bytes).ok());
  }

  State numbered(uint32_t number) {
    State state = {};
    state.generation = number;
    return state;
  }
  // What a fresh journal finds; 0: nothing.
  uint32_t mounted() {
    Journal journal(volume);
    State state = {};
    return journal.mount(state) ? state.generation : 0;
  }

  Board board;
  SimFlash flash;
  std::vector<uint8_t> scratch;
  SodiumDigest digest;
  Volume volume;
  Layout& layout;
};

TEST_P(JournalOnBoard, FindsNothingInErasedOrFilledFlash) {
  EXPECT_EQ(mounted(), 0u);
  flash.fill(static_cast<uint8_t>(~board.geometry.erased_value));
  EXPECT_EQ(mounted(), 0u);
  EXPECT_EQ(flash.operations(), 0u) << "mount writes nothing";
}

TEST_P(JournalOnBoard, RemembersTheNewestThroughManyTurns) {
  Journal journal(volume);
  State state = {};
  ASSERT_FALSE(journal.mount(state));
  const uint32_t count = std::min(5 * layout.records_per_block() + 3, 1500u);
  for (uint32_t i = 1; i <= count; ++i) {
    ASSERT_TRUE(journal.append(numbered(i)).ok());
    if (i >= 40 && i % 50 != 0) continue;
    ASSERT_EQ(mounted(), i);
  }
  EXPECT_EQ(flash.misuses(), 0u);
  EXPECT_GE(journal.wear(), std::max(flash.wear(0), flash.wear(1)));
}

TEST_P(JournalOnBoard, EveryRecordIsFirmUnlessItsMarkIsMissing) {
  {
    Journal journal(volume);
    State state = {};
    journal.mount(state);
    ASSERT_TRUE(journal.append(numbered(1)).ok());
    flash.cut_power(flash.operations() + 1, CutPoint::kBefore, 0);  // before the mark
    (void)journal.append(numbered(2));
    flash.power_on();
  }
  Journal journal(volume);
  State state = {};
  ASSERT_TRUE(journal.mount(state));
  EXPECT_EQ(state.generation, 2u);
  EXPECT_FALSE(journal.firm());
  ASSERT_TRUE(journal.append(state).ok());
  EXPECT_TRUE(journal.firm());
  Journal again(volume);
  ASSERT_TRUE(again.mount(state));
  EXPECT_TRUE(again.firm());
}

// One that may be torn may be gone the next moment: the block before it is what is left then. Without its mark, the
// first of a block is not even believed.
TEST_P(JournalOnBoard, KeepsTheOtherBlockUntilTheNewestIsFirm) {
  const uint32_t places = layout.records_per_block();
  for (const bool marked : {false, true}) {
    flash.fill(static_cast<uint8_t>(~board.geometry.erased_value));
    {
      Journal journal(volume);
      State state = {};
      journal.mount(state);
      for (uint32_t i = 1; i <= places; ++i) ASSERT_TRUE(journal.append(numbered(i)).ok());
      // Behind the erase and the record.
      flash.cut_power(flash.operations() + 2, marked ? CutPoint::kAfter : CutPoint::kBefore, 0);
      (void)journal.append(numbered(places + 1));
      flash.power_on();
    }
    const uint32_t wear = flash.wear(1);  // where the first turn was
    Journal journal(volume);
    State state = {};
    ASSERT_TRUE(journal.mount(state));
    EXPECT_EQ(state.generation, places + marked);
    EXPECT_EQ(journal.firm(), !marked);
    ASSERT_TRUE(journal.append(state).ok());
    EXPECT_EQ(flash.wear(1), wear);
    Journal again(volume);
    ASSERT_TRUE(again.mount(state));
    EXPECT_EQ(state.generation, places + marked);
  }
}

// What was appended stays, whatever was torn before it: in the place that was due then, and in an erase after that.
TEST_P(JournalOnBoard, NothingTornComesBackOrSpoilsWhatIsWrittenNext) {
  const uint32_t places = layout.records_per_block();
  const int seeds = places > 100 ? 20 : 400;
  for (const uint32_t before : {3u, places}) {  // in the middle of a block; its first record, and the next
    flash.fill(static_cast<uint8_t>(~board.geometry.erased_value));
    Journal first(volume);
    State state = {};
    first.mount(state);
    for (uint32_t i = 1; i <= before; ++i) ASSERT_TRUE(first.append(numbered(i)).ok());
    const std::vector<uint8_t> start = flash.snapshot();
    for (int seed = 0; seed < seeds; ++seed) {
      flash.restore(start);
      for (uint32_t cut = 0; cut < 3; ++cut) {
        Journal journal(volume);
        ASSERT_TRUE(journal.mount(state));
        const uint64_t operation = flash.operations() + (cut == 0 ? 1 : seed % 3);
        flash.cut_power(operation, CutPoint::kInside, static_cast<uint64_t>(seed) * 3 + cut);
        (void)journal.append(numbered(1000 + cut));
        flash.power_on();
      }
      Journal journal(volume);
      ASSERT_TRUE(journal.mount(state));
      ASSERT_TRUE(journal.append(numbered(5000 + seed)).ok());
      for (int boots = 0; boots < 4; ++boots) {
        flash.power_on();
        ASSERT_EQ(mounted(), 5000u + seed) << "seed " << seed;
      }
      ASSERT_EQ(flash.misuses(), 0u) << flash.last_misuse() << ", seed " << seed;
    }
  }
}

TEST_P(JournalOnBoard, GoesRoundSpoiledPlaces) {
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  for (uint32_t i = 1; i < 30; ++i) {
    const Fault fault = i % 3 == 0 ? Fault::kRefuse : i % 3 == 1 ? Fault::kHalf : Fault::kSilent;
    flash.fail_operations(flash.operations(), 1, fault);
    // A failed erase is reported; what was newest stays so. Anything else is worked around.
    const Status status = journal.append(numbered(i));
    if (!status.ok()) {
      EXPECT_EQ(status.error(), Error::kEraseFailed);
      ASSERT_TRUE(journal.append(numbered(i)).ok());
    }
    ASSERT_EQ(mounted(), i);
  }
}

TEST_P(JournalOnBoard, ErasesABlockOnceForARecordThatTheBusyPartRefuses) {
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  const uint32_t places = layout.records_per_block();
  for (uint32_t i = 1; i <= places; ++i) ASSERT_TRUE(journal.append(numbered(i)).ok());
  flash.fail_operations(flash.operations() + 1, 3, Fault::kBusy);  // behind the erase
  for (int i = 0; i < 3; ++i) EXPECT_EQ(journal.append(numbered(9999)).error(), Error::kFlashBusy);
  EXPECT_EQ(mounted(), places);
  ASSERT_TRUE(journal.append(numbered(9999)).ok());
  EXPECT_EQ(mounted(), 9999u);
  EXPECT_EQ(flash.wear(0), 2u) << "once because there was no journal, and once for its turn";
}

TEST_P(JournalOnBoard, ReportsAPartThatFailsAltogetherAndKeepsTheNewest) {
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  ASSERT_TRUE(journal.append(numbered(7)).ok());
  flash.fail_operations(flash.operations(), 1000000, Fault::kRefuse);
  EXPECT_FALSE(journal.append(numbered(8)).ok());
  EXPECT_EQ(mounted(), 7u);
  flash.clear_faults();
  ASSERT_TRUE(journal.append(numbered(9)).ok());
  EXPECT_EQ(mounted(), 9u);
}

TEST_P(JournalOnBoard, IgnoresARecordOfAnotherLayout) {
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  ASSERT_TRUE(journal.append(numbered(1)).ok());
  layout.chunk_bytes /= 2;
  EXPECT_FALSE(Journal(volume).mount(state));
}

// Whoever wrote it: what follows it could not be counted.
TEST_P(JournalOnBoard, IgnoresASequenceThatNoPartLivesToSee) {
  const uint32_t places = layout.records_per_block();
  const uint32_t sequence = UINT32_MAX / places * places - places;  // the first of a block
  const uint32_t at = layout.journal_offset(sequence / places % kJournalBlocks);
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  ASSERT_TRUE(journal.append(numbered(1)).ok());
  uint8_t* record = flash.raw().data() + at;
  std::copy_n(flash.raw().data() + layout.journal_offset(1), layout.place_bytes, record);
  store_le32(record, sequence);
  store_le32(record + kRecordBytes - 4, crc32(kRecordMagic ^ layout.id(), Bytes(record, kRecordBytes - 4)));
  flash.fill_state();
  for (uint32_t i = 2; i < 2 * places && i < 50; ++i) {
    Journal again(volume);
    again.mount(state);
    ASSERT_TRUE(again.append(numbered(i)).ok());
    ASSERT_EQ(mounted(), i);
  }
  EXPECT_EQ(flash.misuses(), 0u) << flash.last_misuse();
}

TEST_P(JournalOnBoard, EveryByteOfARecordIsChecked) {
  Journal journal(volume);
  State state = {};
  journal.mount(state);
  ASSERT_TRUE(journal.append(numbered(1)).ok());
  const uint32_t at = layout.journal_offset(1);  // the first turn is 1
  for (uint32_t i = 0; i < kRecordBytes; ++i) {
    flash.raw()[at + i] ^= 0x10;
    EXPECT_EQ(mounted(), 0u) << "byte " << i;
    flash.raw()[at + i] ^= 0x10;
  }
  EXPECT_EQ(mounted(), 1u);
}

TEST(StateEncoding, SurvivesARoundTrip) {
  State state = {};
  state.generation = 5;
  state.counter_floor = 0x1122334455667788u;
  state.erase_budget = 99;
  state.watchdog_run = 2;
  state.rejected_next = 3;
  state.rejected_ids[2] = 77;
  SlotRecord& slot = state.slots[2];
  slot.state = SlotState::kReceiving;
  slot.reason = 9;
  slot.detail = 0x1234;
  slot.flags = kSlotClean;
  slot.durable_chunks = 0xDEADBEEF;
  slot.wear_total = 1000;
  std::vector<uint8_t> bytes(kStateBytes);
  encode_state(state, bytes.data());
  State out = {};
  decode_state(bytes.data(), 3, out);
  std::vector<uint8_t> again(kStateBytes);
  encode_state(out, again.data());
  EXPECT_EQ(bytes, again);
  EXPECT_EQ(out.slots[2].durable_chunks, 0xDEADBEEFu);
  EXPECT_EQ(out.counter_floor, state.counter_floor);
  bytes[36 + 2 * 28] = 9;  // no such state
  decode_state(bytes.data(), 3, out);
  EXPECT_EQ(out.slots[2].state, SlotState::kUnknown);
  EXPECT_EQ(out.slots[2].wear_total, 1000u);
}

std::vector<std::string> board_names() {
  std::vector<std::string> names;
  for (const Board& board : device::boards()) names.push_back(board.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Boards, JournalOnBoard, testing::ValuesIn(board_names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace storage
}  // namespace roost
