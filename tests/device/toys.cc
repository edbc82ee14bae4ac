#include "tests/device/toys.h"

#include <algorithm>
#include <random>

#include "device/ports/linux/sodium_sha256.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/model_builder.h"

namespace roost::device::test {

namespace testing = runtime::testing;
using runtime::BuiltinOperator;
using runtime::OperatorView;

namespace {

runtime::Error prepare_xor(runtime::Preparation& op) {
  if (op.second.type() != op.in.type()) return runtime::Error::kOperandType;
  if (!runtime::same_shape(op.in, op.second)) return runtime::Error::kOperandShape;
  op.needs.steps = op.in.count();
  return runtime::Error::kNone;
}

runtime::Error invoke_xor(const OperatorView& op, const void*) {
  const int8_t* a = op.input(0).data<int8_t>();
  const int8_t* b = op.input(1).data<int8_t>();
  int8_t* out = op.output(0).mutable_data<int8_t>();
  for (uint32_t i = 0; i < op.input(0).count(); ++i) out[i] = static_cast<int8_t>(a[i] ^ b[i]);
  return runtime::Error::kNone;
}

const runtime::Kernel kXor = {BuiltinOperator::BITWISE_XOR,
                              runtime::type_bit(runtime::TensorType::INT8),
                              1,
                              2,
                              2,
                              runtime::kUnary,
                              nullptr,
                              prepare_xor,
                              invoke_xor};

Sha256 sha256(Bytes bytes) {
  SodiumSha256 digest;
  digest.update(bytes);
  return digest.finish();
}

// input ^ key -> output; a brittle one negates twice on the way, by the operator that fails on a negative input.
testing::ModelSpec toy_model(const ToyOptions& options) {
  testing::GraphSpecification graph;
  testing::TensorSpecification tensor;
  tensor.shape = {1, static_cast<int32_t>(options.width)};
  const auto add_tensor = [&](uint32_t buffer) {
    tensor.buffer = buffer;
    tensor.name = "t" + std::to_string(graph.tensors.size());
    graph.tensors.push_back(tensor);
    return static_cast<int32_t>(graph.tensors.size() - 1);
  };
  testing::ModelSpec model;
  model.codes.clear();
  const auto add_operator = [&](BuiltinOperator op, std::vector<int32_t> inputs, int32_t version) {
    testing::CodeSpecification code;
    code.op = op;
    code.version = version;
    testing::OperatorSpecification record;
    record.code = static_cast<uint32_t>(model.codes.size());
    model.codes.push_back(code);
    record.inputs = std::move(inputs);
    record.outputs = {add_tensor(0)};
    graph.operators.push_back(record);
    return record.outputs[0];
  };
  const int32_t input = add_tensor(0);
  const int32_t key = add_tensor(1);
  int32_t last = input;
  if (options.brittle) {
    last = add_operator(BuiltinOperator::SQRT, {last}, 1);
    last = add_operator(BuiltinOperator::NEG, {last}, 1);
  }
  const bool hidden = options.flaw == Flaw::kOperatorHidden;
  last = add_operator(hidden ? BuiltinOperator::FLOOR_MOD : BuiltinOperator::BITWISE_XOR, {last, key}, 1);
  graph.inputs = {input};
  graph.outputs = {last};
  testing::BufferSpecification constant, filler;
  constant.data.assign(options.width, options.key);
  std::mt19937 random(options.key);
  for (size_t i = 0; i < options.filler_bytes; ++i) filler.data.push_back(static_cast<uint8_t>(random()));
  model.buffers.push_back(constant);
  model.buffers.push_back(filler);
  model.graphs = {graph};
  return model;
}

uint32_t arena_need(Bytes model) {
  runtime::GateInput gate;
  gate.kernels = toy_kernels();
  runtime::Interpreter interpreter(gate);
  std::vector<uint8_t> scratch(4096);
  const auto judgement = interpreter.measure(model, scratch);
  return judgement.ok() ? judgement.value().arena_bytes : 0;
}

protocol::BodyFields toy_body(const ToyOptions& options) {
  protocol::BodyFields body;
  body.labels = {"yes", "no"};
  for (uint8_t i = 0; i < 2; ++i) {
    protocol::VectorFields vector;
    const bool short_vector = options.flaw == Flaw::kSelfTestSize;
    for (uint32_t e = 0; e < options.width - (short_vector ? 1 : 0); ++e) {
      vector.input.push_back(static_cast<uint8_t>(e + i));
      vector.expected.push_back(static_cast<uint8_t>((e + i) ^ options.key));
    }
    if (options.flaw == Flaw::kSelfTestWrong && i == 1) vector.expected[3] ^= 1;
    body.vectors.push_back(vector);
  }
  return body;
}

}  // namespace

runtime::KernelList toy_kernels() {
  static const std::vector<const runtime::Kernel*> kKernels = [] {
    std::vector<const runtime::Kernel*> kernels;
    for (const runtime::Kernel* kernel : runtime::all_kernels()) kernels.push_back(kernel);
    for (const runtime::Kernel* kernel : testing::fake_kernels()) kernels.push_back(kernel);
    kernels.push_back(&kXor);
    return kernels;
  }();
  return kKernels;
}

bool refused_by_manifest(Flaw flaw) {
  switch (flaw) {
    case Flaw::kOperatorMissing:
    case Flaw::kOperatorVersion:
    case Flaw::kArenaTooSmall:
    case Flaw::kManifestMalformed:
    case Flaw::kHardware:
    case Flaw::kBase:
    case Flaw::kCustomOperator:
      return true;
    default:
      return false;
  }
}

ToyValues ToyPackage::expected(const ToyValues& input) const {
  ToyValues out = input;
  for (uint8_t& value : out) value ^= options.key;
  return out;
}

ToyPackage package_around(Bytes model, const protocol::BodyFields& body_fields, protocol::ManifestFields fields) {
  ToyPackage package;
  const std::vector<uint8_t> body = body_fields.empty() ? std::vector<uint8_t>() : write_body(body_fields);
  fields.model_size = package.model_size = static_cast<uint32_t>(model.size());
  fields.model_sha256 = sha256(model);
  fields.body_size = static_cast<uint32_t>(body.size());
  fields.body_sha256 = sha256(body);
  package.manifest = write_manifest(fields);
  package.payload = protocol::write_payload(model, body);
  package.id = protocol::package_id(sha256(package.manifest));
  return package;
}

ToyPackage toy_package(const ToyOptions& asked) {
  ToyOptions options = asked;
  if (options.flaw == Flaw::kArenaHidden) {
    options.width = 4000;  // three tensors of it
    options.body = false;
  }
  const testing::AlignedBytes built = testing::build(toy_model(options));
  std::vector<uint8_t> model(built.data(), built.data() + built.size());
  if (options.flaw == Flaw::kModelMalformed) std::fill(model.begin() + 40, model.begin() + 120, uint8_t{0xA5});
  std::vector<uint8_t> body;
  if (options.body) body = write_body(toy_body(options));
  if (options.flaw == Flaw::kBodyMalformed) body.assign(64, 0x5A);

  protocol::ManifestFields fields;
  fields.name = "toy";
  fields.version = options.version;
  fields.hardware = options.flaw == Flaw::kHardware ? "another board" : options.hardware;
  fields.model_size = static_cast<uint32_t>(model.size());
  fields.model_sha256 = sha256(model);
  if (options.flaw == Flaw::kDigestWrong) fields.model_sha256[5] ^= 1;
  fields.body_size = static_cast<uint32_t>(body.size());
  fields.body_sha256 = sha256(body);
  fields.arena_bytes =
      options.flaw == Flaw::kArenaTooSmall ? 16 * 1024 * 1024 : arena_need({built.data(), built.size()});
  if (options.flaw == Flaw::kArenaHidden) fields.arena_bytes = 64;
  const auto needs = [&](BuiltinOperator op, uint16_t version) {
    protocol::OperatorNeed need;
    need.code = static_cast<uint16_t>(op);
    need.version = version;
    fields.operators.push_back(need);
  };
  needs(BuiltinOperator::BITWISE_XOR, options.flaw == Flaw::kOperatorVersion ? 9 : 1);
  if (options.brittle) {
    needs(BuiltinOperator::SQRT, 1);
    needs(BuiltinOperator::NEG, 1);
  }
  if (options.flaw == Flaw::kOperatorMissing) needs(BuiltinOperator::FLOOR_MOD, 1);
  if (options.flaw == Flaw::kCustomOperator) fields.custom_operators = {"mine"};
  protocol::TensorFields tensor;
  tensor.shape = {1, static_cast<int32_t>(options.width)};
  fields.inputs = {tensor};
  fields.outputs = {tensor};
  fields.confirm_after_inferences = options.confirm_after;
  fields.warm_up_inferences = options.warm_up;
  fields.attempts = options.attempts;
  fields.counter = options.counter;
  fields.has_base = options.flaw == Flaw::kBase;

  ToyPackage package;
  package.options = options;
  package.manifest = write_manifest(fields);
  if (options.flaw == Flaw::kManifestMalformed) package.manifest[4] ^= 0xFF;
  package.payload = protocol::write_payload(model, body);
  package.id = protocol::package_id(sha256(package.manifest));
  package.model_size = fields.model_size;
  package.arena_bytes = fields.arena_bytes;
  return package;
}

}  // namespace roost::device::test
