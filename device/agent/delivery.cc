#include "device/agent/delivery.h"

#include "base/assert.h"
#include "protocol/body.h"

namespace roost {
namespace device {

using protocol::Action;
using protocol::ManifestView;
using protocol::Reason;

namespace {

bool has_kernel(runtime::KernelList kernels, protocol::OperatorNeed need, bool* other_version) {
  for (const runtime::Kernel* kernel : kernels) {
    if (static_cast<uint32_t>(kernel->op) != need.code) continue;
    if (need.version >= kernel->version_min && need.version <= kernel->version_max) return true;
    *other_version = true;
  }
  return false;
}

// A manifest's text has no zeros in it.
bool is_named(protocol::Text text, const char* name) {
  for (char c : text) {
    if (*name++ != c) return false;
  }
  return *name == 0;
}

// Only what the manifest can tell; the gate compares the model itself.
bool matches(const runtime::TensorSpec& spec, const protocol::TensorView& tensor) {
  if (static_cast<uint32_t>(spec.type) != static_cast<uint32_t>(tensor.type)) return false;
  if (spec.shape.size() != tensor.rank) return false;
  for (size_t i = 0; i < tensor.rank; ++i) {
    if (spec.shape[i] != runtime::kAnyDimension && spec.shape[i] != tensor.shape[i]) return false;
  }
  return true;
}

// The index of the first tensor that is not as declared, or -1.
int32_t mismatch(Span<const runtime::TensorSpec> specs, const protocol::TensorView* tensors, uint8_t count) {
  for (size_t i = 0; i < specs.size() || i < count; ++i) {
    if (i >= specs.size() || i >= count || !matches(specs[i], tensors[i])) return static_cast<int32_t>(i);
  }
  return -1;
}

}  // namespace

bool Delivery::step(const Action& action, uint32_t now_ms) {
  switch (action.kind) {
    case Action::Kind::kDecideOffer:
      return decide_offer(action);
    case Action::Kind::kDecideManifest:
      return decide_manifest(action, now_ms);
    case Action::Kind::kProgram:
      return program(action, now_ms);
    case Action::Kind::kCloseChunk:
      return close_chunk(action, now_ms);
    case Action::Kind::kPayloadComplete:
      return bad_.ok() ? check_digest() : payload_bad(bad_);
    case Action::Kind::kVerify:
      return bad_.ok() ? verify(action) : payload_bad(bad_);
    case Action::Kind::kAbandoned:
      return abandon(action);
    case Action::Kind::kNone:
    case Action::Kind::kSend:
    case Action::Kind::kRequest:
      break;  // the agent's own
  }
  ROOST_ASSERT(false);
  return false;
}

void Delivery::note(AgentEvent event, Cause cause, uint32_t value) const {
  if (!parts_.observer) return;
  AgentNote told;
  told.event = event;
  told.slot = slot_;
  told.package_id = package_id_;
  told.cause = cause;
  told.value = value;
  parts_.observer->on_event(told);
}

bool Delivery::decide_offer(const Action& action) {
  const uint32_t room = parts_.store->payload_bytes_max();
  package_id_ = action.offer.package_id;
  slot_ = storage::kNoSlot;
  stage_ = Stage::kNothing;
  bad_ = Cause();
  Cause cause;
  if (action.offer.payload_size > room) cause = because(Reason::kDoesNotFit, room / 1024);
  const Status<protocol::Error> answered = parts_.receiver->answer_offer(cause.reason, cause.detail);
  if (!cause.ok() && answered.ok()) note(AgentEvent::kRefused, cause);
  return true;
}

bool Delivery::refuse(Cause cause) {
  stage_ = Stage::kNothing;
  (void)parts_.receiver->reject(cause.reason, cause.detail);
  note(AgentEvent::kRefused, cause);
  return true;
}

Cause Delivery::check_manifest(const ManifestView& manifest) const {
  if (!manifest.hardware.empty() && !is_named(manifest.hardware, acceptance_.hardware)) {
    return because(Reason::kHardwareMismatch);
  }
  if (manifest.arena_bytes > acceptance_.arena_bytes) {
    return because(Reason::kArenaTooSmall, acceptance_.arena_bytes / 1024);
  }
  if (manifest.custom_operator_count > 0) {
    return because(Reason::kOperatorUnsupported, static_cast<uint32_t>(runtime::BuiltinOperator::CUSTOM));
  }
  for (size_t i = 0; i < manifest.operators.size(); ++i) {
    bool other_version = false;
    if (has_kernel(acceptance_.kernels, manifest.operators[i], &other_version)) continue;
    return because(other_version ? Reason::kOperatorVersion : Reason::kOperatorUnsupported,
                   manifest.operators[i].code);
  }
  if (acceptance_.io.declared) {
    const int32_t input = mismatch(acceptance_.io.inputs, manifest.inputs.data(), manifest.input_count);
    if (input >= 0) return because(Reason::kIoMismatch, static_cast<uint32_t>(input));
    const int32_t output = mismatch(acceptance_.io.outputs, manifest.outputs.data(), manifest.output_count);
    if (output >= 0) return because(Reason::kIoMismatch, 0x8000u + static_cast<uint32_t>(output));
  }
  if (manifest.has_base) return because(Reason::kBaseMissing);  // the raw codec builds upon nothing
  return Cause();
}

// No other package is in the way, only slots that are being cleared: work that ends by itself.
bool Delivery::clearing_first(storage::Error error, uint32_t now_ms) const {
  return error == storage::Error::kBusy && !parts_.store->receiving() &&
         parts_.store->work_wanted(now_ms) != storage::Work::kNone;
}

bool Delivery::decide_manifest(const Action& action, uint32_t now_ms) {
  if (stage_ == Stage::kWritingMeta) {
    if (!parts_.store->manifest_taken()) return false;  // Store::work() erases and writes; the ring still holds it
    stage_ = Stage::kNothing;
    (void)parts_.receiver->accept(resume_chunk_);
    note(AgentEvent::kAccepted, Cause(), resume_chunk_);
    return true;
  }
  ManifestView manifest;
  if (!protocol::read_manifest(action.bytes, &manifest).ok()) return refuse(because(Reason::kManifestMalformed));
  parts_.digest->reset();
  parts_.digest->update(action.bytes);
  const protocol::PayloadLayout layout = manifest.layout();
  if (protocol::package_id(parts_.digest->finish()) != action.offer.package_id ||
      layout.payload_size() != action.offer.payload_size) {
    return refuse(because(Reason::kManifestMismatch));
  }
  const Cause cause = check_manifest(manifest);
  if (!cause.ok()) return refuse(cause);

  storage::PackageInfo package;
  package.package_id = action.offer.package_id;
  package.manifest = action.bytes;
  package.model_size = manifest.model_size;
  package.body_offset = manifest.body_size == 0 ? 0 : layout.body_offset();
  package.body_size = manifest.body_size;
  package.model_sha256 = manifest.model_sha256;
  package.body_sha256 = manifest.body_sha256;
  package.counter = manifest.counter;
  package.attempts = manifest.attempts;
  const storage::OpenFlags flags = action.offer.forced() ? storage::kOpenForce : storage::kOpenNormal;
  const storage::Result<storage::Opened> opened = parts_.store->open(package, flags, now_ms);
  if (opened.error() == storage::Error::kFlashBusy || clearing_first(opened.error(), now_ms)) return false;
  if (!opened.ok()) return refuse(cause_of(opened.error()));
  slot_ = opened.value().slot;
  package_id_ = package.package_id;
  resume_chunk_ = static_cast<uint16_t>(opened.value().resume_chunk);
  stage_ = Stage::kWritingMeta;
  return false;
}

bool Delivery::rewind(uint32_t chunk, Reason reason, uint32_t now_ms) {
  const storage::Result<uint32_t> restart = parts_.store->rewind(chunk, now_ms);
  if (!restart.ok()) {
    (void)parts_.receiver->give_up(cause_of(restart.error()).reason, static_cast<uint16_t>(chunk));
    return true;
  }
  (void)parts_.receiver->chunk_failed(static_cast<uint16_t>(restart.value()), reason);
  note(AgentEvent::kPageRewound, because(reason, chunk), restart.value());
  return true;
}

bool Delivery::program(const Action& action, uint32_t now_ms) {
  if (!parts_.store->page_ready(action.chunk)) return false;
  const storage::Status status = parts_.store->program(action.chunk, action.offset, action.bytes, now_ms);
  if (status.ok()) {
    (void)parts_.receiver->programmed();
    return true;
  }
  if (status.error() == storage::Error::kNotReady || status.error() == storage::Error::kFlashBusy) return false;
  return rewind(action.chunk, Reason::kFlashFailed, now_ms);
}

bool Delivery::close_chunk(const Action& action, uint32_t now_ms) {
  const storage::Result<uint32_t> durable = parts_.store->close_page(action.chunk, action.true_size, action.crc32);
  if (durable.ok()) {
    (void)parts_.receiver->chunk_durable(static_cast<uint16_t>(durable.value()));
    return true;
  }
  if (durable.error() == storage::Error::kFlashBusy) return false;
  return rewind(action.chunk, Reason::kPageUnreadable, now_ms);
}

// What was received is not what was promised, or cannot be run: it is forgotten, and the host told why.
bool Delivery::payload_bad(Cause cause) {
  bad_ = cause;  // said again while the flash is busy
  const storage::Status forgotten = parts_.store->abandon(kept_reason(cause.reason), cause.detail);
  if (forgotten.error() == storage::Error::kFlashBusy) return false;
  bad_ = Cause();
  stage_ = Stage::kNothing;
  (void)parts_.receiver->payload_failed(cause.reason, cause.detail);
  note(AgentEvent::kGivenUp, cause);
  return true;
}

bool Delivery::check_digest() {
  if (stage_ != Stage::kDigest) {
    const storage::Status begun = parts_.store->verify_begin(slot_);
    if (!begun.ok()) return payload_bad(cause_of(begun.error()));
    stage_ = Stage::kDigest;
    return false;
  }
  const storage::Result<bool> done = parts_.store->verify_step(verify_bytes_per_step_);
  if (done.error() == storage::Error::kFlashBusy) return false;
  if (!done.ok()) return payload_bad(cause_of(done.error()));
  if (!done.value()) return false;
  stage_ = Stage::kNothing;
  (void)parts_.receiver->stored();
  note(AgentEvent::kStored);
  return true;
}

Cause Delivery::check_model(const storage::SlotInfo& slot, MutableBytes scratch) {
  if (slot.model.empty()) return because(Reason::kFlashFailed);  // its meta does not read any more
  const auto judgement = parts_.engine->measure(slot.model, scratch);
  if (!judgement.ok()) return cause_of(judgement.error(), parts_.engine->report());
  if (judgement.value().arena_bytes > acceptance_.arena_bytes) {
    return because(Reason::kArenaPlanTooLarge, (judgement.value().arena_bytes + 1023) / 1024);
  }
  protocol::BodyView body;
  if (!slot.body.empty() && !protocol::read_body(slot.body, &body).ok()) return because(Reason::kBodyMalformed);
  return Cause();
}

bool Delivery::verify(const Action& action) {
  const Cause cause = check_model(parts_.store->slot_info(slot_), action.scratch);
  if (!cause.ok()) return payload_bad(cause);
  const storage::Status sealed = parts_.store->seal();
  if (sealed.error() == storage::Error::kFlashBusy) return false;
  if (!sealed.ok()) return payload_bad(cause_of(sealed.error()));
  (void)parts_.receiver->verified();
  note(AgentEvent::kVerified);
  return true;
}

// A lost link, a silent host or a device that has no time leaves what is durable for a resume; anything else means
// the bytes are no good, or not wanted. Before the manifest stands in flash there is nothing to resume, and the
// store must not go on reading it from the ring. A package that was only offered is none of the store's: it may
// hold another.
bool Delivery::abandon(const Action& action) {
  const bool opened =
      slot_ != storage::kNoSlot && package_id_ == action.offer.package_id && parts_.store->receiving();
  const bool wanted =
      action.reason == Reason::kLinkLost || action.reason == Reason::kHostSilent || action.reason == Reason::kBusy;
  if (opened && !(wanted && parts_.store->manifest_taken())) {
    const storage::Status forgotten = parts_.store->abandon(kept_reason(action.reason), action.detail);
    if (forgotten.error() == storage::Error::kFlashBusy) return false;
  }
  bad_ = Cause();
  stage_ = Stage::kNothing;
  (void)parts_.receiver->abandoned();
  note(AgentEvent::kGivenUp, because(action.reason, action.detail));
  return true;
}

}  // namespace device
}  // namespace roost
