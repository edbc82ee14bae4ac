#include "protocol/info.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "protocol/control.h"

namespace roost {
namespace protocol {

constexpr RecordField kInfoDeviceFields[] = {ROOST_FIELD(InfoDevice, head.version),
                                             ROOST_FIELD(InfoDevice, head.chunk_log2),
                                             ROOST_FIELD(InfoDevice, head.size),
                                             ROOST_FIELD(InfoDevice, head.generation),
                                             ROOST_FIELD(InfoDevice, head.initial_credit_bytes),
                                             ROOST_FIELD(InfoDevice, head.preferred_value_bytes),
                                             ROOST_FIELD(InfoDevice, head.manifest_bytes_max),
                                             ROOST_FIELD(InfoDevice, head.payload_bytes_max),
                                             ROOST_FIELD(InfoDevice, head.crc),
                                             ROOST_FIELD(InfoDevice, device_id),
                                             ROOST_FIELD(InfoDevice, policy),
                                             ROOST_FIELD(InfoDevice, ring_bytes),
                                             ROOST_FIELD(InfoDevice, arena_bytes),
                                             ROOST_FIELD(InfoDevice, erase_block_bytes),
                                             ROOST_FIELD(InfoDevice, program_unit_bytes),
                                             ROOST_FIELD(InfoDevice, erased_value),
                                             ROOST_FIELD(InfoDevice, erases_left),
                                             kRecordEnd};
constexpr RecordField kInfoSlotFields[] = {
    ROOST_FIELD(InfoSlotFacts, state),           ROOST_FIELD(InfoSlotFacts, reason),
    ROOST_FIELD(InfoSlotFacts, detail),          ROOST_FIELD(InfoSlotFacts, generation),
    ROOST_FIELD(InfoSlotFacts, package_id),      ROOST_FIELD(InfoSlotFacts, durable_chunks),
    ROOST_FIELD(InfoSlotFacts, erase_count_max), kRecordEnd};
constexpr RecordField kInfoRunningFields[] = {
    ROOST_FIELD(InfoRunningFacts, slot),       ROOST_FIELD(InfoRunningFacts, state),
    ROOST_FIELD(InfoRunningFacts, reason),     ROOST_FIELD(InfoRunningFacts, detail),
    ROOST_FIELD(InfoRunningFacts, generation), kRecordEnd};

namespace {

constexpr size_t kSizeOffset = 2;
constexpr size_t kCrcOffset = 16;

constexpr RecordField kHeadFields[] = {ROOST_FIELD(InfoHead, version),
                                       ROOST_FIELD(InfoHead, chunk_log2),
                                       ROOST_FIELD(InfoHead, size),
                                       ROOST_FIELD(InfoHead, generation),
                                       ROOST_FIELD(InfoHead, initial_credit_bytes),
                                       ROOST_FIELD(InfoHead, preferred_value_bytes),
                                       ROOST_FIELD(InfoHead, manifest_bytes_max),
                                       ROOST_FIELD(InfoHead, payload_bytes_max),
                                       ROOST_FIELD(InfoHead, crc),
                                       kRecordEnd};

// What InfoWriter counts on.
constexpr size_t kTensorsBytesMax = 1 + kInfoTensorsMax * (2 + 2 * kTensorRankMax);
constexpr size_t kSlotBytesMax =
    record_size(kInfoSlotFields) + kDigestPrefixBytes + 1 + kNameBytesMax + 1 + kVersionBytesMax;
static_assert(record_size(kInfoDeviceFields) + 1 + kHardwareBytesMax + record_size(kInfoRunningFields) +
                      kSha256Bytes + 1 + kInfoSlotsMax * kSlotBytesMax + 2 * kTensorsBytesMax <=
                  kInfoBytesMax,
              "Info in full");

void get_record(ByteReader* r, RecordFields fields, void* object) {
  if (const uint8_t* in = r->take(record_size(fields))) load_record(fields, in, object);
}

// What comes to nothing where `r` is at its end stays zero, and `r` says so.
template <size_t N>
void get_digest(ByteReader* r, std::array<uint8_t, N>* digest) {
  if (const uint8_t* in = r->take(N)) memcpy(digest->data(), in, N);
}

template <size_t N>
bool get_text(ByteReader* r, ShortText<N>* text) {
  const uint8_t size = r->u8();
  if (size > N) return false;
  const Bytes bytes = r->bytes(size);
  text->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

bool is_state(PackageState state) {
  return state <= PackageState::kErasing;
}

bool get_slot(ByteReader* r, InfoSlot* slot) {
  get_record(r, kInfoSlotFields, slot);
  get_digest(r, &slot->model_digest);
  return is_state(slot->state) && get_text(r, &slot->name) && get_text(r, &slot->version);
}

bool put_tensors(InfoWriter* w, uint8_t count, const std::array<InfoTensor, kInfoTensorsMax>& tensors) {
  if (count > kInfoTensorsMax) return false;
  w->count(count);
  for (size_t i = 0; i < count; ++i) {
    const InfoTensor& tensor = tensors[i];
    if (tensor.rank > kTensorRankMax) return false;
    std::array<int32_t, kTensorRankMax> shape;
    for (size_t k = 0; k < tensor.rank; ++k) shape[k] = tensor.shape[k];
    w->tensor(tensor.type, Span<const int32_t>(shape.data(), tensor.rank));
  }
  return true;
}

bool get_tensors(ByteReader* r, uint8_t* count, std::array<InfoTensor, kInfoTensorsMax>* tensors) {
  *count = r->u8();
  if (*count > kInfoTensorsMax) return false;
  for (size_t i = 0; i < *count; ++i) {
    InfoTensor& tensor = (*tensors)[i];
    tensor.type = r->u8();
    tensor.rank = r->u8();
    if (tensor.rank > kTensorRankMax) return false;
    for (size_t k = 0; k < tensor.rank; ++k) tensor.shape[k] = r->u16();
  }
  return true;
}

uint32_t info_crc(Bytes value) {
  const uint8_t zeros[4] = {0, 0, 0, 0};
  uint32_t crc = crc32(0, value.first(kCrcOffset));
  crc = crc32(crc, Bytes(zeros, sizeof(zeros)));
  return crc32(crc, value.from(kInfoHeadBytes));
}

bool get_body(ByteReader* r, Info* info) {
  get_record(r, kInfoDeviceFields, info);
  if (!get_text(r, &info->hardware)) return false;
  get_record(r, kInfoRunningFields, &info->running);
  get_digest(r, &info->running.model_digest);
  if (!is_state(info->running.state)) return false;
  info->slot_count = r->u8();
  if (info->slot_count > kInfoSlotsMax) return false;
  for (size_t i = 0; i < info->slot_count; ++i) {
    if (!get_slot(r, &info->slots[i])) return false;
  }
  return get_tensors(r, &info->input_count, &info->inputs) && get_tensors(r, &info->output_count, &info->outputs);
}

}  // namespace

void InfoWriter::put_record(RecordFields fields, const void* object) {
  end_ = store_record(fields, object, end_);
}

void InfoWriter::put_bytes(const void* from, size_t size) {
  memcpy(end_, from, size);
  end_ += size;
}

void InfoWriter::put_text(size_t size_max, Text text) {
  const size_t size = text.size() < size_max ? text.size() : size_max;
  count(static_cast<uint8_t>(size));
  put_bytes(text.data(), size);
}

void InfoWriter::tensor(uint8_t type, Span<const int32_t> shape) {
  const size_t rank = shape.size() < kTensorRankMax ? shape.size() : kTensorRankMax;
  count(type);
  count(static_cast<uint8_t>(rank));
  for (size_t i = 0; i < rank; ++i) {
    const int32_t dimension = shape.data()[i];
    store_le16(end_, static_cast<uint16_t>(dimension < 0 ? 0 : dimension));
    end_ += 2;
  }
}

uint16_t InfoWriter::finish() {
  uint8_t* const start = start_;
  const uint16_t size = static_cast<uint16_t>(end_ - start);
  store_le16(start + kSizeOffset, size);
  store_le32(start + kCrcOffset, crc32(0, Bytes(start, size)));  // where zero is, as it counts in its own sum
  return size;
}

Result<uint16_t> encode_info(const Info& info, MutableBytes out) {
  if (out.size() < kInfoBytesMax) return Error::kTooLong;
  if (info.slot_count > kInfoSlotsMax) return Error::kRange;
  InfoDevice device = info;
  device.head.size = 0;
  device.head.crc = 0;
  InfoWriter w(out);
  w.device(device);
  w.hardware(info.hardware.text());
  w.running(info.running, info.running.model_digest);
  w.count(info.slot_count);
  for (size_t i = 0; i < info.slot_count; ++i) {
    const InfoSlot& slot = info.slots[i];
    w.slot(slot, slot.model_digest.data());
    w.name(slot.name.text());
    w.version(slot.version.text());
  }
  if (!put_tensors(&w, info.input_count, info.inputs) || !put_tensors(&w, info.output_count, info.outputs)) {
    return Error::kRange;
  }
  return w.finish();
}

Result<InfoHead> decode_info_head(Bytes value) {
  if (value.size() < kInfoHeadBytes) return Error::kTooShort;
  InfoHead head;
  load_record(kHeadFields, value.data(), &head);
  if (head.version != kProtocolVersion) return Error::kVersion;
  if (head.chunk_log2 < 8 || head.chunk_log2 > 12) return Error::kRange;
  if (head.size < kInfoHeadBytes || head.size > kInfoBytesMax || head.preferred_value_bytes < 20)
    return Error::kRange;
  return head;
}

Status decode_info(Bytes value, Info* info) {
  const Result<InfoHead> head = decode_info_head(value);
  if (!head.ok()) return head.error();
  if (value.size() < head.value().size) return Error::kTooShort;
  const Bytes whole = value.first(head.value().size);
  if (info_crc(whole) != head.value().crc) return Error::kChecksum;
  *info = Info();
  ByteReader r(whole);
  if (!get_body(&r, info)) return Error::kRange;
  return r.ok() ? Status() : Status(Error::kTooShort);
}

size_t encode_advertised(PackageState state, const uint8_t* model_digest, const Text& version, uint8_t* out) {
  const size_t version_size = version.size() < kAdvertisedVersionMax ? version.size() : kAdvertisedVersionMax;
  out[0] = kProtocolVersion;
  out[1] = static_cast<uint8_t>(state);
  memcpy(out + 2, model_digest, kAdvertisedDigestBytes);
  memcpy(out + 2 + kAdvertisedDigestBytes, version.data(), version_size);
  return 2 + kAdvertisedDigestBytes + version_size;
}

Result<Advertised> decode_advertised(Bytes value) {
  if (value.size() < 6) return Error::kTooShort;
  if (value.size() > kAdvertisedBytesMax) return Error::kTooLong;
  ByteReader r(value);
  Advertised advertised;
  if (r.u8() != kProtocolVersion) return Error::kVersion;
  advertised.state = static_cast<PackageState>(r.u8());
  if (!is_state(advertised.state)) return Error::kRange;
  const Bytes digest = r.bytes(advertised.model_digest.size());
  memcpy(advertised.model_digest.data(), digest.data(), digest.size());
  const Bytes version = r.rest();
  advertised.version.assign(reinterpret_cast<const char*>(version.data()), version.size());
  return advertised;
}

}  // namespace protocol
}  // namespace roost
