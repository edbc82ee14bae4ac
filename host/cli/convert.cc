// roost convert FILE: .tflite <-> C source
#include "host/convert.h"

#include <fmt/format.h>

#include <filesystem>

#include "host/cli/context.h"
#include "host/file.h"
#include "host/package.h"

namespace roost::host {
namespace {

struct ConvertOptions {
  std::string input, output, name, array;
  SourceStyle style = SourceStyle::kXxd;
  bool json = false;
};

// C source is about six characters a byte.
constexpr size_t kSourceBytesMax = 8 * kModelFileBytesMax;

Outcome convert(const ConvertOptions& options, std::string* written) {
  std::vector<uint8_t> bytes;
  std::string error;
  if (!read_file(options.input, kSourceBytesMax, &bytes, &error)) return {ExitCode::kFile, "convert", error};
  const std::filesystem::path path = options.input;
  const auto same_file = [&](const std::string& output) {
    std::error_code ignored;
    return std::filesystem::equivalent(options.input, output, ignored);
  };
  Outcome overwrites = {ExitCode::kUsage, "convert",
                        options.input + ": the output would take the place of the input; name another with -o"};
  if (looks_like_model(bytes)) {
    *written =
        options.output.empty() ? std::filesystem::path(path).replace_extension(".cc").string() : options.output;
    const std::string name =
        options.name.empty() ? c_identifier(path.filename().string()) : c_identifier(options.name);
    if (same_file(*written)) return overwrites;
    const std::string source = to_c_source(bytes, name, options.style);
    const Bytes text(reinterpret_cast<const uint8_t*>(source.data()), source.size());
    if (!write_file(*written, text, &error)) return {ExitCode::kFile, "convert", error};
    return {};
  }
  const std::string_view source(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto found = model_from_c_source(source, options.array);
  if (const auto* failure = std::get_if<SourceError>(&found)) {
    return {
        ExitCode::kBadModel, "convert",
        fmt::format("{}: neither a .tflite file nor C source with one: {}", options.input, failure->sentence())};
  }
  *written =
      options.output.empty() ? std::filesystem::path(path).replace_extension(".tflite").string() : options.output;
  if (same_file(*written)) return overwrites;
  if (!write_file(*written, std::get<SourceModel>(found).bytes, &error)) return {ExitCode::kFile, "convert", error};
  return {};
}

}  // namespace

void add_convert(CLI::App& app, Context& context) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command =
      app.add_subcommand("convert", "A .tflite file to C array source, or C array source to .tflite");
  command->add_option("FILE", options->input, "What to convert; which way is seen from its contents")->required();
  command->add_option("-o,--output", options->output, "Where to (default: beside it, .cc or .tflite)");
  const std::map<std::string, SourceStyle> styles = {
      {"xxd", SourceStyle::kXxd}, {"tflm", SourceStyle::kTflm}, {"tflite", SourceStyle::kTfliteConverter}};
  command->add_option("--style", options->style, "xxd (as xxd -i), tflm, tflite")
      ->transform(CLI::CheckedTransformer(styles, CLI::ignore_case));
  command->add_option("--name", options->name, "Of the array to write (default: from the file's name)");
  command->add_option("--array", options->array, "Of the array to read, where there are several models");
  command->add_flag("--json", options->json, "The result as a JSON line");
  command->callback([options, &context] {
    std::string written;
    context.outcome = convert(*options, &written);
    if (options->json) {
      auto json = result_json(context.outcome);
      if (!written.empty()) json["output"] = written;
      print_json(json);
    } else if (context.outcome.code == ExitCode::kOk) {
      fmt::print("{}\n", written);
    }
  });
}

}  // namespace roost::host
