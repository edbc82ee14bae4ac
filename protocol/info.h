// The value of the Info characteristic: what the device is, can take, holds and runs. At most 512 bytes.
//
// The first 20 bytes (one read at any MTU) suffice to offer; the whole carries its length, a generation that grows
// with every change, and a CRC-32 over everything but the CRC. New fields are appended; readers ignore what follows
// the fields they know. SPEC.md draws it.
#pragma once

#include <stdint.h>
#include <string.h>
#include <array>

#include "base/bytes.h"
#include "base/record.h"
#include "base/span.h"
#include "protocol/error.h"
#include "protocol/manifest.h"
#include "protocol/reason.h"

namespace roost {
namespace protocol {

constexpr size_t kInfoHeadBytes = 20;
constexpr size_t kInfoBytesMax = 512;
constexpr size_t kInfoSlotsMax = 3;
constexpr size_t kInfoTensorsMax = 4;
constexpr size_t kTensorRankMax = 6;
constexpr size_t kDigestPrefixBytes = 8;

// A short text by value: UTF-8, not terminated. Longer ones are cut on construction.
template <size_t N>
struct ShortText {
  std::array<char, N> data{};
  uint8_t size = 0;

  void assign(const char* text, size_t length) {
    size = static_cast<uint8_t>(length < N ? length : N);
    if (size != 0) memcpy(data.data(), text, size);
  }
  void assign(const char* zero_terminated) {
    for (size = 0; size < N && zero_terminated[size] != 0; ++size) data[size] = zero_terminated[size];
  }
  Text text() const { return Text(data.data(), size); }
};

// Where a package stands. "Received, stored, verified, on trial, confirmed, rolled back" are never mixed up.
enum class PackageState : uint8_t {
  kEmpty = 0,       // nothing, or erased
  kReceiving = 1,   // accepted, some chunks durable
  kStored = 2,      // every chunk durable, not verified
  kVerified = 3,    // sealed, waiting for ACTIVATE
  kTrial = 4,       // runs, not confirmed
  kConfirmed = 5,   // runs or ran well: something to return to
  kRolledBack = 6,  // was on trial and is not to run again; reason says why
  kRejected = 7,    // refused by a check after it was stored; reason says why
  kErasing = 8,
};

enum InfoPolicy : uint16_t {
  kPolicySigned = 1,      // takes signed packages only
  kPolicyEncrypted = 2,   // wants an encrypted link
  kPolicyEarlyErase = 4,  // clears the retired slot after the grace time: no rolling back after that
  kPolicyBuiltIn = 8,     // carries a built-in model
};

constexpr uint8_t kRunningNone = 0xFF;
constexpr uint8_t kRunningBuiltIn = 0xFE;

// The first 20 bytes.
struct InfoHead {
  uint8_t version = 1;  // of the protocol
  uint8_t chunk_log2 = 12;
  uint16_t size = 0;                  // of the whole value; filled in by encode_info
  uint16_t generation = 0;            // grows with every change of the value
  uint16_t initial_credit_bytes = 0;  // of manifest fragments' payload that may follow an OFFER at once
  uint16_t preferred_value_bytes = 244;
  uint16_t manifest_bytes_max = 1024;
  uint32_t payload_bytes_max = 0;  // of a package
  uint32_t crc = 0;                // filled in by encode_info
};

struct InfoSlotFacts {
  PackageState state = PackageState::kEmpty;
  Reason reason = Reason::kOk;
  uint16_t detail = 0;
  uint32_t generation = 0;  // storage's: grows with every use of the slot
  uint32_t package_id = 0;
  uint16_t durable_chunks = 0;
  uint32_t erase_count_max = 0;  // of its most worn block
};

struct InfoSlot : InfoSlotFacts {
  std::array<uint8_t, kDigestPrefixBytes> model_digest{};  // first bytes of the model's SHA-256
  ShortText<kNameBytesMax> name;
  ShortText<kVersionBytesMax> version;
};

struct InfoRunningFacts {
  uint8_t slot = kRunningNone;  // index, kRunningBuiltIn or kRunningNone
  PackageState state = PackageState::kEmpty;
  Reason reason = Reason::kOk;  // of the last return to an older model
  uint16_t detail = 0;
  uint32_t generation = 0;  // of the runtime: grows with every swap
};

struct InfoRunning : InfoRunningFacts {
  std::array<uint8_t, 32> model_digest{};
};

struct InfoTensor {
  uint8_t type = 0;  // TensorType of protocol/manifest.h
  uint8_t rank = 0;
  std::array<uint16_t, kTensorRankMax> shape{};
};

struct InfoDevice {
  InfoHead head;
  std::array<uint8_t, 16> device_id{};
  uint16_t policy = 0;
  uint16_t ring_bytes = 0;
  uint32_t arena_bytes = 0;
  uint32_t erase_block_bytes = 0;
  uint16_t program_unit_bytes = 0;
  uint8_t erased_value = 0xFF;
  uint16_t erases_left = 0;  // in the erase budget, now
};

struct Info : InfoDevice {
  ShortText<kHardwareBytesMax> hardware;
  InfoRunning running;
  uint8_t slot_count = 0;
  std::array<InfoSlot, kInfoSlotsMax> slots;
  uint8_t input_count = 0;
  std::array<InfoTensor, kInfoTensorsMax> inputs;
  uint8_t output_count = 0;
  std::array<InfoTensor, kInfoTensorsMax> outputs;
};

// Where they stand in the value.
extern const RecordField kInfoDeviceFields[];
extern const RecordField kInfoRunningFields[];
extern const RecordField kInfoSlotFields[];

// Writes the value in pieces, so that a device needs no Info of its own, and no copies of what it has already.
// `out` holds kInfoBytesMax: whatever the pieces are, their texts are cut to fit, and no more than kInfoSlotsMax
// and kInfoTensorsMax are to be written.
//
//   InfoWriter writer(out);
//   writer.device(device);  writer.hardware(text);
//   writer.running(facts, model_sha256);
//   writer.count(slots);    writer.slot(facts, model_sha256); writer.name(text); writer.version(text); ...
//   writer.count(inputs);   writer.tensor(type, shape); ...
//   writer.count(outputs);  writer.tensor(type, shape); ...
//   size = writer.finish();
class InfoWriter {
 public:
  explicit InfoWriter(MutableBytes out) : start_(out.data()), end_(out.data()) {
    ROOST_ASSERT(out.size() >= kInfoBytesMax);
  }

  // Size and CRC in device.head are zero: they are computed.
  ROOST_INLINE void device(const InfoDevice& device) { put_record(kInfoDeviceFields, &device); }
  void hardware(Text text) { put_text(kHardwareBytesMax, text); }
  ROOST_INLINE void running(const InfoRunningFacts& running, const std::array<uint8_t, 32>& model_digest) {
    put_record(kInfoRunningFields, &running);
    put_bytes(model_digest.data(), model_digest.size());
  }
  // Of the digest at `model_digest` the first bytes.
  ROOST_INLINE void slot(const InfoSlotFacts& slot, const uint8_t* model_digest) {
    put_record(kInfoSlotFields, &slot);
    put_bytes(model_digest, kDigestPrefixBytes);
  }
  void name(Text text) { put_text(kNameBytesMax, text); }
  void version(Text text) { put_text(kVersionBytesMax, text); }
  void count(uint8_t count) { *end_++ = count; }
  void tensor(uint8_t type, Span<const int32_t> shape);  // a dimension below zero is any: 0 in Info
  // How many bytes it takes.
  uint16_t finish();

 private:
  void put_record(RecordFields fields, const void* object);
  void put_bytes(const void* from, size_t size);
  void put_text(size_t size_max, Text text);

  uint8_t* start_;
  uint8_t* end_;
};

// Returns how many bytes of `out` the value takes. Errors: kTooLong (out is not of kInfoBytesMax), kRange.
// head.size and head.crc of `info` are ignored and computed.
Result<uint16_t> encode_info(const Info& info, MutableBytes out);

// The first 20 bytes alone: no CRC can be checked. Errors: kTooShort, kVersion, kRange.
Result<InfoHead> decode_info_head(Bytes value);

// Errors: kTooShort, kVersion, kChecksum, kRange. `info` is meaningful only on success.
Status decode_info(Bytes value, Info* info);

// Service data in the scan response, after the service's 16-byte UUID: 13 bytes at most.
constexpr size_t kAdvertisedBytesMax = 13;
constexpr size_t kAdvertisedDigestBytes = 4;
constexpr size_t kAdvertisedVersionMax = 7;
struct Advertised {
  PackageState state = PackageState::kEmpty;                   // of what runs
  std::array<uint8_t, kAdvertisedDigestBytes> model_digest{};  // first bytes
  ShortText<kAdvertisedVersionMax> version;
};
// Returns how many of the kAdvertisedBytesMax at `out` it takes; of a longer version the beginning.
size_t encode_advertised(PackageState state, const uint8_t* model_digest, const Text& version, uint8_t* out);
Result<Advertised> decode_advertised(Bytes value);

}  // namespace protocol
}  // namespace roost
