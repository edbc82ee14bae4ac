// The self-test vectors in a package's body, as the runtime wants them.
#pragma once

#include "protocol/body.h"
#include "runtime/model_host.h"

namespace roost {
namespace device {

// Borrows the body's bytes in flash. Bytes that are no body have no vectors: the check before the seal said so
// already.
class BodyVectors final : public runtime::SelfTest {
 public:
  void set(const Bytes& body) { body_ = protocol::read_body(body); }
  bool vector(uint32_t index, runtime::Io which, runtime::SelfTestVector* vector) const override {
    const protocol::VectorViews vectors = body_.vectors();
    if (index >= vectors.size()) return false;
    const protocol::VectorView view = vectors[index];
    vector->bytes = which == runtime::Io::kInput ? view.input() : view.expected();
    vector->tolerance = view.tolerance();
    return true;
  }

 private:
  protocol::BodyView body_;
};

}  // namespace device
}  // namespace roost
