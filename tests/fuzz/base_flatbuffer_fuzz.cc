// Any bytes as a model, as a manifest and as a body: what FlatCheck lets pass, the FlatBuffers library's own verifier
// lets pass too.
#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "protocol/body.h"
#include "protocol/body_generated.h"
#include "protocol/manifest.h"
#include "protocol/manifest_generated.h"
#include "runtime/gate.h"
#include "runtime/schema_generated.h"

namespace {

void compare(roost::Bytes file) {
  namespace protocol = roost::protocol;
  flatbuffers::Verifier of_manifest(file.data(), file.size());
  flatbuffers::Verifier of_body(file.data(), file.size());
  flatbuffers::Verifier of_model(file.data(), file.size());
  if (protocol::read_manifest(file).ok()) ROOST_ASSERT(protocol::fbs::VerifyManifestBuffer(of_manifest));
  if (protocol::read_body(file).ok()) ROOST_ASSERT(protocol::fbs::VerifyBodyBuffer(of_body));
  if (roost::runtime::verify_file(file, roost::runtime::GateLimits()) == roost::runtime::Error::kNone) {
    ROOST_ASSERT(roost::runtime::tflite::VerifyModelBuffer(of_model));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kAlignment = 16;
  uint8_t* const room = new uint8_t[size + kAlignment];
  uint8_t* const start = room + (kAlignment - reinterpret_cast<uintptr_t>(room) % kAlignment) % kAlignment;
  if (size != 0) memcpy(start, data, size);
  compare(roost::Bytes(start, size));
  delete[] room;
  return 0;
}
