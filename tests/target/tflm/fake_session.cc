#include "tests/target/tflm/fake_session.h"

#include <new>

namespace roost::tflm {

FakeTflm& FakeTflm::instance() {
  static FakeTflm fake;
  return fake;
}

class Session {
 public:
  uint8_t tensors[8192];
};

uint32_t arena_bound(const ModelSize& model) {
  return static_cast<uint32_t>(sizeof(Session)) + model.tensors * 16 + model.operators * 32;
}

bool sound(const void*, size_t) {
  return !FakeTflm::instance().unsound;
}

bool resolves(const tflite::MicroOpResolver&, int32_t builtin_operator) {
  return builtin_operator != FakeTflm::instance().missing_operator;
}

Session* open(const void*, const tflite::MicroOpResolver&, uint8_t* memory, size_t size_bytes) {
  FakeTflm& fake = FakeTflm::instance();
  fake.memory_bytes = size_bytes;
  if (fake.allocate_fails || size_bytes < sizeof(Session)) return nullptr;
  ++fake.opened;
  return new (memory) Session();
}

void close(Session*) {
  ++FakeTflm::instance().closed;
}

bool invoke(Session*) {
  ++FakeTflm::instance().invoked;
  return !FakeTflm::instance().invoke_fails;
}

bool reset(Session*) {
  ++FakeTflm::instance().resets;
  return !FakeTflm::instance().reset_fails;
}

Placed input(Session* session, uint32_t) {
  if (FakeTflm::instance().input_nowhere) return Placed{nullptr, 0};
  return Placed{session->tensors, 384};
}

Placed output(Session* session, uint32_t) {
  return Placed{session->tensors + 4096, FakeTflm::instance().output_bytes};
}

uint32_t used_bytes(const Session*) {
  return sizeof(Session);
}

}  // namespace roost::tflm
