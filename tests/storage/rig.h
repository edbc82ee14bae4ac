// A small device around a Store: a simulated flash, packages with known bytes, and a host that pushes them.
#pragma once

#include <sodium.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/digest.h"
#include "device/ports/linux/sim_flash.h"
#include "storage/store.h"

namespace roost {
namespace storage {

using device::Board;
using device::CutPoint;
using device::Fault;
using device::SimFlash;

class SodiumDigest final : public Digest {
 public:
  void reset() override { crypto_hash_sha256_init(&state_); }
  void update(Bytes bytes) override { crypto_hash_sha256_update(&state_, bytes.data(), bytes.size()); }
  Sha256 finish() override {
    Sha256 out;
    crypto_hash_sha256_final(&state_, out.data());
    return out;
  }

 private:
  crypto_hash_sha256_state state_;
};

// The board with a region just large enough for `slot_count` slots of `payload_blocks` blocks.
Board small_board(const std::string& name, uint8_t slot_count = 2, uint32_t payload_blocks = 3);
StoreConfig config_for(const Board& board);

struct Package {
  std::vector<uint8_t> manifest;
  std::vector<uint8_t> payload;
  PackageInfo info() const;

  uint32_t id = 0;
  uint32_t model_size = 0, body_offset = 0, body_size = 0;
  uint64_t counter = 0;
  uint8_t attempts = 3;
  Sha256 model_sha256 = {}, body_sha256 = {};
  bool whole = true;  // false: the digests do not fit the bytes
};

Package make_package(uint32_t seed, uint32_t model_size, uint32_t body_size);

// Flash, store and everything they borrow. Reboot makes a new Store on the same flash.
class Rig {
 public:
  Rig(SimFlash& flash, const StoreConfig& config, bool has_builtin = false)
      : flash_(flash), config_(config), has_builtin_(has_builtin) {
    reboot();
  }

  // Mounts; no boot().
  void reboot();
  Store& store() { return *store_; }
  SimFlash& flash() { return flash_; }
  uint32_t now = 1000;

  // Opens, with the work that it takes until header and manifest stand in flash. False: see error; the power may have
  // gone.
  bool open(const Package& package, OpenFlags flags = kOpenNormal);
  // Work until there is none. False when the power went.
  bool settle();
  // The page in work, in two pieces; false when anything failed (error() says what).
  bool send_page(const Package& package, uint32_t page);
  // What the slot holds is this package, byte for byte and by digest.
  bool holds(uint8_t slot, const Package& package);
  // The open package, all of which is durable.
  bool verify();
  bool pages_equal(uint8_t slot, const Package& package, uint32_t count);
  Error error = Error::kNone;
  uint8_t opened = kNoSlot;  // the slot, last
  uint64_t pages_sent = 0;

 private:
  SimFlash& flash_;
  StoreConfig config_;
  bool has_builtin_;
  SodiumDigest digest_;
  std::vector<uint8_t> scratch_;
  std::unique_ptr<Store> store_;
};

}  // namespace storage
}  // namespace roost
