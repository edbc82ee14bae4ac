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

// Then a block that cannot be erased is left alone for so long, unless somebody waits for it.
constexpr uint32_t kFlashRestMs = 60000;

protocol::PageShape page_shape(const AgentConfig& config) {
  const storage::FlashGeometry& geometry = config.flash->geometry();
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

// What a manifest calls its package; nothing, where it does not read.
struct Label {
  explicit Label(Bytes bytes) {
    protocol::ManifestView manifest;
    if (!protocol::read_manifest(bytes, &manifest).ok()) return;
    name = manifest.name();
    version = manifest.version();
  }
  protocol::Text name;
  protocol::Text version;
};

protocol::Text hardware_name(const char* name) {
  size_t size = 0;
  while (size < protocol::kHardwareBytesMax && name[size] != 0) ++size;
  return protocol::Text(name, size);
}

void put_tensors(protocol::InfoWriter* writer, bool declared, const Span<const runtime::TensorSpec>& specs) {
  size_t count = declared ? specs.size() : 0;
  if (count > protocol::kInfoTensorsMax) count = protocol::kInfoTensorsMax;
  writer->tensor_count(static_cast<uint8_t>(count));
  for (const runtime::TensorSpec* spec = specs.data(); count > 0; --count, ++spec) {
    writer->tensor(static_cast<uint8_t>(spec->type), spec->shape);
  }
}

}  // namespace

// The first two are made before what they borrow, and only keep where it will be.
DeliveryAgent::DeliveryAgent(const AgentConfig& config)
    : activation_(store_, host_, receiver_, config),
      delivery_(receiver_, store_, config),
      config_(config),
      host_(*config.engine_a, *config.engine_b, config.arena),
      store_(*config.flash, *config.digest, config.store, !config.builtin_model.empty(), config.store_scratch),
      receiver_(config.receiver, page_shape(config)) {}

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
      const bool taken = config_.notifier->notify(receiver_.frame_conn(), receiver_.frame());
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
  if (receiver_.give_up(Reason::kFlashFailed).ok()) return;  // kAbandoned follows
  if (store_.receiving()) (void)store_.abandon(kept_reason(Reason::kFlashFailed), 0);
}

inline bool DeliveryAgent::work_store(uint32_t now_ms) {
  if (store_.work_wanted(now_ms) == storage::Work::kNone) return false;
  const bool resting = flash_failures_ == kFlashFailuresMax && now_ms - flash_failed_ms_ < kFlashRestMs;
  if (resting && !store_.receiving()) return false;
  const storage::Status worked = store_.work(now_ms);
  if (worked.ok()) {
    flash_failures_ = 0;
    return true;
  }
  activation_.note(AgentEvent::kFlashTrouble, storage::kNoSlot);
  if (worked.error() == storage::Error::kFlashBusy) return false;  // no hurry: the next poll tries again
  flash_failed_ms_ = now_ms;
  if (flash_failures_ < kFlashFailuresMax) ++flash_failures_;
  if (flash_failures_ == kFlashFailuresMax) stop_receiving();
  return false;
}

// Gate and planner work in the idle ring. It stays lent until they are done, so that no offer slips in between two
// slices of a swap: offers are answered BUSY so long. False: it is wanted, but a transfer has it.
bool DeliveryAgent::borrow_ring() {
  if (activation_.wants_scratch() && !ring_borrowed_) ring_borrowed_ = receiver_.lend_ring().ok();
  return ring_borrowed_ || !activation_.wants_scratch();
}

inline bool DeliveryAgent::work_models(uint32_t now_ms) {
  // The swap goes on after the transfer. Without a model, nobody waits: the host may resume.
  if (!borrow_ring()) return !host_.serving() && receiver_.give_up(Reason::kBusy).ok();
  activation_.step(ring_borrowed_ ? config_.receiver.ring : MutableBytes(), now_ms);
  if (!activation_.wants_scratch() && ring_borrowed_) {
    ring_borrowed_ = false;
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

storage::SlotInfo DeliveryAgent::look_at(uint8_t slot, protocol::InfoSlotFacts* facts) {
  const storage::SlotInfo info = store_.slot_info(slot);
  facts->state = package_state(info);
  facts->reason = reason_from_kept(info.reason);
  facts->detail = info.detail;
  facts->generation = info.generation;
  facts->package_id = info.package_id;
  facts->durable_chunks = static_cast<uint16_t>(info.durable_chunks);
  facts->erase_count_max = info.wear_max;
  memcpy(facts->model_digest.data(), info.model_sha256.data(), facts->model_digest.size());
  return info;
}

// `running` as Info has it, and the slot that is meant; nothing of one, where it is none.
storage::SlotInfo DeliveryAgent::look_at_running(protocol::InfoRunning* running) {
  protocol::InfoSlotFacts facts;
  const storage::SlotInfo info = look_at(activation_.running(), &facts);
  running->slot = activation_.running();
  running->state = running->slot == protocol::kRunningBuiltIn ? PackageState::kConfirmed : facts.state;
  running->reason = activation_.last_return().reason();
  running->detail = activation_.last_return().detail();
  running->generation = host_.generation();
  running->model_digest = info.model_sha256;
  return info;
}

Bytes DeliveryAgent::info(MutableBytes out, uint32_t now_ms) {
  const storage::FlashGeometry& geometry = config_.flash->geometry();
  const uint32_t erases = store_.erase_budget(now_ms);
  protocol::InfoHead head;
  head.version = protocol::kProtocolVersion;
  head.chunk_log2 = static_cast<uint8_t>(__builtin_ctz(config_.store.chunk_bytes));
  head.generation = info_generation_++;
  head.initial_credit_bytes = receiver_.initial_credit_bytes();
  head.preferred_value_bytes = config_.preferred_value_bytes;
  head.manifest_bytes_max = protocol::kManifestBytesMax;
  head.payload_bytes_max = store_.payload_bytes_max();
  protocol::InfoDevice device;
  device.device_id = config_.device_id;
  device.policy = static_cast<uint16_t>((config_.store.early_erase ? protocol::kPolicyEarlyErase : 0) |
                                        (config_.builtin_model.empty() ? 0 : protocol::kPolicyBuiltIn));
  device.ring_bytes = static_cast<uint16_t>(receiver_.ring_bytes());
  device.arena_bytes = static_cast<uint32_t>(config_.arena.size());
  device.erase_block_bytes = geometry.erase_block_bytes;
  device.program_unit_bytes = geometry.program_unit_bytes;
  device.erased_value = geometry.erased_value;
  device.erases_left = static_cast<uint16_t>(erases > 0xFFFF ? 0xFFFF : erases);
  protocol::InfoRunning running;
  (void)look_at_running(&running);

  const Acceptance& accepted = config_.acceptance;
  protocol::InfoWriter writer(out);
  writer.begin(head, device, hardware_name(accepted.hardware), running, store_.slot_count());
  for (uint8_t slot = 0; slot < store_.slot_count(); ++slot) {
    protocol::InfoSlotFacts facts;
    const storage::SlotInfo info = look_at(slot, &facts);
    const Label label(info.manifest);
    writer.slot(facts, label.name, label.version);
  }
  put_tensors(&writer, accepted.io.declared, accepted.io.inputs);
  put_tensors(&writer, accepted.io.declared, accepted.io.outputs);
  return Bytes(out.data(), writer.finish());
}

Bytes DeliveryAgent::advertised(MutableBytes out) {
  protocol::InfoRunning running;
  const storage::SlotInfo info = look_at_running(&running);
  const Label label(info.manifest);
  const Result<uint8_t, protocol::Error> size = protocol::encode_advertised(running, label.version, out);
  return Bytes(out.data(), size.value_or(0));
}

}  // namespace device
}  // namespace roost
