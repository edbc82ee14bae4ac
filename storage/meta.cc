#include "storage/meta.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/record.h"

namespace roost {
namespace storage {
namespace {

constexpr uint32_t kHeaderCovered = kMetaHeaderBytes - 4;

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

Status Meta::header(uint8_t slot, const PackageInfo& package, Do what) {
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
    if (!reads_equal(offset, Bytes(scratch, filled))) {
      const Status status = what == Do::kCompare ? Error::kProgramFailed : program(offset, scratch, filled);
      if (!status.ok()) return status;
    }
    if (left == 0) return Status();
    filled = 0;
  }
}

bool Meta::seal(uint8_t slot, Do what) {
  store_le32(scratch, kSealMagic);
  const uint32_t offset = layout.seal_offset(slot);
  // One that was torn is left alone: it may read well only once.
  const bool write = what == Do::kWrite;
  const bool fits = reads_as(offset, write ? nullptr : scratch, kSealBytes);
  return write ? !fits || !program(offset, scratch, kSealBytes).is(Error::kFlashBusy) : fits;
}

}  // namespace storage
}  // namespace roost
