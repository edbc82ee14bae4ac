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

protocol::ReceiverConfig receiver_config(const AgentParts& parts, const AgentConfig& config) {
  const storage::FlashGeometry& geometry = parts.flash->geometry();
  protocol::ReceiverConfig receiver = config.receiver;
  receiver.bounce = config.store_scratch;  // the store uses it only within its own calls
  receiver.program_unit_bytes = geometry.program_unit_bytes;
  receiver.erased_value = geometry.erased_value;
  receiver.chunk_bytes = config.store.chunk_bytes;
  return receiver;
}

storage::StoreConfig store_config(const AgentConfig& config) {
  storage::StoreConfig store = config.store;
  store.has_builtin = !config.builtin_model.empty();
  return store;
}

Acceptance acceptance(const AgentConfig& config) {
  Acceptance accepted = config.acceptance;
  accepted.arena_bytes = static_cast<uint32_t>(config.arena.size());
  return accepted;
}

Delivery::Parts delivery_parts(const AgentParts& parts, protocol::Receiver* receiver, storage::Store* store) {
  Delivery::Parts delivery;
  delivery.receiver = receiver;
  delivery.store = store;
  delivery.engine = parts.engine_a;
  delivery.digest = parts.digest;
  delivery.observer = parts.observer;
  return delivery;
}

PackageState package_state(const storage::SlotInfo& slot) {
  switch (slot.state) {
    case SlotState::kUnknown:
    case SlotState::kErased:
      return PackageState::kEmpty;
    case SlotState::kClearing:
      return PackageState::kErasing;
    case SlotState::kReceiving:
      return PackageState::kReceiving;
    case SlotState::kPending:
      return PackageState::kVerified;
    case SlotState::kTrial:
      return PackageState::kTrial;
    case SlotState::kConfirmed:
    case SlotState::kRetired:
      return PackageState::kConfirmed;
    case SlotState::kRejected:
      return slot.attempts_made > 0 ? PackageState::kRolledBack : PackageState::kRejected;
  }
  return PackageState::kEmpty;
}

void fill_tensors(Span<const runtime::TensorSpec> specs, protocol::InfoTensor* out, uint8_t* count) {
  *count = 0;
  for (size_t i = 0; i < specs.size() && i < protocol::kInfoTensorsMax; ++i) {
    out[i].type = static_cast<uint8_t>(specs[i].type);
    out[i].rank = static_cast<uint8_t>(specs[i].shape.size());
    for (size_t d = 0; d < specs[i].shape.size() && d < protocol::kTensorRankMax; ++d) {
      const int32_t dim = specs[i].shape[d];
      out[i].shape[d] = dim == runtime::kAnyDimension ? 0 : static_cast<uint16_t>(dim);
    }
    ++*count;
  }
}

}  // namespace

DeliveryAgent::DeliveryAgent(const AgentParts& parts, const AgentConfig& config)
    : parts_(parts),
      preferred_value_bytes_(config.preferred_value_bytes),
      device_id_(config.device_id),
      receiver_(receiver_config(parts, config)),
      store_(*parts.flash, *parts.digest, store_config(config), config.store_scratch),
      host_(*parts.engine_a, *parts.engine_b, config.arena),
      listener_(*this),
      activation_(store_, host_, config.builtin_model, listener_),
      delivery_(delivery_parts(parts, &receiver_, &store_), acceptance(config), config.verify_bytes_per_poll) {}

void DeliveryAgent::Listener::on_state_change(MessageType type, uint32_t package_id, Cause cause) {
  agent_.receiver_.notify_state(type, package_id, cause.reason, cause.detail);
}

void DeliveryAgent::Listener::on_note(AgentEvent event, uint8_t slot, uint32_t package_id, Cause cause) {
  if (!agent_.parts_.observer) return;
  AgentNote note;
  note.event = event;
  note.slot = slot;
  note.package_id = package_id;
  note.cause = cause;
  note.value = 0;
  agent_.parts_.observer->on_event(note);
}

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
bool DeliveryAgent::serve_receiver(uint32_t now_ms) {
  const Action action = receiver_.poll(now_ms);
  switch (action.kind) {
    case Action::Kind::kNone:
      return false;
    case Action::Kind::kSend: {
      const bool taken = parts_.notifier->notify(action.conn, action.bytes);
      (void)receiver_.sent(taken);
      return taken;
    }
    case Action::Kind::kRequest: {
      const Cause cause = serve_request(action.request, now_ms);
      (void)receiver_.answer_request(cause.reason, cause.detail);
      return true;
    }
    default:
      return delivery_.step(action, now_ms);
  }
}

Cause DeliveryAgent::serve_request(const protocol::Request& request, uint32_t now_ms) {
  Cause cause;
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
      } else if (store_.receiving() || store_.slot_in(SlotState::kReceiving) != storage::kNoSlot) {
        return cause_of(store_.abandon(kept_reason(Reason::kAskedByHost), 0).error());
      } else {
        cause.reason = Reason::kNoTransfer;
      }
      return cause;
    case MessageType::kEraseModels:
      if (receiver_.transfer_open()) {
        cause.reason = Reason::kBusy;
        return cause;
      }
      return activation_.erase_models(now_ms);
    default:
      cause.reason = Reason::kUnsupportedRequest;
      return cause;
  }
}

// The flash under the package fails again and again: it is given up, and the block left alone.
void DeliveryAgent::stop_receiving() {
  flash_failures_ = 0;
  if (receiver_.give_up(Reason::kFlashFailed).ok()) return;  // kAbandoned follows
  if (store_.receiving()) (void)store_.abandon(kept_reason(Reason::kFlashFailed), 0);
}

bool DeliveryAgent::work_store(uint32_t now_ms) {
  if (store_.work_wanted(now_ms) == storage::Work::kNone) return false;
  const storage::Status worked = store_.work(now_ms);
  if (worked.ok()) {
    flash_failures_ = 0;
    return true;
  }
  listener_.on_note(AgentEvent::kFlashTrouble, storage::kNoSlot, 0, Cause());
  if (worked.error() != storage::Error::kFlashBusy && ++flash_failures_ >= kFlashFailuresMax) stop_receiving();
  return false;  // no hurry: the next poll tries again
}

// Gate and planner work in the idle ring. It stays lent until they are done, so that no offer slips in between two
// slices of a swap: offers are answered BUSY so long.
bool DeliveryAgent::borrow_ring() {
  if (!activation_.wants_scratch()) return false;
  if (!borrowed_ring_.empty()) return true;
  const Result<MutableBytes, protocol::Error> ring = receiver_.lend_ring();
  if (ring.ok()) borrowed_ring_ = ring.value();
  return ring.ok();
}

bool DeliveryAgent::work_models(uint32_t now_ms) {
  if (host_.state() == runtime::ModelHost::State::kEmpty && !activation_.busy()) return false;
  if (activation_.wants_scratch() && !borrow_ring()) {
    // A transfer runs, and the swap goes on after it. Without a model, nobody waits: the host may resume.
    return !host_.serving() && receiver_.give_up(Reason::kBusy).ok();
  }
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

void DeliveryAgent::fill_slot(uint8_t slot, protocol::InfoSlot* out) {
  const storage::SlotInfo info = store_.slot_info(slot);
  out->state = package_state(info);
  out->reason = reason_from_kept(info.reason);
  out->detail = info.detail;
  out->generation = info.generation;
  out->package_id = info.package_id;
  out->durable_chunks = static_cast<uint16_t>(info.durable_chunks);
  out->erase_count_max = info.wear_max;
  protocol::ManifestView manifest;
  if (info.manifest.empty() || !protocol::read_manifest(info.manifest, &manifest).ok()) return;
  out->name.assign(manifest.name.data(), manifest.name.size());
  out->version.assign(manifest.version.data(), manifest.version.size());
  memcpy(out->model_digest.data(), manifest.model_sha256.data(), out->model_digest.size());
}

Bytes DeliveryAgent::info(MutableBytes out, uint32_t now_ms) {
  protocol::Info info;
  const storage::FlashGeometry& geometry = parts_.flash->geometry();
  const storage::StoreConfig& store = store_.config();
  const Acceptance& accepted = delivery_.acceptance();
  info.head.version = protocol::kProtocolVersion;
  info.head.chunk_log2 = static_cast<uint8_t>(__builtin_ctz(store.chunk_bytes));
  info.head.generation = info_generation_++;
  info.head.initial_credit_bytes = receiver_.initial_credit_bytes();
  info.head.preferred_value_bytes = preferred_value_bytes_;
  info.head.manifest_bytes_max = protocol::kManifestBytesMax;
  info.head.payload_bytes_max = store_.payload_bytes_max();
  info.device_id = device_id_;
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
  for (uint8_t slot = 0; slot < info.slot_count; ++slot) fill_slot(slot, &info.slots[slot]);

  info.running.slot = activation_.running();
  info.running.reason = activation_.last_return().reason;
  info.running.detail = activation_.last_return().detail;
  info.running.generation = host_.generation();
  if (info.running.slot < info.slot_count) {
    const storage::SlotInfo running = store_.slot_info(info.running.slot);
    info.running.state = package_state(running);
    info.running.model_digest = running.model_sha256;
  } else if (info.running.slot == protocol::kRunningBuiltIn) {
    info.running.state = PackageState::kConfirmed;
  }
  if (accepted.io.declared) {
    fill_tensors(accepted.io.inputs, info.inputs.data(), &info.input_count);
    fill_tensors(accepted.io.outputs, info.outputs.data(), &info.output_count);
  }
  const Result<uint16_t, protocol::Error> size = protocol::encode_info(info, out);
  return size.ok() ? Bytes(out.data(), size.value()) : Bytes();
}

Bytes DeliveryAgent::advertised(MutableBytes out) {
  protocol::Advertised advertised;
  const uint8_t running = activation_.running();
  if (running < store_.slot_count()) {
    const storage::SlotInfo slot = store_.slot_info(running);
    advertised.state = package_state(slot);
    memcpy(advertised.model_digest.data(), slot.model_sha256.data(), advertised.model_digest.size());
    protocol::ManifestView manifest;
    if (protocol::read_manifest(slot.manifest, &manifest).ok()) {
      advertised.version.assign(manifest.version.data(), manifest.version.size());
    }
  } else if (running == protocol::kRunningBuiltIn) {
    advertised.state = PackageState::kConfirmed;
  }
  const Result<uint8_t, protocol::Error> size = protocol::encode_advertised(advertised, out);
  return size.ok() ? Bytes(out.data(), size.value()) : Bytes();
}

}  // namespace device
}  // namespace roost
