#include "device/agent/delivery_agent.h"

#include <string.h>

#include "protocol/manifest.h"

namespace roost {
namespace device {

using protocol::Action;
using protocol::MessageType;
using protocol::PackageState;
using protocol::Reason;
using storage::SlotState;

namespace {

// Erasing and writing in the background, in a row: as often as a page may fail.
constexpr uint8_t kFlashFailuresMax = 3;

// Fills in what follows from other parts of it.
const AgentConfig& complete(AgentConfig& config) {
  config.store.has_builtin = !config.builtin_model.empty();
  config.acceptance.arena_bytes = static_cast<uint32_t>(config.arena.size());
  return config;
}

protocol::PageShape page_shape(const storage::FlashGeometry& geometry, const AgentConfig& config) {
  protocol::PageShape page;
  page.bounce = config.store_scratch;  // the store uses it only within its own calls
  page.program_unit_bytes = geometry.program_unit_bytes;
  page.chunk_bytes = config.store.chunk_bytes;
  page.erased_value = geometry.erased_value;
  return page;
}

PackageState package_state(const storage::SlotInfo& slot) {
  // kUnknown, kClearing, kErased, kReceiving, kPending, kTrial, kConfirmed, kRetired, kRejected.
  static const PackageState kStates[] = {
      PackageState::kEmpty,     PackageState::kErasing,   PackageState::kEmpty,
      PackageState::kReceiving, PackageState::kVerified,  PackageState::kTrial,
      PackageState::kConfirmed, PackageState::kConfirmed, PackageState::kRejected};
  static_assert(static_cast<size_t>(SlotState::kRejected) + 1 == sizeof kStates, "one for each, in their order");
  if (slot.state == SlotState::kRejected && slot.attempts_made > 0) return PackageState::kRolledBack;
  return kStates[static_cast<size_t>(slot.state)];
}

void fill_tensors(Span<const runtime::TensorSpec> specs, protocol::InfoTensor* out, uint8_t* count) {
  *count = 0;
  for (size_t i = 0; i < specs.size() && i < protocol::kInfoTensorsMax; ++i) {
    const Span<const int32_t> shape = specs.data()[i].shape;
    out[i].type = static_cast<uint8_t>(specs.data()[i].type);
    out[i].rank = static_cast<uint8_t>(shape.size());
    for (size_t d = 0; d < shape.size() && d < protocol::kTensorRankMax; ++d) {
      const int32_t dimension = shape.data()[d];
      out[i].shape[d] = dimension == runtime::kAnyDimension ? 0 : static_cast<uint16_t>(dimension);
    }
    ++*count;
  }
}

}  // namespace

// The first two are made before what they borrow, and only keep where it will be.
DeliveryAgent::DeliveryAgent(const AgentParts& parts, AgentConfig config)
    : activation_(store_, host_, receiver_, parts.observer, complete(config).builtin_model),
      delivery_(receiver_, store_, *parts.engine_a, *parts.digest, parts.observer, traits_.acceptance,
                config.verify_bytes_per_poll),
      flash_(*parts.flash),
      notifier_(*parts.notifier),
      traits_(config),
      host_(*parts.engine_a, *parts.engine_b, config.arena),
      store_(*parts.flash, *parts.digest, config.store, config.store_scratch),
      receiver_config_(config.receiver),
      receiver_(receiver_config_, page_shape(parts.flash->geometry(), config)) {}

storage::Status DeliveryAgent::start(storage::ResetCause cause, uint32_t now_ms) {
  const storage::Status mounted = store_.mount(now_ms);
  if (!mounted.ok()) return mounted;
  while (store_.work_wanted(now_ms) == storage::Work::kRecover) {
    if (!store_.work(now_ms).ok()) break;  // flash that does not read: what is durable is what was found so far
  }
  activation_.boot(cause);
  (void)borrow_ring();  // before anybody can offer: a device serves before it receives
  return storage::Status();
}

bool DeliveryAgent::poll(uint32_t now_ms) {
  const bool received = serve_receiver(now_ms);
  const bool stored = work_store(now_ms);
  const bool swapped = work_models(now_ms);
  return received || stored || swapped;
}

// True: something was done. An action that waits (for an erase, say) goes on at a later poll.
ROOST_INLINE bool DeliveryAgent::serve_receiver(uint32_t now_ms) {
  const Action action = receiver_.poll(now_ms);
  switch (action) {
    case Action::kNone:
      return false;
    case Action::kSend: {
      const bool taken = notifier_.notify(receiver_.frame_conn(), receiver_.frame());
      (void)receiver_.sent(taken);
      return taken;
    }
    case Action::kRequest: {
      if (activation_.answers_later()) return false;
      const Cause cause = serve_request(receiver_.request(), now_ms);
      if (!activation_.answers_later()) (void)receiver_.answer_request(cause.reason(), cause.detail());
      return true;
    }
    default:
      return delivery_.step(action, now_ms);
  }
}

ROOST_INLINE Cause DeliveryAgent::serve_request(const protocol::Request& request, uint32_t now_ms) {
  switch (request.type) {
    case MessageType::kActivate:
      return activation_.activate(request.package_id);
    case MessageType::kConfirm:
      return activation_.confirm(request.package_id, now_ms);
    case MessageType::kRollback:
      return activation_.roll_back(Reason::kAskedByHost);
    case MessageType::kAbort:
      if (receiver_.transfer_open()) {
        (void)receiver_.give_up(Reason::kAskedByHost);  // kAbandoned follows and empties the slot
        return Cause();
      }
      if (!store_.receiving() && store_.slot_in(SlotState::kReceiving) == storage::kNoSlot) {
        return Reason::kNoTransfer;
      }
      return cause_of(store_.abandon(kept_reason(Reason::kAskedByHost), 0).error());
    case MessageType::kEraseModels:
      return receiver_.transfer_open() ? Reason::kBusy : activation_.erase_models(now_ms);
    default:
      return Reason::kUnsupportedRequest;
  }
}

// The flash under the package fails again and again: it is given up, and the block left alone.
inline void DeliveryAgent::stop_receiving() {
  flash_failures_ = 0;
  if (receiver_.give_up(Reason::kFlashFailed).ok()) return;  // kAbandoned follows
  if (store_.receiving()) (void)store_.abandon(kept_reason(Reason::kFlashFailed), 0);
}

inline bool DeliveryAgent::work_store(uint32_t now_ms) {
  if (store_.work_wanted(now_ms) == storage::Work::kNone) return false;
  const storage::Status worked = store_.work(now_ms);
  if (worked.ok()) {
    flash_failures_ = 0;
    return true;
  }
  activation_.note(AgentEvent::kFlashTrouble, storage::kNoSlot);
  if (worked.error() != storage::Error::kFlashBusy && ++flash_failures_ >= kFlashFailuresMax) stop_receiving();
  return false;  // no hurry: the next poll tries again
}

// Gate and planner work in the idle ring. It stays lent until they are done, so that no offer slips in between two
// slices of a swap: offers are answered BUSY so long. False: it is wanted, but a transfer has it.
bool DeliveryAgent::borrow_ring() {
  if (!activation_.wants_scratch() || !borrowed_ring_.empty()) return true;
  const Result<MutableBytes, protocol::Error> ring = receiver_.lend_ring();
  if (ring.ok()) borrowed_ring_ = ring.value();
  return ring.ok();
}

inline bool DeliveryAgent::work_models(uint32_t now_ms) {
  // The swap goes on after the transfer. Without a model, nobody waits: the host may resume.
  if (!borrow_ring()) return !host_.serving() && receiver_.give_up(Reason::kBusy).ok();
  activation_.step(borrowed_ring_, now_ms);
  if (!activation_.wants_scratch() && !borrowed_ring_.empty()) {
    borrowed_ring_ = MutableBytes();
    (void)receiver_.return_ring();
  }
  return activation_.busy() && !activation_.waits();
}

protocol::Deadline DeliveryAgent::next_deadline() const {
  protocol::Deadline deadline = receiver_.next_deadline();
  if (!activation_.waits()) return deadline;
  const uint32_t again_ms = activation_.waits_until_ms();
  if (!deadline.any || static_cast<int32_t>(again_ms - deadline.at_ms) < 0) deadline.at_ms = again_ms;
  deadline.any = true;
  return deadline;
}

// `running` as well, if that is its slot.
void DeliveryAgent::fill_slot(uint8_t slot, protocol::InfoSlot* out, protocol::InfoRunning* running) {
  const storage::SlotInfo info = store_.slot_info(slot);
  out->state = package_state(info);
  out->reason = reason_from_kept(info.reason);
  out->detail = info.detail;
  out->generation = info.generation;
  out->package_id = info.package_id;
  out->durable_chunks = static_cast<uint16_t>(info.durable_chunks);
  out->erase_count_max = info.wear_max;
  if (slot == running->slot) {
    running->state = out->state;
    running->model_digest = info.model_sha256;
  }
  protocol::ManifestView manifest;
  if (protocol::read_manifest(info.manifest, &manifest).ok()) {
    const protocol::Text name = manifest.name();
    const protocol::Text version = manifest.version();
    out->name.assign(name.data(), name.size());
    out->version.assign(version.data(), version.size());
    memcpy(out->model_digest.data(), info.model_sha256.data(), out->model_digest.size());
  }
}

Bytes DeliveryAgent::info(MutableBytes out, uint32_t now_ms) {
  protocol::Info info;
  const storage::FlashGeometry& geometry = flash_.geometry();
  const storage::StoreConfig& store = store_.config();
  const Acceptance& accepted = traits_.acceptance;
  info.head.version = protocol::kProtocolVersion;
  info.head.chunk_log2 = static_cast<uint8_t>(__builtin_ctz(store.chunk_bytes));
  info.head.generation = info_generation_++;
  info.head.initial_credit_bytes = receiver_.initial_credit_bytes();
  info.head.preferred_value_bytes = traits_.preferred_value_bytes;
  info.head.manifest_bytes_max = protocol::kManifestBytesMax;
  info.head.payload_bytes_max = store_.payload_bytes_max();
  info.device_id = traits_.device_id;
  info.policy = static_cast<uint16_t>((store.early_erase ? protocol::kPolicyEarlyErase : 0) |
                                      (store.has_builtin ? protocol::kPolicyBuiltIn : 0));
  info.ring_bytes = static_cast<uint16_t>(receiver_.ring_bytes());
  info.arena_bytes = accepted.arena_bytes;
  info.erase_block_bytes = geometry.erase_block_bytes;
  info.program_unit_bytes = geometry.program_unit_bytes;
  info.erased_value = geometry.erased_value;
  const uint32_t erases = store_.erase_budget(now_ms);
  info.erases_left = static_cast<uint16_t>(erases > 0xFFFF ? 0xFFFF : erases);
  info.hardware.assign(accepted.hardware);
  info.slot_count = store_.slot_count();
  info.running.slot = activation_.running();
  info.running.reason = activation_.last_return().reason();
  info.running.detail = activation_.last_return().detail();
  info.running.generation = host_.generation();
  if (info.running.slot == protocol::kRunningBuiltIn) info.running.state = PackageState::kConfirmed;
  for (uint8_t slot = 0; slot < info.slot_count; ++slot) fill_slot(slot, &info.slots[slot], &info.running);
  if (accepted.io.declared) {
    fill_tensors(accepted.io.inputs, info.inputs.data(), &info.input_count);
    fill_tensors(accepted.io.outputs, info.outputs.data(), &info.output_count);
  }
  const Result<uint16_t, protocol::Error> size = protocol::encode_info(info, out);
  return Bytes(out.data(), size.value_or(0));
}

Bytes DeliveryAgent::advertised(MutableBytes out) {
  protocol::Advertised advertised;
  protocol::InfoSlot slot;
  protocol::InfoRunning running;
  running.slot = activation_.running();
  if (running.slot == protocol::kRunningBuiltIn) running.state = PackageState::kConfirmed;
  if (running.slot < store_.slot_count()) fill_slot(running.slot, &slot, &running);
  advertised.state = running.state;
  memcpy(advertised.model_digest.data(), running.model_digest.data(), advertised.model_digest.size());
  advertised.version.assign(slot.version.data.data(), slot.version.size);
  const Result<uint8_t, protocol::Error> size = protocol::encode_advertised(advertised, out);
  return Bytes(out.data(), size.value_or(0));
}

}  // namespace device
}  // namespace roost
