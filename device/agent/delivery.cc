#include "device/agent/delivery.h"

#include "base/assert.h"
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
    if (need.version >= kernel->version_min && need.version <= kernel->version_max) return Reason::kOk;
    reason = Reason::kOperatorVersion;
  }
  return reason;
}

// A manifest's text has no zeros in it.
bool is_named(protocol::Text text, const char* name) {
  for (char c : text) {
    if (*name++ != c) return false;
  }
  return *name == 0;
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
  size_t i = 0;
  while (i < specs.size() && i < count && matches(specs.data()[i], tensors[i])) ++i;
  if (i == specs.size() && i == count) return Cause();
  return Cause(Reason::kIoMismatch, static_cast<uint16_t>(first_detail + i));
}

}  // namespace

bool Delivery::step(Action action, uint32_t now_ms) {
  switch (action) {
    case Action::kDecideOffer:
      return decide_offer();
    case Action::kDecideManifest:
      return decide_manifest(now_ms);
    case Action::kProgram:
      return program(now_ms);
    case Action::kCloseChunk:
      return close_chunk(now_ms);
    case Action::kPayloadComplete:
      return bad_.ok() ? check_digest() : payload_bad(bad_);
    case Action::kVerify:
      return bad_.ok() ? verify() : payload_bad(bad_);
    case Action::kAbandoned:
      return abandon();
    case Action::kNone:
    case Action::kSend:
    case Action::kRequest:
      break;  // the agent's own
  }
  ROOST_ASSERT(false);
  return false;
}

void Delivery::note(AgentEvent event, Cause cause, uint32_t value) const {
  if (!observer_) return;
  AgentNote told;
  told.event = event;
  told.slot = slot_;
  told.package_id = package_id_;
  told.cause = cause;
  told.value = value;
  observer_->on_event(told);
}

inline bool Delivery::decide_offer() {
  const uint32_t room = store_.payload_bytes_max();
  package_id_ = receiver_.offer().package_id;
  slot_ = storage::kNoSlot;
  stage_ = Stage::kNothing;
  bad_ = Cause();
  Cause cause;
  if (receiver_.offer().payload_size > room) cause = because(Reason::kDoesNotFit, room / 1024);
  const Status<protocol::Error> answered = receiver_.answer_offer(cause.reason(), cause.detail());
  if (!cause.ok() && answered.ok()) note(AgentEvent::kRefused, cause);
  return true;
}

bool Delivery::refuse(Cause cause) {
  stage_ = Stage::kNothing;
  (void)receiver_.reject(cause.reason(), cause.detail());
  note(AgentEvent::kRefused, cause);
  return true;
}

inline Cause Delivery::check_manifest(const ManifestView& manifest) const {
  const protocol::Text hardware = manifest.hardware();
  if (!hardware.empty() && !is_named(hardware, acceptance_.hardware)) {
    return Reason::kHardwareMismatch;
  }
  if (manifest.arena_bytes() > acceptance_.arena_bytes) {
    return because(Reason::kArenaTooSmall, acceptance_.arena_bytes / 1024);
  }
  if (manifest.custom_operators().size() > 0) {
    return Cause(Reason::kOperatorUnsupported, static_cast<uint16_t>(runtime::BuiltinOperator::CUSTOM));
  }
  const protocol::OperatorNeeds needs = manifest.operators();
  for (size_t i = 0; i < needs.size(); ++i) {
    const protocol::OperatorNeed need = needs[i];
    const Reason found = find_kernel(acceptance_.kernels, need);
    if (found != Reason::kOk) return Cause(found, need.code);
  }
  if (acceptance_.io.declared) {
    Cause cause = check_tensors(acceptance_.io.inputs, manifest.inputs(), 0);
    if (cause.ok()) {
      cause = check_tensors(acceptance_.io.outputs, manifest.outputs(), 0x8000);
    }
    if (!cause.ok()) return cause;
  }
  if (manifest.has_base()) return Reason::kBaseMissing;  // the raw codec builds upon nothing
  return Cause();
}

// No other package is in the way, only slots that are being cleared: work that ends by itself.
inline bool Delivery::clearing_first(storage::Error error, uint32_t now_ms) const {
  return error == storage::Error::kBusy && !store_.receiving() &&
         store_.work_wanted(now_ms) != storage::Work::kNone;
}

inline bool Delivery::decide_manifest(uint32_t now_ms) {
  if (stage_ == Stage::kWritingMeta) {
    if (!store_.manifest_taken()) return false;  // Store::work() erases and writes; the ring still holds it
    stage_ = Stage::kNothing;
    (void)receiver_.accept(resume_chunk_);
    note(AgentEvent::kAccepted, Cause(), resume_chunk_);
    return true;
  }
  ManifestView manifest;
  if (!protocol::read_manifest(receiver_.manifest(), &manifest).ok()) return refuse(Reason::kManifestMalformed);
  digest_.reset();
  digest_.update(receiver_.manifest());
  const protocol::PayloadLayout layout = manifest.layout();
  if (protocol::package_id(digest_.finish()) != receiver_.offer().package_id ||
      layout.payload_size() != receiver_.offer().payload_size) {
    return refuse(Reason::kManifestMismatch);
  }
  const Cause cause = check_manifest(manifest);
  if (!cause.ok()) return refuse(cause);

  storage::PackageInfo package;
  package.package_id = receiver_.offer().package_id;
  package.manifest = receiver_.manifest();
  package.model_size = layout.model_size();
  package.body_offset = layout.body_size() == 0 ? 0 : layout.body_offset();
  package.body_size = layout.body_size();
  package.model_sha256 = manifest.model_sha256();
  package.body_sha256 = manifest.body_sha256();
  package.counter = manifest.counter();
  package.attempts = manifest.attempts();
  const storage::OpenFlags flags = receiver_.offer().forced() ? storage::kOpenForce : storage::kOpenNormal;
  const storage::Result<storage::Opened> opened = store_.open(package, flags, now_ms);
  if (opened.error() == storage::Error::kFlashBusy || clearing_first(opened.error(), now_ms)) return false;
  if (!opened.ok()) return refuse(cause_of(opened.error()));
  slot_ = opened.value().slot;
  package_id_ = package.package_id;
  resume_chunk_ = static_cast<uint16_t>(opened.value().resume_chunk);
  stage_ = Stage::kWritingMeta;
  return false;
}

bool Delivery::rewind(uint32_t chunk, Reason reason, uint32_t now_ms) {
  const storage::Result<uint32_t> restart = store_.rewind(chunk, now_ms);
  if (!restart.ok()) {
    (void)receiver_.give_up(cause_of(restart.error()).reason(), static_cast<uint16_t>(chunk));
    return true;
  }
  (void)receiver_.chunk_failed(static_cast<uint16_t>(restart.value()), reason);
  note(AgentEvent::kPageRewound, because(reason, chunk), restart.value());
  return true;
}

inline bool Delivery::program(uint32_t now_ms) {
  if (!store_.page_ready(receiver_.chunk())) return false;
  const storage::Status status =
      store_.program(receiver_.chunk(), receiver_.page_offset(), receiver_.units(), now_ms);
  if (status.ok()) {
    (void)receiver_.programmed();
    return true;
  }
  if (status.error() == storage::Error::kNotReady || status.error() == storage::Error::kFlashBusy) return false;
  return rewind(receiver_.chunk(), Reason::kFlashFailed, now_ms);
}

inline bool Delivery::close_chunk(uint32_t now_ms) {
  const storage::Result<uint32_t> durable =
      store_.close_page(receiver_.chunk(), receiver_.chunk_size(), receiver_.chunk_crc());
  if (durable.ok()) {
    (void)receiver_.chunk_durable(static_cast<uint16_t>(durable.value()));
    return true;
  }
  if (durable.error() == storage::Error::kFlashBusy) return false;
  return rewind(receiver_.chunk(), Reason::kPageUnreadable, now_ms);
}

// What was received is not what was promised, or cannot be run: it is forgotten, and the host told why.
bool Delivery::payload_bad(Cause cause) {
  bad_ = cause;  // said again while the flash is busy
  if (!forget(cause)) return false;
  (void)receiver_.payload_failed(cause.reason(), cause.detail());
  return given_up(cause);
}

// The store could not check or seal it; not yet, if the flash is busy.
bool Delivery::payload_bad(storage::Error error) {
  return error != storage::Error::kFlashBusy && payload_bad(cause_of(error));
}

// False: the flash is busy.
bool Delivery::forget(Cause cause) {
  const storage::Status forgotten = store_.abandon(kept_reason(cause.reason()), cause.detail());
  return forgotten.error() != storage::Error::kFlashBusy;
}

bool Delivery::given_up(Cause cause) {
  bad_ = Cause();
  stage_ = Stage::kNothing;
  note(AgentEvent::kGivenUp, cause);
  return true;
}

ROOST_INLINE bool Delivery::check_digest() {
  if (stage_ != Stage::kDigest) {
    const storage::Status begun = store_.verify_begin(slot_);
    if (!begun.ok()) return payload_bad(begun.error());
    stage_ = Stage::kDigest;
    return false;
  }
  const storage::Result<bool> done = store_.verify_step(verify_bytes_per_step_);
  if (!done.ok()) return payload_bad(done.error());
  if (!done.value()) return false;
  stage_ = Stage::kNothing;
  (void)receiver_.stored();
  note(AgentEvent::kStored);
  return true;
}

inline Cause Delivery::check_model(const storage::SlotInfo& slot, MutableBytes scratch) {
  if (slot.model.empty()) return Reason::kFlashFailed;  // its meta does not read any more
  const auto judgement = engine_.measure(slot.model, scratch);
  if (!judgement.ok()) return cause_of(judgement.error(), engine_.report());
  if (judgement.value().arena_bytes > acceptance_.arena_bytes) {
    return because(Reason::kArenaPlanTooLarge, (judgement.value().arena_bytes + 1023) / 1024);
  }
  protocol::BodyView body;
  if (!slot.body.empty() && !protocol::read_body(slot.body, &body).ok()) return Reason::kBodyMalformed;
  return Cause();
}

inline bool Delivery::verify() {
  const Cause cause = check_model(store_.slot_info(slot_), receiver_.scratch());
  if (!cause.ok()) return payload_bad(cause);
  const storage::Status sealed = store_.seal();
  if (!sealed.ok()) return payload_bad(sealed.error());
  (void)receiver_.verified();
  note(AgentEvent::kVerified);
  return true;
}

// A lost link, a silent host or a device that has no time leaves what is durable for a resume; anything else means
// the bytes are no good, or not wanted. Before the manifest stands in flash there is nothing to resume, and the
// store must not go on reading it from the ring. A package that was only offered is none of the store's: it may
// hold another.
inline bool Delivery::abandon() {
  const Cause cause(receiver_.end_reason(), receiver_.end_detail());
  const bool opened =
      slot_ != storage::kNoSlot && package_id_ == receiver_.offer().package_id && store_.receiving();
  const bool wanted = receiver_.end_reason() == Reason::kLinkLost ||
                      receiver_.end_reason() == Reason::kHostSilent || receiver_.end_reason() == Reason::kBusy;
  if (opened && !(wanted && store_.manifest_taken()) && !forget(cause)) return false;
  (void)receiver_.abandoned();
  return given_up(cause);
}

}  // namespace device
}  // namespace roost
