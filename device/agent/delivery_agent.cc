#include "device/agent/delivery_agent.h"

#include "protocol/manifest.h"

namespace roost {
namespace device {

using protocol::Action;
using protocol::MessageType;
using protocol::PackageState;
using protocol::Reason;

namespace {

// Erasing and writing in the background, in a row: as often as a page may fail.
constexpr uint8_t kFlashFailuresMax = 3;

// Then a block that cannot be erased is left alone for so long, unless somebody waits for it.
constexpr uint32_t kFlashRestMs = 60000;

// The bounce buffer is the store's scratch, which it uses only within its own calls.
protocol::PageShape page_shape(const AgentConfig& config) {
  const storage::FlashGeometry& geometry = config.flash->geometry();
  return protocol::PageShape{config.store_scratch, geometry.program_unit_bytes, config.store.chunk_bytes,
                             geometry.erased_value};
}

void put_slot(protocol::InfoWriter* writer, const storage::SlotRecord& record, const storage::SlotInfo& info) {
  const protocol::InfoSlotFacts facts = {
      package_state(record), reason_from_kept(record.reason),
      record.detail,         record.generation,
      record.package_id,     static_cast<uint16_t>(record.durable_chunks),
      record.wear_max,
  };
  const protocol::ManifestView manifest = manifest_of(info);
  writer->slot(facts, info.model_sha256.data());
  writer->name(manifest.name());
  writer->version(manifest.version());
}

void put_tensors(protocol::InfoWriter* writer, const Span<const runtime::TensorSpec>& specs) {
  size_t count = specs.size();
  if (count > protocol::kInfoTensorsMax) count = protocol::kInfoTensorsMax;
  writer->count(static_cast<uint8_t>(count));
  for (const runtime::TensorSpec* spec = specs.data(); count > 0; --count, ++spec) {
    writer->tensor(static_cast<uint8_t>(spec->type), spec->shape);
  }
}

}  // namespace

// Activation and Delivery are made before what they borrow, and only keep where it will be.
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
  receiver_.admit(store_.payload_bytes_max());
  activation_.boot(cause);
  (void)activation_.step(now_ms);  // takes the ring before anybody can offer: a device serves before it receives
  return storage::Status();
}

bool DeliveryAgent::poll(uint32_t now_ms) {
  const bool received = serve_receiver(now_ms);
  const bool stored = work_store(now_ms);
  const bool swapped = activation_.step(now_ms);
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
      if (!activation_.answers_later()) (void)receiver_.answer_request(cause);
      return true;
    }
    default:
      return delivery_.step(action, now_ms);
  }
}

ROOST_INLINE Cause DeliveryAgent::serve_request(const protocol::Request& request, uint32_t now_ms) {
  storage::Status abandoned;
  switch (request.type) {
    case MessageType::kActivate:
      return activation_.activate(request.package_id);
    case MessageType::kConfirm:
      return activation_.confirm(request.package_id, now_ms);
    case MessageType::kRollback:
      return activation_.roll_back(Reason::kAskedByHost);
    case MessageType::kAbort:
      if (receiver_.give_up(Reason::kAskedByHost).ok()) return Cause();  // kAbandoned follows and empties the slot
      abandoned = store_.abandon(kept_reason(Reason::kAskedByHost), 0);
      return abandoned.is(storage::Error::kWrongState) ? Reason::kNoTransfer : cause_of(abandoned);
    case MessageType::kEraseModels:
      return receiver_.transfer_open() ? Reason::kBusy : activation_.erase_models(now_ms);
    default:
      return Reason::kUnsupportedRequest;
  }
}

// The flash under the package fails again and again: it is given up, and the block left alone. The next package has as
// many tries.
inline void DeliveryAgent::stop_receiving() {
  if (!receiver_.give_up(Reason::kFlashFailed).ok()) {  // otherwise kAbandoned follows
    if (!store_.receiving()) return;
    (void)store_.abandon(kept_reason(Reason::kFlashFailed), 0);
  }
  flash_failures_ = 0;
}

inline bool DeliveryAgent::work_store(uint32_t now_ms) {
  if (!store_.work_wanted(now_ms)) return false;
  const bool resting = flash_failures_ == kFlashFailuresMax && now_ms - flash_failed_ms_ < kFlashRestMs;
  if (resting && !store_.receiving()) return false;
  const storage::Status worked = store_.work(now_ms);
  if (worked.ok()) {
    flash_failures_ = 0;
    return true;
  }
  activation_.note(AgentEvent::kFlashTrouble, storage::kNoSlot);
  if (worked.is(storage::Error::kFlashBusy)) return false;  // no hurry: the next poll tries again
  flash_failed_ms_ = now_ms;
  if (++flash_failures_ < kFlashFailuresMax) return false;
  flash_failures_ = kFlashFailuresMax;
  stop_receiving();
  return false;
}

protocol::Deadline DeliveryAgent::next_deadline() const {
  protocol::Deadline deadline = receiver_.next_deadline();
  if (!activation_.waits()) return deadline;
  const uint32_t again_ms = activation_.waits_until_ms();
  if (!deadline.any || static_cast<int32_t>(again_ms - deadline.at_ms) < 0) deadline.at_ms = again_ms;
  deadline.any = true;
  return deadline;
}

PackageState DeliveryAgent::running_state() const {
  const uint8_t running = activation_.running();
  if (running < storage::kSlotCountMax) return package_state(store_.state().slots[running]);
  return running == protocol::kRunningBuiltIn ? PackageState::kConfirmed : PackageState::kEmpty;
}

inline void DeliveryAgent::put_running(protocol::InfoWriter* writer) {
  const uint8_t running = activation_.running();
  const storage::SlotInfo info = store_.slot_info(running);
  const Cause last_return = activation_.last_return();
  const protocol::InfoRunningFacts facts = {
      running, running_state(), last_return.reason(), last_return.detail(), host_.generation(),
  };
  writer->running(facts, info.model_sha256);
}

Bytes DeliveryAgent::info(MutableBytes out, uint32_t now_ms) {
  const AgentConfig& config = config_;
  const storage::FlashGeometry& geometry = config.flash->geometry();
  const uint32_t erases = store_.erase_budget(now_ms);
  const protocol::InfoDevice device = {
      {
          protocol::kProtocolVersion, static_cast<uint8_t>(__builtin_ctz(config.store.chunk_bytes)),
          0,  // the size comes last
          info_generation_++, receiver_.initial_credit_bytes(), config.preferred_value_bytes,
          protocol::kManifestBytesMax, store_.payload_bytes_max(),
          0,  // and the CRC
      },
      config.device_id,
      static_cast<uint16_t>((config.store.early_erase ? protocol::kPolicyEarlyErase : 0) |
                            (config.builtin_model.empty() ? 0 : protocol::kPolicyBuiltIn)),
      static_cast<uint16_t>(receiver_.ring_bytes()),
      static_cast<uint32_t>(config.arena.size()),
      geometry.erase_block_bytes,
      geometry.program_unit_bytes,
      geometry.erased_value,
      static_cast<uint16_t>(erases > 0xFFFF ? 0xFFFF : erases),
  };
  const Acceptance& accepted = config.acceptance;
  protocol::InfoWriter writer(out);
  writer.device(device);
  writer.hardware(accepted.hardware.text());

  put_running(&writer);
  const storage::SlotRecord* record = store_.state().slots;
  const uint32_t slots = store_.slot_count();
  writer.count(static_cast<uint8_t>(slots));
  for (uint32_t slot = 0; slot < slots; ++slot, ++record) {
    const uint8_t s = static_cast<uint8_t>(slot);
    put_slot(&writer, *record, store_.slot_info(s));
  }
  put_tensors(&writer, accepted.io.inputs);
  put_tensors(&writer, accepted.io.outputs);
  return Bytes(out.data(), writer.finish());
}

Bytes DeliveryAgent::advertised(MutableBytes out) {
  ROOST_ASSERT(out.size() >= protocol::kAdvertisedBytesMax);
  const storage::SlotInfo runs = store_.slot_info(activation_.running());
  const uint8_t* const digest = runs.model_sha256.data();
  const protocol::Text version = manifest_of(runs).version();
  return Bytes(out.data(), protocol::encode_advertised(running_state(), digest, version, out.data()));
}

}  // namespace device
}  // namespace roost
