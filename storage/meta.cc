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
                                     ROOST_FIELD(PackageInfo, model_sha256),
                                     ROOST_FIELD(PackageInfo, body_sha256),
                                     kRecordEnd};
constexpr size_t kFieldsOffset = 4;

}  // namespace

uint32_t PackageInfo::payload_size() const {
  return body_size == 0 ? model_size : body_offset + body_size;
}

uint32_t crc32_word(uint32_t crc, uint32_t word) {
  uint8_t bytes[4];
  store_le32(bytes, word);
  return crc32(crc, bytes);
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

bool Meta::header(uint8_t slot, const PackageInfo& package, Do what) {
  store_le32(scratch, kMetaMagic);
  (void)store_record(kHeaderFields, &package, scratch + kFieldsOffset);
  store_le32(scratch + kHeaderCovered, crc32(crc32(0, Bytes(scratch, kHeaderCovered)), package.manifest()));
  // Header and manifest are one run of bytes: a scratch of it at a time.
  uint32_t filled = kMetaHeaderBytes;
  const uint8_t* manifest = package.manifest_bytes;
  uint32_t left = package.manifest_size;
  for (uint32_t offset = layout.header_offset(slot);; offset += kUnitBytesMax) {
    const uint32_t room = kUnitBytesMax - filled;
    const uint32_t count = left < room ? left : room;
    memcpy(scratch + filled, manifest, count);
    manifest += count;
    left -= count;
    filled += count;
    const bool stands = reads_equal(offset, Bytes(scratch, filled));
    if (!stands && (what == Do::kCompare || !program(offset, scratch, filled).ok())) return false;
    if (left == 0) return true;
    filled = 0;
  }
}

Status Meta::seal(uint8_t slot, const PackageInfo& header, Do what) {
  digest.reset();
  // What cannot be read leaves the digest wrong, and so the seal void.
  (void)take(layout.header_offset(slot), kMetaHeaderBytes + header.manifest_size, nullptr);
  const Sha256 sha256 = digest.finish();
  store_le32(scratch, kSealMagic);
  store_le32(scratch + 4, header.generation);
  memcpy(scratch + 8, sha256.data(), kSha256Bytes);
  store_le32(scratch + kSealCovered, crc32(0, Bytes(scratch, kSealCovered)));
  Status status = Error::kProgramFailed;
  for (uint32_t index = 0; index < kSealCount && !status.ok(); ++index) {
    const uint32_t offset = layout.seal_offset(slot, index);
    const bool write = what == Do::kWrite;
    if (!reads_as(offset, write ? nullptr : scratch, kSealBytes)) continue;
    status = write ? program(offset, scratch, kSealBytes) : Status();
  }
  return status;
}

// Into the scratch; where it stands in flash. Never equal to an erased word, so that a written cell is always told
// from a blank one.
uint32_t Meta::encode_cell(uint8_t slot, uint32_t block, uint32_t chain) {
  const uint32_t erased = layout.erased_value * 0x01010101u;
  store_le32(scratch, chain == erased ? chain ^ 0x5A5A5A5Au : chain);
  return layout.cell_offset(slot, block);
}

}  // namespace storage
}  // namespace roost
