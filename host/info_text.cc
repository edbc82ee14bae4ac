#include "host/info_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/package.h"
#include "protocol/reason.h"
#include "runtime/schema_generated.h"

namespace roost::host {

namespace tflite = runtime::tflite;
using protocol::PackageState;

std::string string_of(protocol::Text text) {
  std::string result(text.data(), text.size());
  std::replace_if(result.begin(), result.end(), protocol::is_control, '?');
  return result;
}

const char* package_state_name(PackageState state) {
  switch (state) {
    case PackageState::kEmpty:
      return "empty";
    case PackageState::kReceiving:
      return "receiving";
    case PackageState::kStored:
      return "stored";
    case PackageState::kVerified:
      return "verified";
    case PackageState::kTrial:
      return "trial";
    case PackageState::kConfirmed:
      return "confirmed";
    case PackageState::kRolledBack:
      return "rolled_back";
    case PackageState::kRejected:
      return "rejected";
    case PackageState::kErasing:
      return "erasing";
  }
  return "unknown";
}

std::string running_name(const protocol::Info& info) {
  if (info.running.slot == protocol::kRunningNone) return "nothing";
  if (info.running.slot == protocol::kRunningBuiltIn) return "the built-in model";
  if (info.running.slot >= info.slot_count) return "unknown";
  const protocol::InfoSlot& slot = info.slots[info.running.slot];
  return fmt::format("{} {}", string_of(slot.name), string_of(slot.version));
}

namespace {

nlohmann::ordered_json reason_json(protocol::Reason reason, uint16_t detail) {
  return {{"reason", protocol::describe(reason).name}, {"detail", detail}};
}

nlohmann::ordered_json tensors_json(const std::array<protocol::InfoTensor, protocol::kInfoTensorsMax>& tensors,
                                    uint8_t count) {
  auto list = nlohmann::ordered_json::array();
  for (uint8_t i = 0; i < count; ++i) {
    list.push_back(
        {{"type", tflite::EnumNameTensorType(static_cast<tflite::TensorType>(tensors[i].type))},
         {"shape", std::vector<int>(tensors[i].shape.begin(), tensors[i].shape.begin() + tensors[i].rank)}});
  }
  return list;
}

}  // namespace

nlohmann::ordered_json info_json(const protocol::Info& info) {
  nlohmann::ordered_json json = {{"protocol_version", info.head.version},
                                 {"device_id", hex(info.device_id)},
                                 {"hardware", string_of(info.hardware)},
                                 {"chunk_bytes", 1u << info.head.chunk_log2},
                                 {"ring_bytes", info.ring_bytes},
                                 {"payload_bytes_max", info.head.payload_bytes_max},
                                 {"preferred_value_bytes", info.head.preferred_value_bytes},
                                 {"arena_bytes", info.arena_bytes},
                                 {"erase_block_bytes", info.erase_block_bytes},
                                 {"program_unit_bytes", info.program_unit_bytes},
                                 {"erased_value", info.erased_value},
                                 {"erases_left", info.erases_left},
                                 {"policy",
                                  {{"signed", (info.policy & protocol::kPolicySigned) != 0},
                                   {"encrypted", (info.policy & protocol::kPolicyEncrypted) != 0},
                                   {"early_erase", (info.policy & protocol::kPolicyEarlyErase) != 0},
                                   {"built_in", (info.policy & protocol::kPolicyBuiltIn) != 0}}},
                                 {"inputs", tensors_json(info.inputs, info.input_count)},
                                 {"outputs", tensors_json(info.outputs, info.output_count)}};
  nlohmann::ordered_json running = {{"name", running_name(info)},
                                    {"state", package_state_name(info.running.state)},
                                    {"generation", info.running.generation},
                                    {"model_sha256", hex(info.running.model_digest)}};
  if (info.running.slot < info.slot_count) running["slot"] = info.running.slot;
  if (info.running.reason != protocol::Reason::kOk) {
    running["last_return"] = reason_json(info.running.reason, info.running.detail);
  }
  json["running"] = running;
  json["slots"] = nlohmann::ordered_json::array();
  for (uint8_t i = 0; i < info.slot_count; ++i) {
    const protocol::InfoSlot& slot = info.slots[i];
    nlohmann::ordered_json entry = {{"slot", i},
                                    {"state", package_state_name(slot.state)},
                                    {"name", string_of(slot.name)},
                                    {"version", string_of(slot.version)},
                                    {"package", fmt::format("{:08x}", slot.package_id)},
                                    {"model_sha256_prefix", hex(slot.model_digest)},
                                    {"generation", slot.generation},
                                    {"durable_chunks", slot.durable_chunks},
                                    {"erase_count_max", slot.erase_count_max}};
    if (slot.reason != protocol::Reason::kOk) entry.update(reason_json(slot.reason, slot.detail));
    json["slots"].push_back(entry);
  }
  return json;
}

}  // namespace roost::host
