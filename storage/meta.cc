#include "storage/meta.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/record.h"
#include "storage/flash_io.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kHeaderCovered = kMetaHeaderBytes - 4;
constexpr uint32_t kSealCovered = kSealBytes - 4;

// From the package id to the CRC, but for what a package does not know of itself.
const RecordField kFactsFields[] = {ROOST_FIELD(PackageFacts, package_id),
                                    record_zeros(4),  // manifest size, attempts
                                    ROOST_FIELD(PackageFacts, model_size),
                                    ROOST_FIELD(PackageFacts, body_offset),
                                    ROOST_FIELD(PackageFacts, body_size),
                                    ROOST_FIELD(PackageFacts, counter),
                                    ROOST_BYTES(PackageFacts, model_sha256),
                                    ROOST_BYTES(PackageFacts, body_sha256),
                                    kRecordEnd};
constexpr size_t kGenerationOffset = 4;
constexpr size_t kFactsOffset = 8;
constexpr size_t kManifestSizeOffset = 12;
constexpr size_t kAttemptsOffset = 14;

// Each size is bounded by itself first, so that no sum can wrap.
bool sizes_fit(const MetaHeader& h, uint32_t payload_max) {
  if (h.manifest_size > kManifestBytesMax || h.model_size == 0 || h.model_size > payload_max) return false;
  if (h.body_size == 0) return true;
  return h.body_offset >= h.model_size && h.body_offset <= payload_max &&
         h.body_size <= payload_max - h.body_offset;
}

// Never equal to an erased word, so that a written cell is always told from a blank one.
uint32_t cell_value(uint32_t chain, uint8_t erased_value) {
  const uint32_t erased = erased_value * 0x01010101u;
  return chain == erased ? chain ^ 0x5A5A5A5Au : chain;
}

}  // namespace

uint32_t chain_start(uint32_t generation) {
  return chain_next(0, generation);
}

uint32_t chain_next(uint32_t chain, uint32_t page_crc) {
  uint8_t bytes[4];
  store_le32(bytes, page_crc);
  return crc32(chain, bytes);
}

bool Meta::read_header(uint8_t slot, MetaHeader& out) {
  const uint32_t offset = layout_->header_offset(slot);
  const MutableBytes head = scratch_.first(kMetaHeaderBytes);
  if (!flash_.read(offset, head).ok() || load_le32(head.data()) != kMetaMagic) return false;
  load_record(kFactsFields, head.data() + kFactsOffset, static_cast<PackageFacts*>(&out));
  out.generation = load_le32(head.data() + kGenerationOffset);
  out.manifest_size = load_le16(head.data() + kManifestSizeOffset);
  out.attempts = head[kAttemptsOffset];
  if (!sizes_fit(out, layout_->payload_bytes_max())) return false;
  const uint32_t expected = load_le32(head.data() + kHeaderCovered);
  uint32_t crc = crc32(0, head.first(kHeaderCovered));
  for (uint32_t at = 0; at < out.manifest_size;) {
    const uint32_t left = out.manifest_size - at;
    const MutableBytes piece = scratch_.first(left < scratch_.size() ? left : scratch_.size());
    if (!flash_.read(manifest_offset(slot) + at, piece).ok()) return false;
    crc = crc32(crc, piece);
    at += static_cast<uint32_t>(piece.size());
  }
  return crc == expected;
}

Status Meta::write_header(uint8_t slot, const MetaHeader& header, Bytes manifest) {
  // Header and manifest are one run of bytes, programmed a scratch of whole units at a time.
  const uint32_t run = static_cast<uint32_t>(scratch_.size()) & ~(layout_->unit_bytes - 1);
  uint8_t* bytes = scratch_.data();
  store_le32(bytes, kMetaMagic);
  store_record(kFactsFields, static_cast<const PackageFacts*>(&header), bytes + kFactsOffset);
  store_le32(bytes + kGenerationOffset, header.generation);
  store_le16(bytes + kManifestSizeOffset, header.manifest_size);
  bytes[kAttemptsOffset] = header.attempts;
  store_le32(bytes + kHeaderCovered, crc32(crc32(0, Bytes(bytes, kHeaderCovered)), manifest));
  uint32_t filled = kMetaHeaderBytes;
  uint32_t taken = 0;
  for (uint32_t offset = layout_->header_offset(slot);; offset += run) {
    const uint32_t left = static_cast<uint32_t>(manifest.size()) - taken;
    const uint32_t count = left < run - filled ? left : run - filled;
    if (count != 0) memcpy(bytes + filled, manifest.data() + taken, count);
    taken += count;
    filled += count;
    const Status status =
        program_checked(flash_, offset, scratch_.first(layout_->round_up_to_unit(filled)), filled);
    if (!status.ok() || taken == manifest.size()) return status;
    filled = 0;
  }
}

bool Meta::manifest_is(uint8_t slot, Bytes manifest) {
  return reads_equal(flash_, manifest_offset(slot), manifest);
}

void Meta::encode_seal(uint8_t slot, const MetaHeader& header, uint8_t* out) {
  digest_.reset();
  const uint32_t size = kMetaHeaderBytes + header.manifest_size;
  constexpr uint32_t kPieceBytes = 64;
  uint8_t piece[kPieceBytes];
  for (uint32_t at = 0; at < size; at += kPieceBytes) {
    const MutableBytes bytes(piece, size - at < kPieceBytes ? size - at : kPieceBytes);
    // An unreadable piece leaves the digest wrong, and so the seal void.
    if (flash_.read(layout_->header_offset(slot) + at, bytes).ok()) digest_.update(bytes);
  }
  const Sha256 digest = digest_.finish();
  store_le32(out, kSealMagic);
  store_le32(out + 4, header.generation);
  memcpy(out + 8, digest.data(), kSha256Bytes);
  store_le32(out + kSealCovered, crc32(0, Bytes(out, kSealCovered)));
}

bool Meta::sealed(uint8_t slot, const MetaHeader& header) {
  uint8_t seal[kSealBytes];
  encode_seal(slot, header, seal);
  for (uint32_t index = 0; index < kSealCount; ++index) {
    if (reads_equal(flash_, layout_->seal_offset(slot, index), seal)) return true;
  }
  return false;
}

Status Meta::write_seal(uint8_t slot, const MetaHeader& header) {
  Status status = Error::kProgramFailed;
  encode_seal(slot, header, scratch_.data());
  for (uint32_t index = 0; index < kSealCount; ++index) {
    const uint32_t offset = layout_->seal_offset(slot, index);
    if (!reads_blank(flash_, offset, layout_->seal_bytes)) continue;
    status = program_checked(flash_, offset, scratch_.first(layout_->seal_bytes), kSealBytes);
    if (status.ok() || status.error() == Error::kNoPower) return status;
  }
  return status;
}

bool Meta::cell_is(uint8_t slot, uint32_t block, uint32_t chain) {
  uint8_t cell[kCellBytes];
  store_le32(cell, cell_value(chain, flash_.geometry().erased_value));
  return reads_equal(flash_, layout_->cell_offset(slot, block), cell);
}

bool Meta::cell_is_blank(uint8_t slot, uint32_t block) {
  return reads_blank(flash_, layout_->cell_offset(slot, block), layout_->cell_bytes);
}

Status Meta::write_cell(uint8_t slot, uint32_t block, uint32_t chain) {
  store_le32(scratch_.data(), cell_value(chain, flash_.geometry().erased_value));
  return program_checked(flash_, layout_->cell_offset(slot, block), scratch_.first(layout_->cell_bytes),
                         kCellBytes);
}

}  // namespace storage
}  // namespace roost
