// A flash that is stricter than silicon, in memory or in a file.
//
// It refuses and counts what real parts let pass (unaligned programs, a unit programmed too often, a 0 that should
// become a 1, programming what a cut left half erased), and it fails on demand: errors, wrong bits, and power cuts
// before, inside and after any operation. After a cut every call fails with kNoPower until power_on().
//
// What a cut leaves behind:
//   inside a program   the units before the one hit are programmed, those behind are not; in the one hit some bits
//                      are done, some not and some *unstable* (they read anew at every read), so that it may read
//                      right once and wrong later. With ECC the whole unit may fail to read.
//   inside an erase    every bit of the block is old, erased or unstable; nothing may be programmed there until an
//                      erase has finished. With ECC units fail to read.
//
// With a file, all of this (contents, wear, what is torn) is in a MAP_SHARED mapping and changed in such an order
// that a SIGKILL at any moment leaves exactly what was done, as a cut at that place would.
//
//   SimFlash flash(*find_board("nano33ble"));
//   flash.cut_power(flash.operations() + 5, CutPoint::kInside, seed);
//   ... flash.power_on();
#pragma once

#include <stdint.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/flash.h"

namespace roost {
namespace device {

// A part by name, as `roost device --board NAME` knows it.
struct Board {
  std::string name;
  std::string part;  // in words
  storage::FlashGeometry geometry;
  bool ecc;              // a torn unit may fail to read
  uint16_t chunk_bytes;  // the page size that suits it
  uint32_t endurance;    // erases a block is rated for
};

const std::vector<Board>& boards();
const Board* find_board(const std::string& name);  // nullptr: no such board

enum class CutPoint : uint8_t { kBefore, kInside, kAfter };

enum class Fault : uint8_t {
  kRefuse,  // the operation reports failure and has done nothing
  kHalf,    // it reports failure and was torn
  kSilent,  // it reports success, and one bit is wrong
  kBusy,    // kFlashBusy, nothing done: the radio stack would not have it now
};

class SimFlash final : public storage::Flash {
 public:
  // In memory, erased throughout.
  explicit SimFlash(const Board& board);
  // In a file: made, erased, when it does not exist; kept as it is when it does. nullptr and a sentence in
  // `error` when it cannot be opened or holds another geometry.
  static std::unique_ptr<SimFlash> open_file(const std::string& path, const Board& board, std::string& error);
  ~SimFlash();
  SimFlash(const SimFlash&) = delete;
  SimFlash& operator=(const SimFlash&) = delete;

  const storage::FlashGeometry& geometry() const override { return board_.geometry; }
  const uint8_t* mapped() const override { return data_; }
  storage::Status read(uint32_t offset, MutableBytes out) override;
  storage::Status program(uint32_t offset, Bytes bytes) override;
  storage::Status erase(uint32_t block_offset) override;
  storage::Result<bool> erase_slice(uint32_t block_offset) override;

  // ---- power ----

  // Cuts at operation number `operation` (0 is the first one ever; see operations()): a program, an erase, or a
  // slice. The seed decides what exactly is torn.
  void cut_power(uint64_t operation, CutPoint point, uint64_t seed);
  bool powered() const { return powered_; }
  void power_on();  // unstable bits fall anew; schedules are cleared
  // The processor starts again with the power on: a sliced erase under way is forgotten by whoever drove it.
  void reset() { sliced_block_ = UINT32_MAX; }

  // ---- faults on demand ----

  void fail_operations(uint64_t first, uint64_t count, Fault fault);
  void fail_read(uint64_t read_index);  // one read() call: kReadFailed
  void wear_out(uint32_t block);        // from now on whatever is programmed there reads back with a bit wrong
  void clear_faults();

  // ---- what happened ----

  uint64_t operations() const { return operations_; }  // programs, erases and slices attempted with power on
  uint64_t reads() const { return reads_; }
  uint64_t faults_hit() const { return faults_hit_; }
  uint64_t misuses() const { return misuses_; }  // calls that no careful caller makes: always 0 in a good test
  const std::string& last_misuse() const { return last_misuse_; }
  uint64_t busy_us() const { return busy_us_; }                 // nominal time spent erasing and programming
  uint32_t wear(uint32_t block) const { return wear_[block]; }  // erases begun; kept in the file
  uint32_t block_count() const { return board_.geometry.size_bytes / board_.geometry.erase_block_bytes; }

  // Called in the middle of each operation with its nominal time: to sleep, to move a virtual clock, or to try what
  // reading does meanwhile.
  void on_busy(std::function<void(uint64_t busy_us)> call) { on_busy_ = std::move(call); }

  // ---- for tests ----

  void fill(uint8_t value);  // as a flashed constant array arrives: programmed, not erased
  void fill_state();         // whatever raw() was made to hold: programmed, not erased
  MutableBytes raw() { return MutableBytes(data_, board_.geometry.size_bytes); }
  std::vector<uint8_t> snapshot() const;  // contents, wear, what is torn
  void restore(const std::vector<uint8_t>& snapshot);

 private:
  struct Image;  // where the parts of the mapping begin
  enum class Hit : uint8_t { kNo, kCutBefore, kCutInside, kCutAfter, kRefuse, kHalf, kSilent, kBusy };

  SimFlash(const Board& board, uint8_t* mapping, int file);
  void erase_everything();

  Hit begin_operation();
  storage::Status misuse(const std::string& what);
  storage::Status check_usable();
  storage::Status check_program(uint32_t offset, Bytes bytes);
  storage::Status check_erase(uint32_t block_offset);
  void spend(uint64_t busy_us);
  void cut();

  void program_unit(uint32_t offset, const uint8_t* bytes);
  void tear_program(uint32_t offset, Bytes bytes);
  void tear_unit(uint32_t offset, const uint8_t* bytes);
  void spoil_one_bit(uint32_t offset, size_t size);
  void start_erase(uint32_t block_offset);
  void tear_erase(uint32_t block_offset);
  void finish_erase(uint32_t block_offset);
  void settle(uint32_t offset, size_t size);

  uint64_t random();
  uint8_t random_byte() { return static_cast<uint8_t>(random() >> 24); }

  Board board_;
  int file_;  // -1: in memory
  uint8_t* mapping_;
  uint32_t* wear_;     // per block
  uint8_t* units_;     // per program unit: how often programmed, and flags
  uint8_t* unstable_;  // per byte: which bits read anew at every read
  uint8_t* data_;

  bool powered_ = true;
  std::atomic<bool> busy_{false};
  uint64_t operations_ = 0, reads_ = 0, faults_hit_ = 0, misuses_ = 0, busy_us_ = 0;
  std::string last_misuse_;
  uint64_t cut_operation_ = UINT64_MAX;
  CutPoint cut_point_ = CutPoint::kBefore;
  uint64_t fault_first_ = UINT64_MAX, fault_count_ = 0;
  Fault fault_ = Fault::kRefuse;
  uint64_t fault_read_ = UINT64_MAX;
  uint32_t worn_block_ = UINT32_MAX;
  uint64_t random_ = 1;
  uint32_t sliced_block_ = UINT32_MAX;  // offset of the block being erased in slices
  uint32_t slices_done_ = 0;
  std::function<void(uint64_t)> on_busy_;
};

}  // namespace device
}  // namespace roost
