#include "tests/storage/rig.h"

#include <random>

namespace roost {
namespace storage {

Board small_board(const std::string& name, uint8_t slot_count, uint32_t payload_blocks) {
  Board board = *device::find_board(name);
  for (uint32_t slot_blocks = payload_blocks + 1;; ++slot_blocks) {
    board.geometry.size_bytes = (kJournalBlocks + slot_count * slot_blocks) * board.geometry.erase_block_bytes;
    Layout layout;
    const bool fits = layout.set(board.geometry, slot_count, board.chunk_bytes).ok();
    if (fits && layout.payload_blocks() >= payload_blocks) return board;
  }
}

StoreConfig config_for(const Board& board) {
  StoreConfig config;
  config.chunk_bytes = board.chunk_bytes;
  config.displace_idle_ms = 1000;
  config.early_erase_grace_ms = 1000;
  return config;
}

namespace {

Sha256 sha256(const uint8_t* bytes, size_t size) {
  Sha256 out;
  crypto_hash_sha256(out.data(), bytes, size);
  return out;
}

}  // namespace

Package make_package(uint32_t seed, uint32_t model_size, uint32_t body_size) {
  std::mt19937 random(seed);
  Package p;
  p.model_size = model_size;
  p.body_size = body_size;
  p.body_offset = body_size == 0 ? 0 : (model_size + 15) / 16 * 16;
  p.payload.resize(body_size == 0 ? model_size : p.body_offset + body_size);
  for (uint32_t i = 0; i < p.payload.size(); ++i) {
    const bool gap = i >= model_size && i < p.body_offset;
    p.payload[i] = gap ? 0 : static_cast<uint8_t>(random());
  }
  p.manifest.resize(150 + seed % 500);
  for (uint8_t& byte : p.manifest) byte = static_cast<uint8_t>(random());
  p.id = load_le32(sha256(p.manifest.data(), p.manifest.size()).data());
  p.model_sha256 = sha256(p.payload.data(), model_size);
  if (body_size != 0) p.body_sha256 = sha256(p.payload.data() + p.body_offset, body_size);
  return p;
}

PackageInfo Package::info() const {
  PackageInfo info = {};
  info.package_id = id;
  info.set_manifest(manifest);
  info.model_size = model_size;
  info.body_offset = body_offset;
  info.body_size = body_size;
  info.model_sha256 = model_sha256;
  info.body_sha256 = body_sha256;
  info.counter = counter;
  info.attempts = attempts;
  return info;
}

void Rig::reboot() {
  // A fresh object over rubbish scratch: nothing may live on in RAM.
  scratch_.assign(Store::scratch_bytes(flash_.geometry()), 0xA5);
  store_ = std::make_unique<Store>(flash_, digest_, config_, has_builtin_, scratch_);
  error = store_->mount(now).error();
}

bool Rig::open(const Package& package, OpenFlags flags) {
  for (int i = 0; i < 10000; ++i) {
    PackageInfo info = package.info();
    error = store_->open(info, flags, now).error();
    if (error != Error::kNone) return false;
    opened = store_->open_slot();
    if (store_->manifest_taken()) return true;
    while (store_->receiving() && store_->work_wanted(now)) {
      error = store_->work(now).error();
      if (error == Error::kNoPower) return false;
    }
  }
  return false;
}

bool Rig::settle() {
  for (int i = 0; i < 10000 && store_->work_wanted(now); ++i) {
    error = store_->work(now).error();
    if (error == Error::kNoPower) return false;
  }
  return true;
}

bool Rig::send_page(const Package& package, uint32_t page) {
  const uint32_t chunk = store_->layout().chunk_bytes;
  const uint32_t unit = flash_.geometry().program_unit_bytes;
  const uint32_t size = store_->chunk_size(page);
  std::vector<uint8_t> bytes(package.payload.begin() + page * chunk, package.payload.begin() + page * chunk + size);
  uint8_t head[8];
  store_le32(head, package.id);
  store_le32(head + 4, page);
  const uint32_t crc = crc32(crc32(0, head), bytes);
  bytes.resize((size + unit - 1) / unit * unit, flash_.geometry().erased_value);
  const uint32_t first = static_cast<uint32_t>(bytes.size()) / 2 / unit * unit;
  error = first == 0 ? Error::kNone : store_->program(Bytes(bytes.data(), first), now).error();
  if (error != Error::kNone) return false;
  error = store_->program(Bytes(bytes).from(first), now).error();
  if (error != Error::kNone) return false;
  ++pages_sent;
  error = store_->close_page(crc).error();
  return error == Error::kNone;
}

bool Rig::verify() {
  do error = store_->verify_step(1000).error();
  while (error == Error::kNone && store_->verifying());
  return error == Error::kNone;
}

bool Rig::pages_equal(uint8_t slot, const Package& package, uint32_t count) {
  const uint32_t size =
      std::min<uint32_t>(count * store_->layout().chunk_bytes, static_cast<uint32_t>(package.payload.size()));
  std::vector<uint8_t> bytes(size);
  if (!flash_.read(store_->layout().payload_offset(slot), bytes).ok()) return false;
  return std::equal(bytes.begin(), bytes.end(), package.payload.begin());
}

bool Rig::holds(uint8_t slot, const Package& package) {
  const SlotInfo info = store_->slot_info(slot);
  const SlotRecord& record = store_->state().slots[slot];
  if (!is_in(record.state, kSealedStates) || record.package_id != package.id) return false;
  if (!info.sound() || info.package_id != package.id || !same_bytes(info.manifest(), package.manifest))
    return false;
  if (!same_bytes(info.model(), Bytes(package.payload.data(), package.model_size))) return false;
  if (!same_bytes(info.body(), Bytes(package.payload.data() + package.body_offset, package.body_size)))
    return false;
  SodiumDigest digest;
  digest.reset();
  digest.update(info.model());
  return pages_equal(slot, package, 0xFFFF) && digest.finish() == info.model_sha256;
}

}  // namespace storage
}  // namespace roost
