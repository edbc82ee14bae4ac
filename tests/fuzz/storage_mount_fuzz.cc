// Any bytes in flash: mount, boot and every query stand, and a whole install on top succeeds.
//
// input | board u8 | mode u8 | bytes ... |  Mode 0: the bytes fill the region from its start, as if programmed.
// Otherwise a device with one model is built first, and the bytes are patches | block u8, offset u16, value u8 |;
// with mode bit 1 the CRC of every journal record and header is made right again, so that decoding goes on behind
// it.
#include <algorithm>

#include "storage/journal.h"
#include "storage/meta.h"
#include "tests/storage/choice.h"
#include "tests/storage/rig.h"

namespace roost {
namespace storage {
namespace {

#define REQUIRE(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())

constexpr size_t kHeaderBytes = 2;

bool install(Rig& rig, const Package& package) {
  Store& store = rig.store();
  rig.now += 100000;  // whatever was half received is idle
  PackageInfo info = package.info();
  Status opened = store.open(info, kOpenForce, rig.now);
  const auto later = [&] { return opened.is(Error::kBusy) || opened.is(Error::kNotReady); };
  const auto waits = [&] { return opened.ok() ? !store.manifest_taken() : later(); };
  for (int tries = 0; tries < 2000 && waits(); ++tries) {
    (void)store.work(rig.now);
    opened = store.open(info, kOpenForce, rig.now);
  }
  if (!opened.ok()) {
    // Arbitrary flash may say that a trial is open, the counter floor is high, the budget spent, both slots good.
    const Error e = opened.error();
    REQUIRE(e == Error::kTrialOpen || e == Error::kCounterTooLow || e == Error::kEraseBudget ||
            e == Error::kNoFreeSlot || later() || e == Error::kAlreadyStored);
    return false;
  }
  uint32_t rewinds = 0;
  REQUIRE(store.manifest_taken());
  for (int steps = 0; store.next_page() < store.chunk_count(); ++steps) {
    REQUIRE(steps < 10000);
    if (store.page_ready()) {
      if (rig.send_page(package, store.next_page())) continue;
      // A journal may say "erased throughout" of a slot that is not. Then the page fails, once, and is sent again.
      REQUIRE(rig.error == Error::kProgramFailed || rig.error == Error::kReadBack);
      REQUIRE(++rewinds <= store.chunk_count() && store.rewind(rig.now).ok());
    } else {
      (void)store.work(rig.now);
    }
  }
  const uint8_t slot = store.open_slot();
  REQUIRE(rig.verify() && store.seal().ok() && store.record_attempt(slot).ok() && store.record_trial(slot).ok() &&
          store.confirm(slot, rig.now).ok());
  REQUIRE(rig.holds(slot, package));
  rig.reboot();
  const BootChoice choice = boot(rig.store(), ResetCause::kOther);
  REQUIRE(choice.action == BootAction::kRun && choice.slot == slot && rig.holds(slot, package));
  return true;
}

void mend_crcs(SimFlash& flash, const Layout& layout) {
  uint8_t* raw = flash.raw().data();
  const uint32_t covered = kRecordBytes - 4;
  for (uint8_t b = 0; b < kJournalBlocks; ++b) {
    for (uint32_t i = 0; i < layout.records_per_block(); ++i) {
      uint8_t* record = raw + layout.journal_offset(b) + i * layout.place_bytes;
      store_le32(record + covered, crc32(kRecordMagic ^ layout.id(), Bytes(record, covered)));
    }
  }
  for (uint8_t s = 0; s < layout.slot_count; ++s) {
    uint8_t* header = raw + layout.header_offset(s);
    const uint32_t manifest = std::min<uint32_t>(load_le16(header + 12), kManifestBytesMax);
    const uint32_t crc = crc32(0, Bytes(header, kMetaHeaderBytes - 4));
    store_le32(header + kMetaHeaderBytes - 4, crc32(crc, Bytes(header + kMetaHeaderBytes, manifest)));
  }
}

void patch(SimFlash& flash, const uint8_t* data, size_t size) {
  const uint32_t block_bytes = flash.geometry().erase_block_bytes;
  for (size_t i = 0; i + 4 <= size; i += 4) {
    const uint32_t block = data[i] % flash.block_count();
    flash.raw()[block * block_bytes + load_le16(data + i + 1) % block_bytes] = data[i + 3];
  }
}

void query_everything(Store& store) {
  for (uint8_t s = 0; s < store.slot_count(); ++s) {
    const SlotInfo info = store.slot_info(s);
    uint32_t sum = 0;
    for (const Bytes& bytes : {info.manifest(), info.model(), info.body()}) {
      for (uint8_t byte : bytes) sum += byte;
    }
    REQUIRE(sum != 0xFFFFFFFF);  // every span lies within the region
  }
  (void)choice_of(store);
}

void run(const uint8_t* data, size_t size) {
  if (size < kHeaderBytes) return;
  const std::vector<Board>& all = device::boards();
  const std::string& name = all[data[0] % all.size()].name;
  const uint8_t mode = data[1];
  const Board board = small_board(name, 2, name == "large_block" ? 1 : 2);
  SimFlash flash(board);
  const StoreConfig config = config_for(board);
  const Package first = make_package(1, 900, 40);
  const Package second = make_package(2, 1500, 0);
  data += kHeaderBytes;
  size -= kHeaderBytes;
  if (mode % 4 == 0) {
    flash.fill(board.geometry.erased_value);
    std::copy_n(data, std::min<size_t>(size, board.geometry.size_bytes), flash.raw().data());
  } else {
    Rig builder(flash, config);
    REQUIRE(install(builder, first));
    patch(flash, data, size);
    if (mode & 2) mend_crcs(flash, builder.store().layout());
    flash.fill_state();
  }
  Rig rig(flash, config);
  REQUIRE(rig.error == Error::kNone);
  query_everything(rig.store());
  const BootChoice choice = boot(rig.store(), mode & 4 ? ResetCause::kWatchdog : ResetCause::kOther);
  REQUIRE(choice.slot == kNoSlot || choice.slot < 2);
  REQUIRE(choice.fallback_slot == kNoSlot || choice.fallback_slot < 2);
  query_everything(rig.store());
  install(rig, second);
}

}  // namespace
}  // namespace storage
}  // namespace roost

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::storage::run(data, size);
  return 0;
}
