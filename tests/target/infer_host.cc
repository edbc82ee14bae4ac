// Infers on this machine what firmware/infer_test.cc infers on the target: infer_host MODEL INPUTS OUTPUTS
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "runtime/kernels/all.h"
#include "tests/target/infer_case.h"

namespace {

std::vector<uint8_t> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  using namespace roost;
  const std::vector<uint8_t> file = read_file(argv[1]), inputs = read_file(argv[2]);
  std::vector<uint64_t> aligned(file.size() / 8 + 4), arena(1 << 20), scratch(1 << 16);
  uint8_t* const bytes =
      reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(aligned.data()) + 15) & ~uintptr_t{15});
  memcpy(bytes, file.data(), file.size());
  uint8_t* const arena_bytes =
      reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(arena.data()) + 15) & ~uintptr_t{15});

  runtime::GateInput input;
  input.kernels = runtime::all_kernels();
  runtime::Interpreter engine(input);
  const MutableBytes lent(reinterpret_cast<uint8_t*>(scratch.data()), scratch.size() * 8);
  if (!engine.prepare(Bytes(bytes, file.size()), MutableBytes(arena_bytes, (8 << 20) - 16), lent).ok()) {
    std::cout << "error " << static_cast<int>(engine.report().error) << "\n";
    return 0;
  }
  std::ofstream outputs(argv[3], std::ios::binary);
  const uint32_t size = target_test::input_bytes(engine);
  for (size_t at = 0; size > 0 && at + size <= inputs.size(); at += size) {
    if (!engine.reset().ok()) return 1;
    target_test::put_inputs(engine, Bytes(inputs.data() + at, size));
    if (!engine.invoke().ok()) return 1;
    for (uint32_t i = 0; i < engine.output_count(); ++i) {
      const MutableBytes out = engine.output(i).bytes;
      outputs.write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size()));
    }
  }
  const bool real = engine.output_count() > 0 && engine.output(0).type == runtime::TensorType::FLOAT32;
  std::cout << "float " << real << " input " << size << " arena " << engine.judgement().arena_bytes << " macs "
            << engine.judgement().macs << "\n";
}
