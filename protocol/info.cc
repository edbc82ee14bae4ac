#include "protocol/info.h"

#include "base/bytes.h"
#include "base/crc.h"
#include "protocol/control.h"

namespace roost {
namespace protocol {
namespace {

constexpr size_t kSizeOffset = 2;
constexpr size_t kCrcOffset = 16;

template <size_t N>
void put_text(ByteWriter* w, const ShortText<N>& text) {
  w->u8(text.size);
  for (size_t i = 0; i < text.size; ++i) w->u8(static_cast<uint8_t>(text.data[i]));
}

template <size_t N>
bool get_text(ByteReader* r, ShortText<N>* text) {
  const uint8_t size = r->u8();
  if (size > N) return false;
  const Bytes bytes = r->bytes(size);
  for (size_t i = 0; i < bytes.size(); ++i) text->data[i] = static_cast<char>(bytes[i]);
  text->size = static_cast<uint8_t>(bytes.size());
  return true;
}

template <size_t N>
void get_array(ByteReader* r, std::array<uint8_t, N>* to) {
  for (size_t i = 0; i < N; ++i) (*to)[i] = r->u8();
}

bool get_state(ByteReader* r, PackageState* state) {
  const uint8_t number = r->u8();
  *state = static_cast<PackageState>(number);
  return number <= static_cast<uint8_t>(PackageState::kErasing);
}

void put_head(ByteWriter* w, const InfoHead& head) {
  w->u8(head.version);
  w->u8(head.chunk_log2);
  w->u16(0);  // size and crc are filled in when the rest is there
  w->u16(head.generation);
  w->u16(head.initial_credit_bytes);
  w->u16(head.preferred_value_bytes);
  w->u16(head.manifest_bytes_max);
  w->u32(head.payload_bytes_max);
  w->u32(0);
}

void put_slot(ByteWriter* w, const InfoSlot& slot) {
  w->u8(static_cast<uint8_t>(slot.state));
  w->u8(static_cast<uint8_t>(slot.reason));
  w->u16(slot.detail);
  w->u32(slot.generation);
  w->u32(slot.package_id);
  w->u16(slot.durable_chunks);
  w->u32(slot.erase_count_max);
  w->bytes(Bytes(slot.model_digest.data(), slot.model_digest.size()));
  put_text(w, slot.name);
  put_text(w, slot.version);
}

bool get_slot(ByteReader* r, InfoSlot* slot) {
  if (!get_state(r, &slot->state)) return false;
  slot->reason = static_cast<Reason>(r->u8());
  slot->detail = r->u16();
  slot->generation = r->u32();
  slot->package_id = r->u32();
  slot->durable_chunks = r->u16();
  slot->erase_count_max = r->u32();
  get_array(r, &slot->model_digest);
  return get_text(r, &slot->name) && get_text(r, &slot->version);
}

void put_running(ByteWriter* w, const InfoRunning& running) {
  w->u8(running.slot);
  w->u8(static_cast<uint8_t>(running.state));
  w->u8(static_cast<uint8_t>(running.reason));
  w->u16(running.detail);
  w->u32(running.generation);
  w->bytes(Bytes(running.model_digest.data(), running.model_digest.size()));
}

bool get_running(ByteReader* r, InfoRunning* running) {
  running->slot = r->u8();
  if (!get_state(r, &running->state)) return false;
  running->reason = static_cast<Reason>(r->u8());
  running->detail = r->u16();
  running->generation = r->u32();
  get_array(r, &running->model_digest);
  return true;
}

void put_tensors(ByteWriter* w, uint8_t count, const std::array<InfoTensor, kInfoTensorsMax>& tensors) {
  w->u8(count);
  for (size_t i = 0; i < count; ++i) {
    w->u8(tensors[i].type);
    w->u8(tensors[i].rank);
    for (size_t k = 0; k < tensors[i].rank; ++k) w->u16(tensors[i].shape[k]);
  }
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

bool tensors_in_range(uint8_t count, const std::array<InfoTensor, kInfoTensorsMax>& tensors) {
  if (count > kInfoTensorsMax) return false;
  for (size_t i = 0; i < count; ++i) {
    if (tensors[i].rank > kTensorRankMax) return false;
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
  get_array(r, &info->device_id);
  info->policy = r->u16();
  info->ring_bytes = r->u16();
  info->arena_bytes = r->u32();
  info->erase_block_bytes = r->u32();
  info->program_unit_bytes = r->u16();
  info->erased_value = r->u8();
  info->erases_left = r->u16();
  if (!get_text(r, &info->hardware) || !get_running(r, &info->running)) return false;
  info->slot_count = r->u8();
  if (info->slot_count > kInfoSlotsMax) return false;
  for (size_t i = 0; i < info->slot_count; ++i) {
    if (!get_slot(r, &info->slots[i])) return false;
  }
  return get_tensors(r, &info->input_count, &info->inputs) && get_tensors(r, &info->output_count, &info->outputs);
}

}  // namespace

Result<uint16_t> encode_info(const Info& info, MutableBytes out) {
  if (info.slot_count > kInfoSlotsMax || !tensors_in_range(info.input_count, info.inputs) ||
      !tensors_in_range(info.output_count, info.outputs)) {
    return Error::kRange;
  }
  const MutableBytes room = out.size() > kInfoBytesMax ? out.first(kInfoBytesMax) : out;
  ByteWriter w(room);
  put_head(&w, info.head);
  w.bytes(Bytes(info.device_id.data(), info.device_id.size()));
  w.u16(info.policy);
  w.u16(info.ring_bytes);
  w.u32(info.arena_bytes);
  w.u32(info.erase_block_bytes);
  w.u16(info.program_unit_bytes);
  w.u8(info.erased_value);
  w.u16(info.erases_left);
  put_text(&w, info.hardware);
  put_running(&w, info.running);
  w.u8(info.slot_count);
  for (size_t i = 0; i < info.slot_count; ++i) put_slot(&w, info.slots[i]);
  put_tensors(&w, info.input_count, info.inputs);
  put_tensors(&w, info.output_count, info.outputs);
  if (!w.ok()) return Error::kTooLong;
  const uint16_t size = static_cast<uint16_t>(w.size());
  store_le16(room.data() + kSizeOffset, size);
  store_le32(room.data() + kCrcOffset, info_crc(w.written()));
  return size;
}

Result<InfoHead> decode_info_head(Bytes value) {
  if (value.size() < kInfoHeadBytes) return Error::kTooShort;
  ByteReader r(value);
  InfoHead head;
  head.version = r.u8();
  head.chunk_log2 = r.u8();
  head.size = r.u16();
  head.generation = r.u16();
  head.initial_credit_bytes = r.u16();
  head.preferred_value_bytes = r.u16();
  head.manifest_bytes_max = r.u16();
  head.payload_bytes_max = r.u32();
  head.crc = r.u32();
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
  info->head = head.value();
  ByteReader r(whole.from(kInfoHeadBytes));
  if (!get_body(&r, info)) return Error::kRange;
  return r.ok() ? Status() : Status(Error::kTooShort);
}

Result<uint8_t> encode_advertised(const Advertised& advertised, MutableBytes out) {
  ByteWriter w(out);
  w.u8(kProtocolVersion);
  w.u8(static_cast<uint8_t>(advertised.state));
  w.bytes(Bytes(advertised.model_digest.data(), advertised.model_digest.size()));
  for (size_t i = 0; i < advertised.version.size; ++i) w.u8(static_cast<uint8_t>(advertised.version.data[i]));
  if (!w.ok()) return Error::kTooLong;
  return static_cast<uint8_t>(w.size());
}

Result<Advertised> decode_advertised(Bytes value) {
  if (value.size() < 6) return Error::kTooShort;
  if (value.size() > kAdvertisedBytesMax) return Error::kTooLong;
  ByteReader r(value);
  Advertised advertised;
  if (r.u8() != kProtocolVersion) return Error::kVersion;
  if (!get_state(&r, &advertised.state)) return Error::kRange;
  get_array(&r, &advertised.model_digest);
  const Bytes version = r.rest();
  for (size_t i = 0; i < version.size(); ++i) advertised.version.data[i] = static_cast<char>(version[i]);
  advertised.version.size = static_cast<uint8_t>(version.size());
  return advertised;
}

}  // namespace protocol
}  // namespace roost
