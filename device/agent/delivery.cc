#include "device/agent/delivery.h"

#include <string.h>

#include "protocol/body.h"

namespace roost {
namespace device {

using protocol::Action;
using protocol::ManifestView;
using protocol::Reason;

namespace {

// kOk: there is a kernel for it; or what is missing.
Reason find_kernel(runtime::KernelList kernels, protocol::OperatorNeed need) {
  Reason reason = Reason::kOperatorUnsupported;
  for (const runtime::Kernel* kernel : kernels) {
    if (static_cast<uint32_t>(kernel->op) != need.code) continue;
    if (kernel->takes(need.version)) return Reason::kOk;
    reason = Reason::kOperatorVersion;
  }
  return reason;
}

bool same_text(const protocol::Text& a, const protocol::Text& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size()) == 0;
}

// Only what the manifest can tell; the gate compares the model itself.
bool matches(const runtime::TensorSpec& spec, protocol::TensorView tensor) {
  if (static_cast<uint32_t>(spec.type) != static_cast<uint32_t>(tensor.type())) return false;
  const protocol::Shape shape = tensor.shape();
  if (spec.shape.size() != shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (spec.shape[i] != runtime::kAnyDimension && spec.shape[i] != shape[i]) return false;
  }
  return true;
}

// The detail is the number of the first tensor that is not as declared.
Cause check_tensors(Span<const runtime::TensorSpec> specs, protocol::TensorViews tensors, size_t first_detail) {
  const size_t count = tensors.size();
  const runtime::TensorSpec* spec = specs.begin();
  size_t i = 0;
  while (spec != specs.end() && i < count && matches(*spec, tensors[i])) ++spec, ++i;
  if (spec == specs.end() && i == count) return Cause();
  return Cause(Reason::kIoMismatch, static_cast<uint16_t>(first_detail + i));
}

}  // namespace

bool Delivery::step(Action action, uint32_t now_ms) {
  switch (action) {
    case Action::kDecideManifest:
      return decide_manifest(now_ms);
    case Action::kProgram:
      return program(now_ms);
    case Action::kCloseChunk:
      return close_chunk(now_ms);
    case Action::kPayloadComplete:
      return check_digest();
    case Action::kVerify:
      return verify();
    default:  // kAbandoned: the others are the agent's own
      return abandon();
  }
}

void Delivery::note(AgentEvent event, Cause cause) const {
  if (config_.observer == nullptr) return;
  AgentNote told;
  told.event = event;
  told.slot = stage_ == Stage::kNothing ? storage::kNoSlot : store_.open_slot();
  told.package_id = receiver_.offer().package_id;
  told.cause = cause;
  told.value = store_.next_page();
  config_.observer->on_event(told);
}

bool Delivery::refuse(Cause cause) {
  (void)receiver_.reject(cause);
  note(AgentEvent::kRefused, cause);
  return true;
}

Cause Delivery::check_manifest(const ManifestView& manifest) const {
  const Acceptance& accepted = config_.acceptance;
  const uint32_t arena_bytes = static_cast<uint32_t>(config_.arena.size());
  const protocol::Text hardware = manifest.hardware();
  if (!hardware.empty() && !same_text(hardware, accepted.hardware.text())) {
    return Reason::kHardwareMismatch;
  }
  if (manifest.arena_bytes() > arena_bytes) {
    return because(Reason::kArenaTooSmall, arena_bytes / 1024);
  }
  if (manifest.custom_operators().size() > 0) {
    return Cause(Reason::kOperatorUnsupported, static_cast<uint16_t>(runtime::BuiltinOperator::CUSTOM));
  }
  const protocol::OperatorNeeds needs = manifest.operators();
  for (size_t i = 0; i < needs.size(); ++i) {
    const protocol::OperatorNeed need = needs[i];
    const Reason found = find_kernel(accepted.kernels, need);
    if (found != Reason::kOk) return Cause(found, need.code);
  }
  if (accepted.io.declared) {
    Cause cause = check_tensors(accepted.io.inputs, manifest.inputs(), 0);
    if (cause.ok()) {
      cause = check_tensors(accepted.io.outputs, manifest.outputs(), 0x8000);
    }
    if (!cause.ok()) return cause;
  }
  if (manifest.has_base()) return Reason::kBaseMissing;  // the raw codec builds upon nothing
  return Cause();
}

inline bool Delivery::decide_manifest(uint32_t now_ms) {
  // Store::work() erases; then the store wants it once more, and the ring still holds it.
  if (stage_ == Stage::kOpened && store_.work_wanted(now_ms)) return false;
  const Bytes bytes = receiver_.manifest();
  const ManifestView manifest = protocol::read_manifest(bytes);
  if (!manifest.ok()) return refuse(Reason::kManifestMalformed);
  Digest& digest = *config_.digest;
  digest.reset();
  digest.update(bytes);
  const uint32_t package_id = protocol::package_id(digest.finish());
  const protocol::PayloadLayout layout = manifest.layout();
  const uint8_t attempts = manifest.attempts();
  storage::PackageInfo package = {
      package_id,  // in the generation's place: the store draws that, and does not read this
      package_id,
      attempts < protocol::kManifestAttemptsMax ? attempts : protocol::kManifestAttemptsMax,
      layout.model_size(),
      layout.body_size() == 0 ? 0 : layout.body_offset(),
      layout.body_size(),
      manifest.counter(),
      manifest.model_sha256(),
      manifest.body_sha256(),
      static_cast<uint16_t>(bytes.size()),
      bytes.data(),
  };
  const protocol::Offer& offer = receiver_.offer();
  if (package_id != offer.package_id || package.payload_size() != offer.payload_size) {
    return refuse(Reason::kManifestMismatch);
  }
  Cause cause = check_manifest(manifest);
  if (!cause.ok()) return refuse(cause);

  cause = cause_of(store_.open(package, offer.forced() ? storage::kOpenForce : storage::kOpenNormal, now_ms));
  if (cause.is_busy()) return false;
  if (!cause.ok()) {
    if (stage_ == Stage::kNothing) return refuse(cause);
    (void)receiver_.give_up(cause);  // the slot takes no header
    return true;
  }
  stage_ = Stage::kOpened;
  if (!store_.manifest_taken()) return false;
  (void)receiver_.accept(static_cast<uint16_t>(store_.next_page()));
  note(AgentEvent::kAccepted);
  return true;
}

bool Delivery::rewind(Reason reason, uint32_t now_ms) {
  const Cause cause = cause_of(store_.rewind(now_ms));
  if (cause.ok()) {
    note(AgentEvent::kPageRewound, Cause(reason, receiver_.chunk()));
    (void)receiver_.chunk_failed(static_cast<uint16_t>(store_.next_page()), reason);
  } else {
    (void)receiver_.give_up(cause);
  }
  return true;
}

inline bool Delivery::program(uint32_t now_ms) {
  const Cause cause = cause_of(store_.program(receiver_.units(), now_ms));
  if (cause.is_busy()) return false;
  if (!cause.ok()) return rewind(Reason::kFlashFailed, now_ms);
  (void)receiver_.programmed();
  return true;
}

inline bool Delivery::close_chunk(uint32_t now_ms) {
  const storage::Status durable = store_.close_page(receiver_.chunk_crc());
  if (durable.ok()) {
    (void)receiver_.chunk_durable(static_cast<uint16_t>(store_.durable_chunks()));
    return true;
  }
  if (durable.is(storage::Error::kFlashBusy)) return false;
  return rewind(Reason::kPageUnreadable, now_ms);
}

// What was received is not what was promised, or cannot be run: it is forgotten, and the host told why. Not yet, if
// the flash is busy: then it is checked once more.
bool Delivery::payload_bad(Cause cause) {
  if (cause.is_busy()) return false;
  if (!forget(cause)) return false;
  (void)receiver_.payload_failed(cause);
  return given_up(cause);
}

// False: the flash is busy.
bool Delivery::forget(Cause cause) {
  const storage::Status forgotten = store_.abandon(kept_reason(cause.reason()), cause.detail());
  return !forgotten.is(storage::Error::kFlashBusy);
}

bool Delivery::given_up(Cause cause) {
  note(AgentEvent::kGivenUp, cause);
  stage_ = Stage::kNothing;
  return true;
}

ROOST_INLINE bool Delivery::check_digest() {
  const storage::Status done = store_.verify_step(config_.verify_bytes_per_poll);
  if (!done.ok()) return payload_bad(cause_of(done));
  if (store_.verifying()) return false;
  (void)receiver_.stored();
  note(AgentEvent::kStored);
  return true;
}

ROOST_INLINE Cause Delivery::check_model(const storage::SlotInfo& slot) {
  if (!slot.sound()) return Reason::kFlashFailed;  // its meta does not read any more
  runtime::Engine& engine = *config_.engine_a;
  runtime::Judgement judgement;
  const runtime::Status judged = engine.judge(slot.model(), config_.receiver.ring, &judgement);  // which is idle
  if (!judged.ok()) return cause_of(engine.report());
  if (judgement.arena_bytes > config_.arena.size()) {
    return because(Reason::kArenaPlanTooLarge, (judgement.arena_bytes + 1023) / 1024);
  }
  if (slot.body_size != 0 && !protocol::read_body(slot.body()).ok()) return Reason::kBodyMalformed;
  return Cause();
}

inline bool Delivery::verify() {
  Cause cause = check_model(store_.slot_info(store_.open_slot()));
  if (cause.ok()) cause = cause_of(store_.seal());
  if (!cause.ok()) return payload_bad(cause);
  (void)receiver_.verified();
  note(AgentEvent::kVerified);
  stage_ = Stage::kNothing;
  return true;
}

// A lost link, a silent host, a spent erase budget or a device that has no time leaves what is durable for a resume;
// anything else means the bytes are no good, or not wanted. Before the manifest stands in flash there is nothing to
// resume, and the store must not go on reading it from the ring. A package that was only offered is none of the
// store's: it may hold another.
inline bool Delivery::abandon() {
  const Cause cause = receiver_.end_cause();
  const bool opened = stage_ == Stage::kOpened;
  const bool wanted = cause.reason() == Reason::kLinkLost || cause.reason() == Reason::kHostSilent ||
                      cause.reason() == Reason::kEraseBudgetSpent || cause.is_busy();
  if (opened && !(wanted && store_.manifest_taken()) && !forget(cause)) return false;
  (void)receiver_.abandoned();
  return given_up(cause);
}

}  // namespace device
}  // namespace roost
