// A slot's meta area: header and manifest, and behind them the seal.
//
// Each is programmed once per erase of the meta. The journal says what is in a slot; the meta says it again for whoever
// finds no journal. All of it goes through the scratch, but for reading a header, which leaves it alone.
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
// seal   | magic u32 |: the package that the header is about was verified
constexpr uint32_t kMetaHeaderBytes = 104;
constexpr uint32_t kSealBytes = 4;
constexpr uint32_t kMetaMagic = 0x324D5352;  // "RSM2"
constexpr uint32_t kSealMagic = 0x3253534C;

class Meta : public Volume {
 public:
  Meta(Flash& flash_, Digest& digest_, MutableBytes scratch_) : Volume(flash_, digest_, scratch_) {}

  // kTooLarge, kBadPackage.
  Error check_sizes(const PackageInfo& package) const;

  // False: torn, never written, or its sizes do not fit the slot.
  bool read_header(uint8_t slot, PackageInfo& out);

  enum class Do : uint8_t { kCompare, kWrite };

  // Ok: header and manifest read as they should. kWrite programs what does not, into a meta that is erased; what the
  // flash said, if it could not be programmed. kCompare: kProgramFailed where they differ.
  Status header(uint8_t slot, const PackageInfo& package, Do what);

  // kCompare: true where a seal stands, which is that of the slot's header if that reads well. kWrite: false where the
  // flash is busy; otherwise it was tried, which is all that is asked for.
  bool seal(uint8_t slot, Do what);
};

}  // namespace storage
}  // namespace roost
