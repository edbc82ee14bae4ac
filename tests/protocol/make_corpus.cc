// Writes the seeds of the fuzz corpora of this folder: roost_protocol_make_corpus tests/fuzz/corpus
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "host/writer/package_writer.h"
#include "protocol/control.h"
#include "protocol/fragment.h"
#include "protocol/info.h"

namespace {

using Buffer = std::vector<uint8_t>;

void write(const std::filesystem::path& folder, const std::string& name, const Buffer& bytes) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void write_formats(const std::filesystem::path& folder) {
  using namespace roost::protocol;
  Offer offer;
  offer.manifest_size = 300;
  offer.payload_size = 100000;
  offer.fragment_payload = 240;
  Report report;
  report.bitmap_size = kBitmapBytesMax;
  report.bitmap.fill(0x5A);
  Reject reject;
  reject.reason = Reason::kTrialOpen;
  Failed failed;
  failed.reason = Reason::kLinkLost;
  int index = 0;
  for (const Frame& frame : {encode(offer), encode(Query()), encode(Request()), encode(Accept()), encode(reject),
                             encode(report), encode(Rewind()), encode(Milestone()), encode(failed), encode(Busy()),
                             encode(Unknown()), encode(Answer()), encode(StateChange())}) {
    write(folder, "frame" + std::to_string(index++), Buffer(frame.bytes().begin(), frame.bytes().end()));
  }
  Info info;
  info.slot_count = 2;
  info.input_count = info.output_count = 1;
  info.inputs[0].rank = 3;
  info.hardware.assign("nano33ble", 9);
  Buffer value(kInfoBytesMax);
  value.resize(encode_info(info, value).value());
  write(folder, "info", value);
  Buffer fragment(40, 7);
  seal_fragment(3, 9, 36, fragment);
  write(folder, "fragment", fragment);
}

void write_packages(const std::filesystem::path& folder) {
  using namespace roost::protocol;
  ManifestFields fields;
  fields.name = "gesture";
  fields.version = "2";
  fields.model_size = 30000;
  fields.hardware = "nano33ble";
  fields.operators = {{3, 3}, {9, 1}};
  fields.custom_operators = {"Window"};
  fields.inputs = {{TensorType::kInt8, {1, 128, 3}, 0.5f, 0}};
  fields.outputs = {{TensorType::kInt8, {1, 3}, 0.0039f, -128}};
  write(folder, "manifest", write_manifest(fields));
  fields.body_size = 20;
  fields.has_base = true;
  write(folder, "manifest_with_base", write_manifest(fields));
  BodyFields body;
  body.labels = {"wing", "ring"};
  body.key_values = {{"threshold", "0.7"}};
  body.vectors = {{Buffer(32, 1), Buffer(3, 2), 1.0f}};
  write(folder, "body", write_body(body));
}

// Scripts of protocol_receiver_fuzz.cc: ring, shape, then operations.
void write_scripts(const std::filesystem::path& folder) {
  const Buffer offer = {4,    10,   0,   44, 1,
                        0x88, 0x13, 200, 0};  // epoch 10, manifest 301, payload 5001, fragments 216
  const auto script = [&](Buffer head, const Buffer& tail, int rounds) {
    head.insert(head.end(), offer.begin(), offer.end());
    for (int i = 0; i < rounds; ++i) head.insert(head.end(), tail.begin(), tail.end());
    return head;
  };
  write(folder, "whole_transfer", script({0, 0x42}, {5, 39, 13, 13}, 12));
  write(folder, "large_units", script({3, 0x08}, {5, 39, 13, 13}, 24));
  write(folder, "stack_credit", script({1, 0x3A}, {5, 39, 13, 13}, 24));
  write(folder, "holes_and_queries", script({0, 0x42}, {5, 2, 7, 3, 10, 20, 13, 9, 1, 8, 10, 40, 13, 8, 3, 4}, 20));
  write(folder, "failures", script({0, 0x42}, {5, 39, 12, 0, 12, 3, 13, 12, 3, 13}, 20));
  write(folder, "wrong_answers", script({0, 0x42}, {5, 9, 15, 12, 0, 15, 13}, 20));
  write(folder, "reconnects", script({0, 0x42}, {5, 39, 13, 16, 0, 13, 4, 99, 7, 44, 1, 1, 20, 200, 0}, 6));
  write(folder, "lent_and_given_up",
        script({0, 0x42}, {18, 4, 1, 2, 44, 1, 1, 20, 200, 0, 13, 18, 5, 9, 13, 19, 0, 13}, 6));
  write(folder, "silence", script({0, 0x42}, {5, 39, 13, 11, 0, 60, 13}, 6));
  write(folder, "stranger",
        script({0, 0x42}, {1, 17, 1, 1, 0, 5, 0, 1, 2, 3, 4, 5, 0, 9, 0, 0, 0, 200, 0, 5, 39, 13}, 6));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path root = argv[1];
  write_formats(root / "protocol_format_fuzz");
  write_packages(root / "protocol_package_fuzz");
  write_scripts(root / "protocol_receiver_fuzz");
}
