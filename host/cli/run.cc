// roost run MODEL --input RAW --output RAW
#include <fmt/format.h>

#include "base/crc.h"
#include "host/aligned_bytes.h"
#include "host/cli/context.h"
#include "host/file.h"
#include "host/package.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"

namespace roost::host {
namespace {

namespace tflite = runtime::tflite;

constexpr size_t kScratchBytes = 1024 * 1024;
constexpr size_t kInputBytesMax = 1024 * 1024 * 1024;

struct RunOptions {
  std::string model_path, input_path, output_path;
  bool trace = false;
  bool json = false;
};

// The CRC-32 of every output of every operator, in the order they run.
class Tracer final : public runtime::OperatorObserver {
 public:
  void on_operator(uint32_t op_index, runtime::BuiltinOperator op, const runtime::OperatorView& view) override {
    for (uint32_t i = 0; i < view.output_count(); ++i) {
      const runtime::Tensor tensor = view.output(i);
      const Bytes bytes(tensor.data<uint8_t>(), tensor.bytes());
      const char* name = runtime::operator_name(op);
      trace.push_back({{"op_index", op_index},
                       {"op", name ? name : ""},
                       {"tensor", view.output_index(i)},
                       {"type", tflite::EnumNameTensorType(tensor.type())},
                       {"bytes", tensor.bytes()},
                       {"crc32", fmt::format("{:08x}", crc32(0, bytes))},
                       {"dims", std::vector<int32_t>(tensor.shape().begin(), tensor.shape().end())}});
    }
  }

  nlohmann::ordered_json trace = nlohmann::ordered_json::array();
};

Outcome model_error(const RunOptions& options, const runtime::Interpreter& interpreter) {
  char text[200];
  runtime::describe(interpreter.report(), text);
  return {ExitCode::kBadModel, "run", options.model_path + ": " + text};
}

Outcome run_model(const RunOptions& options) {
  std::vector<uint8_t> model, input;
  std::string error;
  if (!read_file(options.model_path, kModelFileBytesMax, &model, &error) ||
      !read_file(options.input_path, kInputBytesMax, &input, &error)) {
    return {ExitCode::kFile, "run", error};
  }
  runtime::GateInput gate;
  gate.kernels = runtime::all_kernels();
  runtime::Interpreter interpreter(gate);
  const AlignedBytes aligned{Bytes(model)};
  AlignedBytes scratch(kScratchBytes);
  const auto judgement = interpreter.measure(aligned.bytes(), scratch.span());
  if (!judgement.ok()) return model_error(options, interpreter);
  AlignedBytes arena(judgement.value().arena_bytes);
  if (!interpreter.prepare(aligned.bytes(), arena.span(), scratch.span()).ok())
    return model_error(options, interpreter);

  size_t input_bytes = 0;
  for (uint32_t i = 0; i < interpreter.input_count(); ++i) input_bytes += interpreter.input(i).bytes.size();
  if (input_bytes == 0 ? !input.empty() : input.empty() || input.size() % input_bytes != 0) {
    return {ExitCode::kUsage, "run",
            fmt::format("{} has {} bytes; the model's inputs take {}, or a multiple of it for several inferences",
                        options.input_path, input.size(), input_bytes)};
  }
  const size_t inferences = input_bytes == 0 ? 1 : input.size() / input_bytes;

  Tracer tracer;
  auto traces = nlohmann::ordered_json::array();
  std::vector<uint8_t> output;
  const uint8_t* next = input.data();
  for (size_t n = 0; n < inferences; ++n) {
    for (uint32_t i = 0; i < interpreter.input_count(); ++i) {
      const MutableBytes bytes = interpreter.input(i).bytes;
      std::copy_n(next, bytes.size(), bytes.data());
      next += bytes.size();
    }
    tracer.trace = nlohmann::ordered_json::array();
    if (options.trace) interpreter.observe(&tracer);
    if (!interpreter.invoke().ok()) return model_error(options, interpreter);
    for (uint32_t i = 0; i < interpreter.output_count(); ++i) {
      const MutableBytes bytes = interpreter.output(i).bytes;
      output.insert(output.end(), bytes.begin(), bytes.end());
    }
    traces.push_back(tracer.trace);
  }
  if (!write_file(options.output_path, output, &error)) return {ExitCode::kFile, "run", error};

  if (options.json) {
    nlohmann::ordered_json json = {{"model", options.model_path},
                                   {"inferences", inferences},
                                   {"input_bytes", input_bytes},
                                   {"output_bytes", inferences ? output.size() / inferences : 0},
                                   {"arena_bytes", judgement.value().arena_bytes},
                                   {"persistent_bytes", judgement.value().persistent_bytes},
                                   {"macs", judgement.value().macs}};
    if (options.trace) json["traces"] = traces;
    print_json(json);
  } else {
    if (options.trace) {
      for (const auto& trace : traces) print_json(trace);
    }
    fmt::print(stderr, "{} inference{}, {} output bytes each; arena used: {} bytes\n", inferences,
               inferences == 1 ? "" : "s", inferences ? output.size() / inferences : 0,
               judgement.value().arena_bytes);
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a model on this machine, with the kernels a device has");
  command->add_option("MODEL", options->model_path, "The .tflite file")->required();
  command
      ->add_option("--input", options->input_path,
                   "Raw bytes of all inputs one after the other; several times over for several inferences of one "
                   "interpreter, state kept")
      ->required();
  command->add_option("--output", options->output_path, "Where the raw bytes of all outputs go")->required();
  command->add_flag("--trace", options->trace, "A JSON line per inference: the CRC-32 of every operator's output");
  command->add_flag("--json", options->json, "The result as one JSON line");
  command->callback([options, &context] {
    context.outcome = run_model(*options);
    if (options->json && context.outcome.code != ExitCode::kOk) print_json(result_json(context.outcome));
  });
}

}  // namespace roost::host
