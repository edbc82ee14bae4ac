// A slot's meta area: header and manifest, two places for the seal, one cell per payload block.
//
// Each field is programmed once per erase of the meta; whatever was torn is left alone and something else vouches
// for it (a second seal, the journal). Borrows flash, digest and scratch for its life.
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/span.h"
#include "storage/flash.h"
#include "storage/layout.h"

namespace roost {
namespace storage {

// What is known of a package besides its manifest; sizes and offsets within the payload.
struct PackageFacts {
  uint32_t package_id = 0;
  uint32_t model_size = 0;
  uint32_t body_offset = 0;  // 0 where body_size is
  uint32_t body_size = 0;
  uint64_t counter = 0;
  Sha256 model_sha256 = {};
  Sha256 body_sha256 = {};  // ignored where body_size is 0

  uint32_t payload_size() const { return body_size == 0 ? model_size : body_offset + body_size; }
};

// What the header keeps of it.
struct MetaHeader : PackageFacts {
  uint32_t generation = 0;
  uint16_t manifest_size = 0;
  uint8_t attempts = 0;
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

// The running value over the pages of a slot, bound to the generation, so that no cell of an earlier package fits.
uint32_t chain_start(uint32_t generation);
uint32_t chain_next(uint32_t chain, uint32_t page_crc);

class Meta {
 public:
  Meta(Flash& flash, Digest& digest, MutableBytes scratch) : flash_(flash), digest_(digest), scratch_(scratch) {}
  void set_layout(const Layout& layout) { layout_ = &layout; }  // borrowed

  // False: torn, never written, or its sizes do not fit the slot.
  bool read_header(uint8_t slot, MetaHeader& out);
  Status write_header(uint8_t slot, const MetaHeader& header, Bytes manifest);
  bool manifest_is(uint8_t slot, Bytes manifest);  // its first bytes; the size is in the header
  uint32_t manifest_offset(uint8_t slot) const { return layout_->header_offset(slot) + kMetaHeaderBytes; }

  // A seal for just this header and manifest reads well. Uses the digest.
  bool sealed(uint8_t slot, const MetaHeader& header);
  // Tries each place that reads blank. kProgramFailed: none took it.
  Status write_seal(uint8_t slot, const MetaHeader& header);

  bool cell_is(uint8_t slot, uint32_t block, uint32_t chain);
  bool cell_is_blank(uint8_t slot, uint32_t block);
  Status write_cell(uint8_t slot, uint32_t block, uint32_t chain);

 private:
  void encode_seal(uint8_t slot, const MetaHeader& header, uint8_t* out);

  Flash& flash_;
  Digest& digest_;
  MutableBytes scratch_;
  const Layout* layout_ = nullptr;
};

}  // namespace storage
}  // namespace roost
