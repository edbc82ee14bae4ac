// roost inspect MODEL
#include "runtime/inspect.h"

#include <fmt/format.h>

#include <map>

#include "device/ports/linux/sim_device.h"
#include "host/aligned_bytes.h"
#include "host/cli/context.h"
#include "host/file.h"
#include "host/package.h"
#include "protocol/package.h"
#include "runtime/kernels/all.h"

namespace roost::host {
namespace {

namespace tflite = runtime::tflite;

constexpr size_t kScratchBytes = 4 * 1024 * 1024;

struct InspectOptions {
  std::string model_path;
  bool json = false;
  bool plan = false;
};

std::string shape_text(Span<const int32_t> shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ","));
}

const char* type_name(tflite::TensorType type) {
  const char* name = tflite::EnumNameTensorType(type);
  return *name ? name : "type?";
}

std::string operator_text(const runtime::InspectedOperator& op) {
  if (op.custom_name) return fmt::format("custom operator {}", op.custom_name);
  const char* name = runtime::operator_name(op.op);
  return name ? name : fmt::format("operator {}", static_cast<int>(op.op));
}

// Keeps what the visitor is shown: the spans are valid as long as the model is.
class Collector final : public runtime::InspectVisitor {
 public:
  void on_operator(const runtime::InspectedOperator& op) override { operators.push_back(op); }
  void on_tensor(const runtime::InspectedTensor& tensor) override { tensors.push_back(tensor); }

  const runtime::InspectedTensor* find(int32_t index) const {
    for (const auto& tensor : tensors) {
      if (tensor.kind != runtime::InspectedTensor::kScratch && tensor.subgraph == 0 &&
          static_cast<int32_t>(tensor.index) == index) {
        return &tensor;
      }
    }
    return nullptr;
  }

  std::vector<runtime::InspectedOperator> operators;
  std::vector<runtime::InspectedTensor> tensors;
};

const char* kind_name(runtime::InspectedTensor::Kind kind) {
  switch (kind) {
    case runtime::InspectedTensor::kConstant:
      return "constant";
    case runtime::InspectedTensor::kVariable:
      return "variable";
    case runtime::InspectedTensor::kPlanned:
      return "planned";
    case runtime::InspectedTensor::kScratch:
      return "scratch";
  }
  return "";
}

// Why the model does not fit a board; empty if it does.
std::string misfit(const device::BoardSize& board, size_t model_bytes, const runtime::Judgement& judgement) {
  if (model_bytes > board.payload_bytes_max) return fmt::format("a slot holds {} bytes", board.payload_bytes_max);
  if (judgement.arena_bytes > board.arena_bytes) return fmt::format("its arena has {} bytes", board.arena_bytes);
  return "";
}

nlohmann::ordered_json to_json(const InspectOptions& options, size_t model_bytes,
                               const runtime::Inspection& inspection, const Collector& collector,
                               const std::string& verdict) {
  nlohmann::ordered_json json = {{"model", options.model_path},        {"bytes", model_bytes},
                                 {"accepted", inspection.report.ok()}, {"verdict", verdict},
                                 {"subgraphs", inspection.subgraphs},  {"weight_bytes", inspection.weight_bytes}};
  if (inspection.description) json["description"] = inspection.description;
  if (inspection.report.ok()) {
    json["macs"] = inspection.judgement.macs;
    json["arena_bytes"] = inspection.judgement.arena_bytes;
    json["persistent_bytes"] = inspection.judgement.persistent_bytes;
  }
  json["operators"] = nlohmann::ordered_json::array();
  for (const auto& op : collector.operators) {
    json["operators"].push_back({{"subgraph", op.subgraph},
                                 {"index", op.index},
                                 {"op", operator_text(op)},
                                 {"version", op.version},
                                 {"supported", op.supported},
                                 {"inputs", std::vector<int32_t>(op.inputs.begin(), op.inputs.end())},
                                 {"outputs", std::vector<int32_t>(op.outputs.begin(), op.outputs.end())},
                                 {"macs", op.needs.macs}});
  }
  json["tensors"] = nlohmann::ordered_json::array();
  for (const auto& tensor : collector.tensors) {
    nlohmann::ordered_json entry = {
        {"subgraph", tensor.subgraph}, {"kind", kind_name(tensor.kind)}, {"bytes", tensor.bytes}};
    if (tensor.kind != runtime::InspectedTensor::kScratch) {
      entry["index"] = tensor.index;
      entry["name"] = tensor.name;
      entry["type"] = type_name(tensor.type);
      entry["shape"] = std::vector<int32_t>(tensor.shape.begin(), tensor.shape.end());
      if (tensor.scale_count > 0) entry["scale"] = tensor.scale, entry["zero_point"] = tensor.zero_point;
      if (tensor.scale_count > 1) entry["scales"] = tensor.scale_count;
    }
    if (tensor.kind == runtime::InspectedTensor::kPlanned || tensor.kind == runtime::InspectedTensor::kScratch) {
      entry["offset"] = tensor.offset;
      entry["written_by"] = tensor.written;
      entry["last_read_by"] = tensor.read;
    }
    json["tensors"].push_back(entry);
  }
  json["inputs"] = std::vector<int32_t>(inspection.inputs.begin(), inspection.inputs.end());
  json["outputs"] = std::vector<int32_t>(inspection.outputs.begin(), inspection.outputs.end());
  json["boards"] = nlohmann::ordered_json::array();
  for (const auto& board : device::board_sizes()) {
    const std::string why = inspection.report.ok() ? misfit(board, model_bytes, inspection.judgement) : verdict;
    nlohmann::ordered_json entry = {{"board", board.name}, {"fits", why.empty()}};
    if (!why.empty()) entry["why"] = why;
    json["boards"].push_back(entry);
  }
  return json;
}

void print_io(const char* what, Span<const int32_t> indices, const Collector& collector) {
  for (int32_t index : indices) {
    const runtime::InspectedTensor* tensor = collector.find(index);
    if (!tensor) continue;
    fmt::print(
        "{:<10}{} {}{}  {}\n", what, type_name(tensor->type), shape_text(tensor->shape),
        tensor->scale_count ? fmt::format(", scale {:g}, zero point {}", tensor->scale, tensor->zero_point) : "",
        tensor->name);
  }
}

void print_plan(const Collector& collector) {
  fmt::print("\narena plan (offset, bytes, written by operator, last read by operator)\n");
  for (const auto& tensor : collector.tensors) {
    if (tensor.kind == runtime::InspectedTensor::kConstant) continue;
    fmt::print("  {:>8} {:>8} {:>4} {:>4}  {} {}\n", tensor.offset, tensor.bytes, tensor.written, tensor.read,
               kind_name(tensor.kind), tensor.name);
  }
}

void print_text(const InspectOptions& options, size_t model_bytes, const runtime::Inspection& inspection,
                const Collector& collector) {
  const runtime::Judgement& judgement = inspection.judgement;
  fmt::print("{}: {} bytes, of them {} weights\n", options.model_path, model_bytes, inspection.weight_bytes);
  print_io("input", inspection.inputs, collector);
  print_io("output", inspection.outputs, collector);
  struct Tally {
    uint32_t count = 0;
    uint64_t macs = 0;
    bool supported = true;
  };
  std::map<std::string, Tally> tallies;
  for (const auto& op : collector.operators) {
    Tally& tally = tallies[fmt::format("{} v{}", operator_text(op), op.version)];
    ++tally.count;
    tally.macs += op.needs.macs;
    tally.supported = tally.supported && op.supported;
  }
  for (const auto& [name, tally] : tallies) {
    fmt::print("{:>4} x {:<28}{}{}\n", tally.count, name, tally.macs ? fmt::format("{:>12} MACs", tally.macs) : "",
               tally.supported ? "" : "  NOT SUPPORTED");
  }
  if (!inspection.report.ok()) {
    return;  // the error's sentence says why
  }
  fmt::print("work      {} multiply-accumulates an inference\n", judgement.macs);
  fmt::print("arena     {} bytes, of them {} kept between inferences\n", judgement.arena_bytes,
             judgement.persistent_bytes);
  for (const auto& board : device::board_sizes()) {
    const std::string why = misfit(board, model_bytes, judgement);
    fmt::print("{:<12}{}\n", board.name, why.empty() ? "fits" : "does not fit: " + why);
  }
  if (options.plan) print_plan(collector);
}

Outcome inspect_file(const InspectOptions& options) {
  std::vector<uint8_t> model;
  std::string error;
  if (!read_file(options.model_path, kModelFileBytesMax, &model, &error))
    return {ExitCode::kFile, "inspect", error};
  const AlignedBytes aligned{Bytes(model)};
  AlignedBytes scratch(kScratchBytes);
  runtime::GateInput input;
  input.kernels = runtime::all_kernels();
  Collector collector;
  const runtime::Inspection inspection = runtime::inspect(aligned.bytes(), input, scratch.span(), collector);
  char text[200] = "accepted";
  if (!inspection.report.ok()) runtime::describe(inspection.report, text);
  if (options.json) {
    print_json(to_json(options, model.size(), inspection, collector, text));
  } else {
    print_text(options, model.size(), inspection, collector);
  }
  if (inspection.report.ok()) return {};
  return {ExitCode::kBadModel, "inspect", options.model_path + ": " + text};
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command =
      app.add_subcommand("inspect", "What is in a model, what it costs, and on which boards it fits");
  command->add_option("MODEL", options->model_path, "The .tflite file")->required();
  command->add_flag("--plan", options->plan, "Also where each tensor lies in the arena");
  command->add_flag("--json", options->json, "All of it as one JSON line");
  command->callback([options, &context] {
    context.outcome = inspect_file(*options);
    if (options->json && context.outcome.code == ExitCode::kFile) print_json(result_json(context.outcome));
  });
}

}  // namespace roost::host
