// Any bytes as a manifest and as a body: refused, or every view lies inside them.
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "protocol/body.h"
#include "protocol/manifest.h"

namespace roost::protocol {
namespace {

void check_inside(const void* data, size_t size, Bytes whole) {
  if (size == 0) return;
  const uint8_t* begin = static_cast<const uint8_t*>(data);
  ROOST_ASSERT(begin >= whole.data() && begin + size <= whole.data() + whole.size());
}

void check_manifest(Bytes bytes) {
  const ManifestView view = read_manifest(bytes);
  if (!view.ok()) return;
  check_inside(view.name().data(), view.name().size(), bytes);
  check_inside(view.version().data(), view.version().size(), bytes);
  check_inside(view.hardware().data(), view.hardware().size(), bytes);
  (void)view.model_sha256();
  (void)view.body_sha256();
  (void)view.base_sha256();
  (void)view.counter();
  (void)view.attempts();
  (void)view.layout().payload_size();
  for (size_t i = 0; i < view.operators().size(); ++i) (void)view.operators()[i];
  const Texts custom = view.custom_operators();
  for (size_t i = 0; i < custom.size(); ++i) check_inside(custom[i].data(), custom[i].size(), bytes);
  const TensorViews inputs = view.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape shape = inputs[i].shape();
    for (size_t k = 0; k < shape.size(); ++k) (void)shape[k];
  }
}

void check_body(Bytes bytes) {
  const BodyView body = read_body(bytes);
  for (size_t i = 0; i < body.label_count(); ++i) check_inside(body.label(i).data(), body.label(i).size(), bytes);
  for (size_t i = 0; i < body.key_value_count(); ++i) {
    const KeyValueView pair = body.key_value(i);
    check_inside(pair.key.data(), pair.key.size(), bytes);
    check_inside(pair.value.data(), pair.value.size(), bytes);
  }
  for (size_t i = 0; i < body.vectors().size(); ++i) {
    const VectorView vector = body.vectors()[i];
    check_inside(vector.input().data(), vector.input().size(), bytes);
    check_inside(vector.expected().data(), vector.expected().size(), bytes);
    (void)vector.tolerance();
  }
}

}  // namespace

void check_package(Bytes bytes) {
  check_manifest(bytes);
  check_body(bytes);
}

}  // namespace roost::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> aligned(data, data + size);  // of exactly this size, so that overreads show
  roost::protocol::check_package(aligned);
  return 0;
}
