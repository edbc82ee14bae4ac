// The store on an emulated nRF51, cut at any flash operation. Two lives:
//
//   roost live REPORT           installs A, confirms it, begins B, starts up anew, resumes B, confirms it,
//                               rolls back to A, installs C and rejects it. Each thing that must outlive a cut from
//                               then on is said on REPORT.
//   roost judge JOBS VERDICTS   takes a flash image and a package to go on with from JOBS, boots on it, says what
//                               it finds and whether the package still installs, resets, takes the next.
//
// tests/target/power_cut.py drives both and judges.
#include "device/ports/cortex_m/linked_region.h"
#include "device/ports/cortex_m/nrf_nvmc_flash.h"
#include "tests/storage/choice.h"
#include "tests/target/firmware/packages.h"
#include "tests/target/firmware/text.h"

extern "C" void roost_power_arm();
// From here on every flash operation is counted (plugins/flash_ops.c).
extern "C" __attribute__((noinline)) void roost_power_arm() {
  __asm__ volatile("" : : : "memory");
}

namespace {

using namespace roost;
using namespace roost::target_test;
using device::semihosting::File;
using device::semihosting::Mode;
using storage::BootAction;
using storage::BootChoice;
using storage::Error;
using storage::SlotInfo;
using storage::SlotState;
using storage::Status;
using storage::Store;

constexpr uint32_t kRegionBytes = 16 * 1024;
constexpr uint32_t kChunkBytes = 1024;
constexpr uint32_t kStepsMax = 2000;  // of any wait: more means that the store makes no progress

storage::Region small_region() {
  return storage::Region{roost_region_begin, kRegionBytes};
}

// One board between two resets: driver, store, and a clock that moves with every look at it.
class Board {
 public:
  Board()
      : flash_(device::NrfPart::kNrf51, small_region(), registers_),
        config_(config()),
        store_(flash_, digest_, config_, false, scratch_) {}

  storage::Flash& flash() { return flash_; }
  Store& store() { return store_; }
  uint32_t now() { return now_ms_ += 50; }

  Status mount() { return store_.mount(now()); }

  // Receives the next page of an opened package. `report` may be null.
  Status receive_next(const Package& package, File* report) {
    return receive_page(package, store_.next_page(), report);
  }

  // Receives the rest of an opened package, page by page, and seals it.
  Status receive(const Package& package, File* report) {
    while (store_.next_page() < store_.chunk_count()) {
      Status status = receive_next(package, report);
      if (!status.ok()) return status;
      ++pages_sent;
    }
    Status status;
    do status = store_.verify_step(1024);
    while (status.ok() && store_.verifying());
    return status.ok() ? store_.seal() : status;
  }

  // Until the manifest stands in flash.
  Status open(storage::PackageInfo package, storage::OpenFlags flags) {
    for (uint32_t i = 0; i < kStepsMax; ++i) {
      const Status opened = store_.open(package, flags, now());
      if (!opened.ok() || store_.manifest_taken()) return opened;
      const Status status = store_.work(now());
      if (!status.ok()) return status;
    }
    return Error::kNotReady;
  }

  // Works until the page in work is erased.
  Status wait_for_page() {
    for (uint32_t i = 0; i < kStepsMax; ++i) {
      if (store_.page_ready()) return {};
      Status status = store_.work(now());
      if (!status.ok()) return status;
    }
    return Error::kNotReady;
  }

  uint32_t pages_sent = 0;

 private:
  static storage::StoreConfig config() {
    storage::StoreConfig c;
    c.chunk_bytes = kChunkBytes;
    return c;
  }

  Status receive_page(const Package& package, uint32_t page, File* report) {
    Status status = wait_for_page();
    const uint32_t size = store_.chunk_size(page);
    uint8_t id_and_index[8];
    store_le32(id_and_index, 0x5EED0000u + static_cast<uint32_t>(package.name));
    store_le32(id_and_index + 4, page);
    uint32_t crc = crc32(0, id_and_index);
    uint8_t piece[64];
    for (uint32_t at = 0; status.ok() && at < size; at += sizeof(piece)) {
      const uint32_t count = size - at < sizeof(piece) ? size - at : sizeof(piece);
      memset(piece, 0xFF, sizeof(piece));
      for (uint32_t i = 0; i < count; ++i) piece[i] = payload_byte(package, page * kChunkBytes + at + i);
      crc = crc32(crc, Bytes(piece, count));
      status = store_.program(Bytes(piece, (count + 3) & ~3u), now());
    }
    if (!status.ok()) return status;
    status = store_.close_page(crc);
    if (status.ok() && report != nullptr) {
      Line().text("= durable ").name(package.name).text(" ").number(store_.durable_chunks()).write_to(*report);
    }
    return status;
  }

  device::NvmcRegisters registers_;
  device::SoftwareSha256 digest_;
  uint8_t scratch_[256];
  device::NrfNvmcFlash flash_;
  const storage::StoreConfig config_;
  Store store_;
  uint32_t now_ms_ = 0;
};

void say(File& report, const char* what, char name) {
  Line().text("= ").text(what).text(" ").name(name).write_to(report);
}

// ---- live ----

// Up to the first page: the rest is for a board that comes up in the middle of it.
void begin_install(Board& board, const Package& package, File& report) {
  uint8_t manifest[kManifestBytes];
  CHECK(board.open(package_info(package, manifest), storage::kOpenNormal).ok());
  CHECK(board.receive_next(package, &report).ok());
}

void install(Board& board, const Package& package, File& report) {
  uint8_t manifest[kManifestBytes];
  CHECK(board.open(package_info(package, manifest), storage::kOpenNormal).ok());
  const uint8_t slot = board.store().open_slot();
  CHECK(board.receive(package, &report).ok());
  say(report, "sealed", package.name);
  CHECK(board.store().record_attempt(slot).ok());
  say(report, "attempt", package.name);
  CHECK(board.store().record_trial(slot).ok());
  say(report, "trial", package.name);
}

void confirm(Board& board, const Package& package, File& report) {
  CHECK(board.store().confirm(board.store().slot_in(SlotState::kTrial), board.now()).ok());
  say(report, "confirmed", package.name);
}

[[noreturn]] void live(File report) {
  static Board board;
  roost_power_arm();
  CHECK(board.mount().ok());
  CHECK(boot(board.store(), storage::ResetCause::kOther).action == BootAction::kNone);
  install(board, kPackages[0], report);
  confirm(board, kPackages[0], report);
  begin_install(board, kPackages[1], report);

  static Board again;  // as after a reset: nothing is left but flash
  CHECK(again.mount().ok());
  CHECK(boot(again.store(), storage::ResetCause::kOther).action == BootAction::kRun);
  install(again, kPackages[1], report);
  confirm(again, kPackages[1], report);
  CHECK(again.store().reject(again.store().slot_in(SlotState::kConfirmed), storage::kReasonCallerFirst, 0).ok());
  say(report, "returned", 'A');
  install(again, kPackages[2], report);
  CHECK(again.store().reject(again.store().slot_in(SlotState::kTrial), storage::kReasonCallerFirst, 0).ok());
  say(report, "rejected", 'C');
  say(report, "end", '.');
  device::semihosting::exit(0);
}

// ---- judge ----

// Every byte of the slot's package as it must be, its digest included.
bool holds_whole_package(Board& board, uint8_t slot) {
  const SlotInfo info = board.store().slot_info(slot);
  const Package* package = package_with_id(info.package_id);
  if (package == nullptr || !info.sound()) return false;
  if (info.model_size != package->model_size || info.body_size != package->body_size) return false;
  for (uint32_t i = 0; i < info.model_size; ++i) {
    if (info.model()[i] != payload_byte(*package, i)) return false;
  }
  for (uint32_t i = 0; i < info.body_size; ++i) {
    if (info.body()[i] != payload_byte(*package, body_offset(*package) + i)) return false;
  }
  device::SoftwareSha256 digest;
  digest.reset();
  digest.update(info.model());
  return same_bytes(digest.finish(), info.model_sha256);
}

char name_of(Board& board, uint8_t slot) {
  if (slot == storage::kNoSlot) return '-';
  const Package* package = package_with_id(board.store().state().slots[slot].package_id);
  return package == nullptr ? '?' : package->name;
}

// Runs what boot chose until it is confirmed, as an application would whose model is well.
Status settle(Board& board, BootChoice choice) {
  if (choice.action != BootAction::kAttempt) return {};
  Status status = board.store().record_attempt(choice.slot);
  if (status.ok()) status = board.store().record_trial(choice.slot);
  if (status.ok()) status = board.store().confirm(choice.slot, board.now());
  return status;
}

// Installs and confirms `package` from whatever there is.
Status go_on_with(Board& board, const Package& package, uint32_t* resumed_at) {
  uint8_t manifest[kManifestBytes];
  const storage::PackageInfo info = package_info(package, manifest);
  Status opened = board.open(info, storage::kOpenNormal);
  if (opened.error() == Error::kAlreadyStored) return {};
  if (opened.error() == Error::kRejectedBefore) {
    opened = board.open(info, storage::kOpenForce);
  }
  if (!opened.ok()) return opened;
  *resumed_at = board.store().next_page();
  Status status = board.receive(package, nullptr);
  return status.ok() ? settle(board, choice_of(board.store())) : status;
}

// Blocks that are as they should be already are left alone: most of an emulated second goes into programming.
void load_image(Board& board, File& jobs) {
  static uint8_t wanted[kChunkBytes];
  for (uint32_t at = 0; at < kRegionBytes; at += kChunkBytes) {
    read_fully(jobs, wanted);
    if (memcmp(board.flash().mapped() + at, wanted, kChunkBytes) == 0) continue;
    CHECK(board.flash().erase(at).ok());
    CHECK(board.flash().program(at, wanted).ok());
  }
}

void judge_one(Board& board, const Package& next, File& verdicts) {
  Line line;
  Status mounted = board.mount();
  const BootChoice choice = boot(board.store(), storage::ResetCause::kOther);
  const uint8_t receiving = board.store().slot_in(SlotState::kReceiving);
  line.text("mount=").number(static_cast<uint32_t>(mounted.error()));
  line.text(" action=").number(static_cast<uint32_t>(choice.action));
  line.text(" run=").name(name_of(board, choice.slot));
  line.text(" whole=").number(choice.slot == storage::kNoSlot || holds_whole_package(board, choice.slot));
  line.text(" fallback=").name(name_of(board, choice.fallback_slot));
  line.text(" fallback_whole=")
      .number(choice.fallback_slot == storage::kNoSlot || holds_whole_package(board, choice.fallback_slot));
  line.text(" receiving=").name(name_of(board, receiving));
  line.text(" durable=")
      .number(receiving == storage::kNoSlot ? 0 : board.store().state().slots[receiving].durable_chunks);
  line.write_to(verdicts);

  uint32_t resumed_at = 0;
  board.pages_sent = 0;
  Status status = settle(board, choice);
  if (status.ok()) status = go_on_with(board, next, &resumed_at);
  const BootChoice end = choice_of(board.store());
  line.text("error=").number(static_cast<uint32_t>(status.error()));
  line.text(" resumed=").number(resumed_at).text(" sent=").number(board.pages_sent);
  line.text(" end=").name(name_of(board, end.slot)).text(" end_action=").number(static_cast<uint32_t>(end.action));
  line.text(" end_whole=").number(end.slot != storage::kNoSlot && holds_whole_package(board, end.slot));
  line.write_to(verdicts);
}

[[noreturn]] void reset() {
  constexpr uintptr_t kAircr = 0xE000ED0C;
  constexpr uint32_t kSystemReset = 0x05FA0004;
  *reinterpret_cast<volatile uint32_t*>(kAircr) = kSystemReset;
  for (;;) {
  }
}

// What survives a reset of the emulated board: the two open files.
constexpr uint32_t kFilesOpen = 0xF11E50FE;
struct Kept {
  uint32_t magic;
  File jobs;
  File verdicts;
};
__attribute__((section(".noinit"))) alignas(Kept) uint8_t g_kept[sizeof(Kept)];

[[noreturn]] void judge(const char* jobs, const char* verdicts) {
  static Board board;
  Kept& kept = *reinterpret_cast<Kept*>(g_kept);
  if (kept.magic != kFilesOpen) {
    kept.jobs = File(jobs, Mode::kRead);
    kept.verdicts = File(verdicts, Mode::kWrite);
    kept.magic = kFilesOpen;
  }
  uint8_t next = 0;
  if (kept.jobs.read(MutableBytes(&next, 1)) == 0) device::semihosting::exit(0);
  load_image(board, kept.jobs);
  judge_one(board, kPackages[next - 'A'], kept.verdicts);
  reset();
}

}  // namespace

int main() {
  static char buffer[256];
  const Words words = command_words(buffer);
  CHECK(words.word[1] != nullptr);
  if (words.word[0][0] == 'l') live(File(words.word[1], Mode::kWrite));
  CHECK(words.word[2] != nullptr);
  judge(words.word[1], words.word[2]);
}
