#include "device/ports/linux/sim_flash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <new>

namespace roost {
namespace device {

using storage::BusyReads;
using storage::Error;
using storage::FlashGeometry;
using storage::Result;
using storage::Status;

namespace {

// A unit's byte in units_: the low bits count programs since the last erase.
constexpr uint8_t kCountMask = 0x0F;
constexpr uint8_t kUnreadable = 0x20;  // ECC cannot correct it
constexpr uint8_t kTorn = 0x40;        // a program did not finish
constexpr uint8_t kHalfErased = 0x80;  // an erase did not finish

constexpr char kMagic[8] = {'R', 'O', 'O', 'S', 'T', 'F', 'L', '1'};
constexpr size_t kHeaderBytes = 4096;  // magic, then the geometry as stored by geometry_bytes

// Keeps the compiler from moving stores to the mapping across this line: a SIGKILL must find them in order.
void in_order() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

size_t round_up(size_t size, size_t unit) {
  return (size + unit - 1) / unit * unit;
}

std::vector<uint8_t> geometry_bytes(const FlashGeometry& g) {
  std::vector<uint8_t> out;
  for (uint32_t value : {g.size_bytes, g.erase_block_bytes, static_cast<uint32_t>(g.program_unit_bytes),
                         static_cast<uint32_t>(g.erased_value)}) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
  }
  return out;
}

}  // namespace

struct SimFlash::Image {
  explicit Image(const FlashGeometry& g)
      : wear(kHeaderBytes),
        units(wear + g.size_bytes / g.erase_block_bytes * sizeof(uint32_t)),
        unstable(units + g.size_bytes / g.program_unit_bytes),
        data(round_up(unstable + g.size_bytes, 4096)),
        size(data + g.size_bytes) {}
  size_t wear, units, unstable, data, size;
};

// ---- construction ----

SimFlash::SimFlash(const Board& board, uint8_t* mapping, int file) : board_(board), file_(file), mapping_(mapping) {
  const Image image(board.geometry);
  wear_ = reinterpret_cast<uint32_t*>(mapping + image.wear);
  units_ = mapping + image.units;
  unstable_ = mapping + image.unstable;
  data_ = mapping + image.data;
}

namespace {

uint8_t* map_image(size_t size, int flags, int file) {
  void* mapping = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, 0);
  return mapping == MAP_FAILED ? nullptr : static_cast<uint8_t*>(mapping);
}

uint8_t* map_memory(size_t size) {
  uint8_t* mapping = map_image(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!mapping) throw std::bad_alloc();
  return mapping;
}

}  // namespace

SimFlash::SimFlash(const Board& board) : SimFlash(board, map_memory(Image(board.geometry).size), -1) {
  erase_everything();
}

std::unique_ptr<SimFlash> SimFlash::open_file(const std::string& path, const Board& board, std::string& error) {
  const auto fail = [&](const std::string& what) {
    error = path + ": " + what;
    return nullptr;
  };
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return fail(strerror(errno));
  struct Closer {
    int file;
    ~Closer() {
      if (file >= 0) close(file);
    }
  } closer{file};
  if (flock(file, LOCK_EX | LOCK_NB) != 0) return fail("another simulated device has it open");

  const Image image(board.geometry);
  struct stat status;
  if (fstat(file, &status) != 0) return fail(strerror(errno));
  const bool fresh = status.st_size == 0;
  if (!fresh && status.st_size != static_cast<off_t>(image.size)) return fail("not the flash of this board");
  if (fresh && ftruncate(file, static_cast<off_t>(image.size)) != 0) return fail(strerror(errno));
  uint8_t* mapping = map_image(image.size, MAP_SHARED, file);
  if (!mapping) return fail(strerror(errno));

  std::unique_ptr<SimFlash> flash(new SimFlash(board, mapping, file));
  closer.file = -1;  // flash closes it
  const std::vector<uint8_t> geometry = geometry_bytes(board.geometry);
  if (memcmp(mapping, kMagic, sizeof(kMagic)) != 0) {
    // New, or killed while it was being made: the magic is written last.
    if (std::any_of(mapping, mapping + sizeof(kMagic), [](uint8_t b) { return b != 0; })) {
      return fail("not a simulated flash");
    }
    memcpy(mapping + sizeof(kMagic), geometry.data(), geometry.size());
    flash->erase_everything();
    in_order();
    memcpy(mapping, kMagic, sizeof(kMagic));
  } else if (memcmp(mapping + sizeof(kMagic), geometry.data(), geometry.size()) != 0) {
    return fail("not the flash of this board");
  }
  flash->power_on();
  return flash;
}

SimFlash::~SimFlash() {
  munmap(mapping_, Image(board_.geometry).size);
  if (file_ >= 0) close(file_);
}

void SimFlash::erase_everything() {
  const FlashGeometry& g = board_.geometry;
  memset(wear_, 0, block_count() * sizeof(uint32_t));
  memset(units_, 0, g.size_bytes / g.program_unit_bytes);
  memset(unstable_, 0, g.size_bytes);
  memset(data_, g.erased_value, g.size_bytes);
}

void SimFlash::fill(uint8_t value) {
  memset(data_, value, board_.geometry.size_bytes);
  fill_state();
}

void SimFlash::fill_state() {
  const FlashGeometry& g = board_.geometry;
  // Torn, too: nobody can be blamed for programming what only reads blank.
  memset(units_, g.programs_per_unit | kTorn, g.size_bytes / g.program_unit_bytes);
  memset(unstable_, 0, g.size_bytes);
}

std::vector<uint8_t> SimFlash::snapshot() const {
  return std::vector<uint8_t>(mapping_, mapping_ + Image(board_.geometry).size);
}

void SimFlash::restore(const std::vector<uint8_t>& snapshot) {
  if (snapshot.size() == Image(board_.geometry).size) memcpy(mapping_, snapshot.data(), snapshot.size());
  sliced_block_ = UINT32_MAX;
}

// ---- power and faults ----

void SimFlash::cut_power(uint64_t operation, CutPoint point, uint64_t seed) {
  cut_operation_ = operation;
  cut_point_ = point;
  random_ = seed * 2 + 1;
}

void SimFlash::cut() {
  powered_ = false;
  cut_operation_ = UINT64_MAX;
}

void SimFlash::power_on() {
  powered_ = true;
  cut_operation_ = UINT64_MAX;
  clear_faults();
  sliced_block_ = UINT32_MAX;
  settle(0, board_.geometry.size_bytes);
}

void SimFlash::fail_operations(uint64_t first, uint64_t count, Fault fault) {
  fault_first_ = first;
  fault_count_ = count;
  fault_ = fault;
}

void SimFlash::fail_read(uint64_t read_index) {
  fault_read_ = read_index;
}

void SimFlash::wear_out(uint32_t block) {
  worn_block_ = block;
}

void SimFlash::clear_faults() {
  fault_count_ = 0;
  fault_read_ = UINT64_MAX;
  worn_block_ = UINT32_MAX;
}

// What is to happen to the operation that begins now.
SimFlash::Hit SimFlash::begin_operation() {
  const uint64_t operation = operations_++;
  if (operation == cut_operation_) {
    switch (cut_point_) {
      case CutPoint::kBefore:
        return Hit::kCutBefore;
      case CutPoint::kInside:
        return Hit::kCutInside;
      case CutPoint::kAfter:
        return Hit::kCutAfter;
    }
  }
  if (operation >= fault_first_ && operation - fault_first_ < fault_count_) {
    ++faults_hit_;
    switch (fault_) {
      case Fault::kRefuse:
        return Hit::kRefuse;
      case Fault::kHalf:
        return Hit::kHalf;
      case Fault::kSilent:
        return Hit::kSilent;
      case Fault::kBusy:
        return Hit::kBusy;
    }
  }
  return Hit::kNo;
}

uint64_t SimFlash::random() {  // splitmix64
  uint64_t z = (random_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

void SimFlash::spend(uint64_t busy_us) {
  busy_us_ += busy_us;
  if (!on_busy_) return;
  busy_ = true;
  on_busy_(busy_us);
  busy_ = false;
}

Status SimFlash::misuse(const std::string& what) {
  ++misuses_;
  last_misuse_ = what;
  return Error::kMisuse;
}

Status SimFlash::check_usable() {
  if (!powered_) return Error::kNoPower;
  if (busy_) return Error::kFlashBusy;
  return Status();
}

// ---- reading ----

Status SimFlash::read(uint32_t offset, MutableBytes out) {
  const FlashGeometry& g = board_.geometry;
  if (!powered_) return Error::kNoPower;
  if (busy_ && g.busy_reads == BusyReads::kFail) return Error::kFlashBusy;
  if (offset > g.size_bytes || out.size() > g.size_bytes - offset) return misuse("read outside the region");
  if (out.empty()) return Status();
  if (reads_++ == fault_read_) return Error::kReadFailed;
  const uint32_t unit = g.program_unit_bytes;
  for (uint32_t u = offset / unit; u <= (offset + out.size() - 1) / unit; ++u) {
    if (units_[u] & kUnreadable) return Error::kReadFailed;
  }
  settle(offset, out.size());
  memcpy(out.data(), data_ + offset, out.size());
  return Status();
}

// Unstable bits read anew.
void SimFlash::settle(uint32_t offset, size_t size) {
  for (size_t i = offset; i < offset + size; ++i) {
    if (i % 64 == 0 && i + 64 <= offset + size &&
        std::all_of(unstable_ + i, unstable_ + i + 64, [](uint8_t m) { return m == 0; })) {
      i += 63;
    } else if (const uint8_t mask = unstable_[i]) {
      data_[i] = static_cast<uint8_t>((data_[i] & ~mask) | (random_byte() & mask));
    }
  }
}

// ---- programming ----

Status SimFlash::check_program(uint32_t offset, Bytes bytes) {
  const FlashGeometry& g = board_.geometry;
  const uint32_t unit = g.program_unit_bytes;
  if (offset % unit != 0 || bytes.size() % unit != 0 || bytes.empty()) return misuse("program of part of a unit");
  if (offset > g.size_bytes || bytes.size() > g.size_bytes - offset) return misuse("program outside the region");
  for (uint32_t at = offset; at < offset + bytes.size(); at += unit) {
    const uint8_t state = units_[at / unit];
    if (state & kHalfErased) return misuse("program of a unit whose erase did not finish");
    if (state & (kTorn | kUnreadable)) {
      if ((state & kCountMask) >= g.programs_per_unit) return Error::kProgramFailed;
      continue;  // nobody can see what stands there, so no blame
    }
    if ((state & kCountMask) >= g.programs_per_unit) return misuse("program of a unit too often");
    for (uint32_t i = 0; i < unit; ++i) {
      const uint8_t differs = data_[at + i] ^ g.erased_value;
      const uint8_t wanted = bytes[at - offset + i] ^ g.erased_value;
      if (differs & ~wanted) return misuse("program of a bit back to erased");
    }
  }
  return Status();
}

Status SimFlash::program(uint32_t offset, Bytes bytes) {
  if (const Status status = check_usable(); !status.ok()) return status;
  if (const Status status = check_program(offset, bytes); !status.ok()) return status;
  const uint32_t unit = board_.geometry.program_unit_bytes;
  const Hit hit = begin_operation();
  if (hit == Hit::kCutBefore) {
    cut();
    return Error::kNoPower;
  }
  if (hit == Hit::kBusy) return Error::kFlashBusy;
  spend(bytes.size() / unit * static_cast<uint64_t>(board_.geometry.program_unit_us));
  if (hit == Hit::kRefuse) return Error::kProgramFailed;
  if (hit == Hit::kCutInside || hit == Hit::kHalf) {
    tear_program(offset, bytes);
    if (hit == Hit::kHalf) return Error::kProgramFailed;
    cut();
    return Error::kNoPower;
  }
  for (uint32_t i = 0; i < bytes.size(); i += unit) program_unit(offset + i, bytes.data() + i);
  const bool worn = offset / board_.geometry.erase_block_bytes == worn_block_;
  if (hit == Hit::kSilent || worn) spoil_one_bit(offset, bytes.size());
  if (hit == Hit::kCutAfter) {
    cut();
    return Error::kNoPower;
  }
  return Status();
}

void SimFlash::program_unit(uint32_t offset, const uint8_t* bytes) {
  const FlashGeometry& g = board_.geometry;
  uint8_t& state = units_[offset / g.program_unit_bytes];
  const bool was_torn = (state & kTorn) != 0;
  state = static_cast<uint8_t>((state + 1) | kTorn);
  in_order();
  for (uint32_t i = 0; i < g.program_unit_bytes; ++i) {
    const uint8_t programmed = bytes[i] ^ g.erased_value;  // 1: this bit leaves the erased value
    uint8_t& byte = data_[offset + i];
    byte = static_cast<uint8_t>((byte & ~programmed) | (~g.erased_value & programmed));
    unstable_[offset + i] = static_cast<uint8_t>(unstable_[offset + i] & ~programmed);
  }
  in_order();
  if (!was_torn) state = static_cast<uint8_t>(state & ~kTorn);
}

void SimFlash::tear_program(uint32_t offset, Bytes bytes) {
  const uint32_t unit = board_.geometry.program_unit_bytes;
  const uint32_t units = static_cast<uint32_t>(bytes.size()) / unit;
  // The ends are where the interesting cases are: nothing visible yet, and all but the last bits.
  const uint64_t place = random() % 4;
  const uint32_t hit = place == 0 ? 0 : place == 1 ? units - 1 : static_cast<uint32_t>(random() % units);
  for (uint32_t u = 0; u < hit; ++u) program_unit(offset + u * unit, bytes.data() + u * unit);
  tear_unit(offset + hit * unit, bytes.data() + hit * unit);
}

void SimFlash::tear_unit(uint32_t offset, const uint8_t* bytes) {
  const FlashGeometry& g = board_.geometry;
  uint8_t& state = units_[offset / g.program_unit_bytes];
  state = static_cast<uint8_t>((state + 1) | kTorn);
  if (board_.ecc && random() % 2 == 0) state |= kUnreadable;
  // 0: all done but for one weak bit, so that it reads right every other time; 1: hardly begun, one weak bit, so
  // that it reads blank every other time; else: anything between.
  const uint64_t kind = random() % 4;
  const uint32_t weak_byte = static_cast<uint32_t>(random() % g.program_unit_bytes);
  for (uint32_t i = 0; i < g.program_unit_bytes; ++i) {
    const uint8_t wanted = static_cast<uint8_t>(bytes[i] ^ g.erased_value);
    uint8_t weak = random_byte() & random_byte() & wanted;
    uint8_t done = wanted & random_byte();
    if (kind < 2) {
      weak = i == weak_byte ? static_cast<uint8_t>(wanted & (~wanted + 1)) : 0;  // the lowest bit wanted
      done = kind == 0 ? wanted : 0;
    }
    uint8_t& byte = data_[offset + i];
    byte = static_cast<uint8_t>((byte & ~done) | (~g.erased_value & done));
    unstable_[offset + i] |= weak;
  }
}

void SimFlash::spoil_one_bit(uint32_t offset, size_t size) {
  const size_t at = offset + random() % size;
  data_[at] = static_cast<uint8_t>(data_[at] ^ (1u << (random() % 8)));
  units_[at / board_.geometry.program_unit_bytes] |= kTorn;  // what follows from it is nobody's misuse
}

// ---- erasing ----

Status SimFlash::check_erase(uint32_t block_offset) {
  const FlashGeometry& g = board_.geometry;
  if (block_offset % g.erase_block_bytes != 0 || block_offset >= g.size_bytes) return misuse("erase of no block");
  return Status();
}

Status SimFlash::erase(uint32_t block_offset) {
  if (const Status status = check_usable(); !status.ok()) return status;
  if (const Status status = check_erase(block_offset); !status.ok()) return status;
  const Hit hit = begin_operation();
  if (hit == Hit::kCutBefore) {
    cut();
    return Error::kNoPower;
  }
  if (hit == Hit::kBusy) return Error::kFlashBusy;
  if (hit == Hit::kRefuse) return Error::kEraseFailed;
  start_erase(block_offset);
  spend(board_.geometry.erase_block_us);
  if (hit == Hit::kCutInside || hit == Hit::kHalf) {
    tear_erase(block_offset);
    if (hit == Hit::kHalf) return Error::kEraseFailed;
    cut();
    return Error::kNoPower;
  }
  finish_erase(block_offset);
  if (hit == Hit::kSilent) spoil_one_bit(block_offset, board_.geometry.erase_block_bytes);
  if (hit == Hit::kCutAfter) {
    cut();
    return Error::kNoPower;
  }
  return Status();
}

Result<bool> SimFlash::erase_slice(uint32_t block_offset) {
  const uint32_t slices = board_.geometry.erase_slices;
  if (slices <= 1) {
    const Status status = erase(block_offset);
    if (!status.ok()) return status.error();
    return true;
  }
  if (const Status status = check_usable(); !status.ok()) return status.error();
  if (const Status status = check_erase(block_offset); !status.ok()) return status.error();
  if (sliced_block_ != block_offset) {
    if (sliced_block_ != UINT32_MAX) return misuse("two sliced erases at once").error();
    slices_done_ = 0;
  }
  const Hit hit = begin_operation();
  if (hit == Hit::kCutBefore) {
    cut();
    return Error::kNoPower;
  }
  if (hit == Hit::kBusy) return Error::kFlashBusy;
  if (hit == Hit::kRefuse) {
    sliced_block_ = UINT32_MAX;
    return Error::kEraseFailed;
  }
  if (slices_done_ == 0) start_erase(block_offset);
  sliced_block_ = block_offset;
  spend(board_.geometry.erase_block_us / slices);
  tear_erase(block_offset);  // undefined until the last slice
  if (hit == Hit::kCutInside) {
    cut();
    return Error::kNoPower;
  }
  if (hit == Hit::kHalf) {
    sliced_block_ = UINT32_MAX;
    return Error::kEraseFailed;
  }
  const bool done = ++slices_done_ == slices;
  if (done) {
    finish_erase(block_offset);
    sliced_block_ = UINT32_MAX;
    if (hit == Hit::kSilent) spoil_one_bit(block_offset, board_.geometry.erase_block_bytes);
  }
  if (hit == Hit::kCutAfter) {
    cut();
    return Error::kNoPower;
  }
  return done;
}

void SimFlash::start_erase(uint32_t block_offset) {
  const FlashGeometry& g = board_.geometry;
  ++wear_[block_offset / g.erase_block_bytes];
  uint8_t* units = units_ + block_offset / g.program_unit_bytes;
  for (uint32_t u = 0; u < g.erase_block_bytes / g.program_unit_bytes; ++u) units[u] |= kHalfErased;
  in_order();
}

// Every bit old, erased or unstable: all of it mixed, or nearly all still old, or nearly all erased already (which
// is the treacherous one: it may well read blank).
void SimFlash::tear_erase(uint32_t block_offset) {
  const FlashGeometry& g = board_.geometry;
  const uint64_t kind = random() % 3;
  for (uint32_t at = block_offset; at < block_offset + g.erase_block_bytes; ++at) {
    const uint64_t dice = random();
    const uint8_t mix = static_cast<uint8_t>(dice);
    const bool spot = (dice >> 8) % 256 == 0;  // here and there a weak byte
    const uint8_t erased = kind == 0 ? mix : kind == 1 ? 0 : 0xFF;
    const uint8_t weak = kind == 0 ? static_cast<uint8_t>((dice >> 16) & (dice >> 24)) : spot ? mix : 0;
    data_[at] = static_cast<uint8_t>((data_[at] & ~erased) | (g.erased_value & erased));
    unstable_[at] |= weak;
  }
  if (!board_.ecc) return;
  for (uint32_t at = block_offset; at < block_offset + g.erase_block_bytes; at += g.program_unit_bytes) {
    if (random() % 16 == 0) units_[at / g.program_unit_bytes] |= kUnreadable;
  }
}

void SimFlash::finish_erase(uint32_t block_offset) {
  const FlashGeometry& g = board_.geometry;
  memset(data_ + block_offset, g.erased_value, g.erase_block_bytes);
  memset(unstable_ + block_offset, 0, g.erase_block_bytes);
  in_order();
  memset(units_ + block_offset / g.program_unit_bytes, 0, g.erase_block_bytes / g.program_unit_bytes);
}

}  // namespace device
}  // namespace roost
