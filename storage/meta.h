// A slot's meta area: header and manifest, two places for the seal, one cell per payload block.
//
// Each field is programmed once per erase of the meta; whatever was torn is left alone and something else vouches
// for it (a second seal, the journal). All of it goes through the scratch, but for reading a header, which leaves it
// alone.
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"
#include "storage/volume.h"

namespace roost {
namespace storage {

// Everything storage has to know of a package, and what a header says of the one in its slot. Page k of a slot is
// payload[k * chunk_bytes ...]; the payload is the model, then, where there is a body, zeros up to body_offset and
// the body. Without defaults: who makes one fills in all of it.
struct PackageInfo {
  uint32_t generation;  // of the slot it is in: drawn by Store::open()
  uint32_t package_id;
  uint8_t attempts;  // prepares it gets before it is confirmed; 0 counts as 1
  uint32_t model_size;
  uint32_t body_offset;  // 0 where body_size is
  uint32_t body_size;
  uint64_t counter;
  Sha256 model_sha256;
  Sha256 body_sha256;  // ignored where body_size is 0
  uint16_t manifest_size;
  const uint8_t* manifest_bytes;  // of a header: into mapped()

  Bytes manifest() const { return Bytes(manifest_bytes, manifest_size); }
  void set_manifest(Bytes manifest) {
    manifest_bytes = manifest.data();
    manifest_size =
        static_cast<uint16_t>(manifest.size() < 0xFFFF ? manifest.size() : 0xFFFF);  // too large, either
  }
  uint32_t payload_size() const;
};

// header | magic u32 | generation u32 | package id u32 | manifest size u16 | attempts u8 | 0 u8 | model size u32 |
//        | body offset u32 | body size u32 | counter u64 | model SHA-256 | body SHA-256 |
//        | CRC-32 of all before and of the manifest | manifest bytes ... |
// seal   | magic u32 | generation u32 | SHA-256 of header and manifest | CRC-32 |
// cell   | chain u32 |, padded to whole units
constexpr uint32_t kMetaHeaderBytes = 104;
constexpr uint32_t kSealBytes = 44;
constexpr uint32_t kCellBytes = 4;
constexpr uint32_t kMetaMagic = 0x314D5352;  // "RSM1"
constexpr uint32_t kSealMagic = 0x3153534C;

// The CRC-32 continued by a word, little-endian.
uint32_t crc32_word(uint32_t crc, uint32_t word);

// The running value over the pages of a slot, bound to the generation, so that no cell of an earlier package fits.
inline uint32_t chain_start(uint32_t generation) {
  return crc32_word(0, generation);
}
inline uint32_t chain_next(uint32_t chain, uint32_t page_crc) {
  return crc32_word(chain, page_crc);
}

class Meta : public Volume {
 public:
  Meta(Flash& flash_, Digest& digest_, MutableBytes scratch_) : Volume(flash_, digest_, scratch_) {}

  // kTooLarge, kBadPackage.
  Error check_sizes(const PackageInfo& package) const;

  // False: torn, never written, or its sizes do not fit the slot.
  bool read_header(uint8_t slot, PackageInfo& out);

  enum class Do : uint8_t { kCompare, kWrite };

  // Header and manifest read as they should. kWrite programs what does not, into a meta that is erased; false: it could
  // not be programmed.
  bool header(uint8_t slot, const PackageInfo& package, Do what);

  // Ok: a seal for just this header and manifest reads well. kWrite tries each place that reads blank instead, since
  // one that was torn may read well only once: kFlashBusy, kProgramFailed. Uses the digest.
  Status seal(uint8_t slot, const PackageInfo& header, Do what);

  // Each has one caller.
  ROOST_INLINE bool cell_is(uint8_t slot, uint32_t block, uint32_t chain) {
    const uint32_t offset = encode_cell(slot, block, chain);
    return reads_equal(offset, Bytes(scratch, kCellBytes));
  }
  ROOST_INLINE Status write_cell(uint8_t slot, uint32_t block, uint32_t chain) {
    const uint32_t offset = encode_cell(slot, block, chain);
    return program(offset, scratch, kCellBytes);
  }

 private:
  uint32_t encode_cell(uint8_t slot, uint32_t block, uint32_t chain);
};

}  // namespace storage
}  // namespace roost
