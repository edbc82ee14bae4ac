#include "storage/meta.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/record.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kHeaderCovered = kMetaHeaderBytes - 4;
constexpr uint32_t kSealCovered = kSealBytes - 4;

// Between the magic and the CRC.
const RecordField kHeaderFields[] = {ROOST_FIELD(PackageInfo, generation),
                                     ROOST_FIELD(PackageInfo, package_id),
                                     ROOST_FIELD(PackageInfo, manifest_size),
                                     ROOST_FIELD(PackageInfo, attempts),
                                     record_zeros(1),
                                     ROOST_FIELD(PackageInfo, model_size),
                                     ROOST_FIELD(PackageInfo, body_offset),
                                     ROOST_FIELD(PackageInfo, body_size),
                                     ROOST_FIELD(PackageInfo, counter),
                                     ROOST_BYTES(PackageInfo, model_sha256),
                                     ROOST_BYTES(PackageInfo, body_sha256),
                                     kRecordEnd};
constexpr size_t kFieldsOffset = 4;
constexpr size_t kGenerationOffset = 4;
constexpr size_t kAttemptsOffset = 14;

}  // namespace

uint32_t chain_next(uint32_t chain, uint32_t page_crc) {
  uint8_t bytes[4];
  store_le32(bytes, page_crc);
  return crc32(chain, bytes);
}

// Each size is bounded by itself first, so that no sum can wrap.
Error Meta::check_sizes(const PackageInfo& p) const {
  const uint32_t room = layout.payload_bytes_max();
  if (p.manifest_size > kManifestBytesMax || p.model_size > room) return Error::kTooLarge;
  if (p.model_size == 0 || p.manifest_size == 0) return Error::kBadPackage;
  if (p.body_size == 0) return Error::kNone;
  if (p.body_offset < p.model_size) return Error::kBadPackage;
  return p.body_offset > room || p.body_size > room - p.body_offset ? Error::kTooLarge : Error::kNone;
}

bool Meta::read_header(uint8_t slot, PackageInfo& out) {
  const uint32_t offset = layout.header_offset(slot);
  uint8_t head[kMetaHeaderBytes];
  if (!flash.read(offset, head).ok() || load_le32(head) != kMetaMagic) return false;
  (void)load_record(kHeaderFields, head + kFieldsOffset, &out);
  out.manifest_bytes = flash.mapped() + offset + kMetaHeaderBytes;
  uint32_t crc = crc32(0, Bytes(head, kHeaderCovered));
  return check_sizes(out) == Error::kNone && take(offset + kMetaHeaderBytes, out.manifest_size, &crc).ok() &&
         crc == load_le32(head + kHeaderCovered);
}

// Into the scratch.
void Meta::encode_header(const SlotRecord& record, const PackageInfo& package) {
  uint8_t* out = scratch.data();
  store_le32(out, kMetaMagic);
  (void)store_record(kHeaderFields, &package, out + kFieldsOffset);
  store_le32(out + kGenerationOffset, record.generation);
  out[kAttemptsOffset] = record.attempts_max;
  store_le32(out + kHeaderCovered, crc32(crc32(0, Bytes(out, kHeaderCovered)), package.manifest()));
}

Status Meta::write_header(uint8_t slot, const SlotRecord& record, const PackageInfo& package) {
  encode_header(record, package);
  // Header and manifest are one run of bytes, programmed a scratch of whole units at a time.
  const uint32_t run = static_cast<uint32_t>(scratch.size()) & ~(layout.unit_bytes - 1u);
  uint32_t filled = kMetaHeaderBytes;
  Bytes left = package.manifest();
  for (uint32_t offset = layout.header_offset(slot);; offset += run) {
    const uint32_t room = run - filled;
    const uint32_t count = left.size() < room ? static_cast<uint32_t>(left.size()) : room;
    memcpy(scratch.data() + filled, left.data(), count);
    left = left.from(count);
    const Status status = program(offset, scratch.data(), filled + count);
    if (!status.ok() || left.empty()) return status;
    filled = 0;
  }
}

bool Meta::holds(uint8_t slot, const SlotRecord& record, const PackageInfo& package) {
  encode_header(record, package);
  const uint32_t offset = layout.header_offset(slot);
  return reads_equal(offset, scratch.first(kMetaHeaderBytes)) &&
         reads_equal(offset + kMetaHeaderBytes, package.manifest());
}

void Meta::encode_seal(uint8_t slot, const PackageInfo& header, uint8_t* out) {
  digest.reset();
  // What cannot be read leaves the digest wrong, and so the seal void.
  (void)take(layout.header_offset(slot), kMetaHeaderBytes + header.manifest_size, nullptr);
  const Sha256 sha256 = digest.finish();
  store_le32(out, kSealMagic);
  store_le32(out + 4, header.generation);
  memcpy(out + 8, sha256.data(), kSha256Bytes);
  store_le32(out + kSealCovered, crc32(0, Bytes(out, kSealCovered)));
}

bool Meta::sealed(uint8_t slot, const PackageInfo& header) {
  uint8_t seal[kSealBytes];
  encode_seal(slot, header, seal);
  for (uint32_t index = 0; index < kSealCount; ++index) {
    if (reads_equal(layout.seal_offset(slot, index), seal)) return true;
  }
  return false;
}

Status Meta::write_seal(uint8_t slot, const PackageInfo& header) {
  encode_seal(slot, header, scratch.data());
  Status status = Error::kProgramFailed;
  for (uint32_t index = 0; index < kSealCount && !status.ok(); ++index) {
    const uint32_t offset = layout.seal_offset(slot, index);
    if (reads_blank(offset, layout.round_up_to_unit(kSealBytes))) {
      status = program(offset, scratch.data(), kSealBytes);
    }
  }
  return status;
}

// Never equal to an erased word, so that a written cell is always told from a blank one.
void Meta::encode_cell(uint32_t chain, uint8_t* out) const {
  const uint32_t erased = layout.erased_value * 0x01010101u;
  store_le32(out, chain == erased ? chain ^ 0x5A5A5A5Au : chain);
}

bool Meta::cell_is(uint8_t slot, uint32_t block, uint32_t chain) {
  uint8_t cell[kCellBytes];
  encode_cell(chain, cell);
  return reads_equal(layout.cell_offset(slot, block), cell);
}

Status Meta::write_cell(uint8_t slot, uint32_t block, uint32_t chain) {
  encode_cell(chain, scratch.data());
  return program(layout.cell_offset(slot, block), scratch.data(), kCellBytes);
}

}  // namespace storage
}  // namespace roost
