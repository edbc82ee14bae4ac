#include "tests/device/rig.h"

#include <cstring>

#include "storage/layout.h"
#include "tests/storage/choice.h"

namespace roost::device::test {

using protocol::MessageType;
using storage::SlotState;

namespace {

constexpr int kFullCheckEvery = 16;  // of the checks that copy the whole flash

Board board_for(const RigOptions& options) {
  Board board = *find_board(options.board);
  for (uint32_t slot_blocks = options.payload_blocks + 1;; ++slot_blocks) {
    board.geometry.size_bytes =
        (storage::kJournalBlocks + options.slot_count * slot_blocks) * board.geometry.erase_block_bytes;
    storage::Layout layout;
    const bool fits = layout.set(board.geometry, options.slot_count, board.chunk_bytes).ok();
    if (fits && layout.payload_blocks() >= options.payload_blocks) return board;
  }
}

storage::StoreConfig store_config(const RigOptions& options, const Board& board) {
  storage::StoreConfig config;
  config.slot_count = options.slot_count;
  config.chunk_bytes = board.chunk_bytes;
  config.early_erase = options.early_erase;
  config.early_erase_grace_ms = 2000;
  config.displace_idle_ms = 20000;
  config.erase_budget_blocks = options.erase_budget_blocks;
  config.budget_refill_ms = options.budget_refill_ms;
  return config;
}

bool may_run(SlotState state) {
  return state == SlotState::kPending || state == SlotState::kTrial || state == SlotState::kConfirmed ||
         state == SlotState::kRetired;
}

bool is_sealed(SlotState state) {
  return may_run(state) || state == SlotState::kRejected;
}

std::string text(uint64_t number) {
  return std::to_string(number);
}

}  // namespace

// The interpreter, and an eye on every byte it is given.
class Rig::WatchedEngine final : public runtime::Engine {
 public:
  WatchedEngine(Rig& rig, const runtime::GateInput& gate) : rig_(rig), inner_(gate) {}

  runtime::Status judge(const Bytes& model, const MutableBytes& scratch, runtime::Judgement* judgement) override {
    rig_.check_bytes_in_use(model, true, "judge");
    return inner_.judge(model, scratch, judgement);
  }
  runtime::Status prepare(const Bytes& model, const MutableBytes& arena, const MutableBytes& scratch) override {
    rig_.check_bytes_in_use(model, false, "prepare");
    const runtime::Status status = inner_.prepare(model, arena, scratch);
    model_ = status.ok() ? model : Bytes();
    return status;
  }
  runtime::Result<runtime::Progress> step() override {
    rig_.check_bytes_in_use(model_, false, "step");
    return inner_.step();
  }
  runtime::Status reset() override { return inner_.reset(); }
  void release() override {
    model_ = Bytes();
    inner_.release();
  }
  runtime::IoTensor tensor(runtime::Io which, uint32_t index) const override { return inner_.tensor(which, index); }
  uint64_t longest_block() const override { return inner_.longest_block(); }
  const runtime::Report& report() const override { return inner_.report(); }
  Bytes held() const { return model_; }

 private:
  Rig& rig_;
  runtime::Interpreter inner_;
  Bytes model_;
};

Rig::Rig(const RigOptions& the_options)
    : options(the_options),
      board(board_for(the_options)),
      flash(board),
      ring_(the_options.ring_bytes / 8),
      arena_(the_options.arena_bytes + runtime::kArenaAlignment),
      scratch_(storage::Store::scratch_bytes(board.geometry)),
      shadow_scratch_(scratch_.size()),
      shadow_(std::make_unique<SimFlash>(board)) {
  if (!options.builtin) return;
  // Aligned as the linker would place it.
  builtin_.resize(options.builtin->model_size + 16);
}

Rig::~Rig() = default;

void Rig::make_agent() {
  agent.reset();
  runtime::GateInput gate;
  gate.kernels = toy_kernels();
  gate.io = options.io;
  engine_a_ = std::make_unique<WatchedEngine>(*this, gate);
  engine_b_ = std::make_unique<WatchedEngine>(*this, gate);
  config_ = AgentConfig();
  AgentConfig& config = config_;
  config.flash = &flash;
  config.digest = &digest_;
  config.engine_a = engine_a_.get();
  config.engine_b = engine_b_.get();
  config.notifier = this;
  config.observer = this;
  config.acceptance.hardware = options.hardware.c_str();
  config.acceptance.kernels = gate.kernels;
  config.acceptance.io = options.io;
  config.store = store_config(options, board);
  config.receiver.ring = MutableBytes(reinterpret_cast<uint8_t*>(ring_.data()), options.ring_bytes);
  const size_t skip =
      (runtime::kArenaAlignment - reinterpret_cast<uintptr_t>(arena_.data()) % runtime::kArenaAlignment) %
      runtime::kArenaAlignment;
  config.arena = MutableBytes(arena_).subspan(skip, options.arena_bytes);
  config.store_scratch = scratch_;
  if (options.builtin) {
    const size_t at = (16 - reinterpret_cast<uintptr_t>(builtin_.data()) % 16) % 16;
    memcpy(builtin_.data() + at, options.builtin->payload.data(), options.builtin->model_size);
    config.builtin_model = Bytes(builtin_).subspan(at, options.builtin->model_size);
  }
  agent = std::make_unique<DeliveryAgent>(config);
}

bool Rig::boot(storage::ResetCause cause) {
  if (agent) ++resets_;
  flash.power_on();
  flash.reset();  // a reset ends a sliced erase as well
  if (on_power) on_power();
  // RAM comes up with anything in it.
  std::fill(ring_.begin(), ring_.end(), 0xDEADBEEFCAFEF00Du);
  std::fill(arena_.begin(), arena_.end(), uint8_t{0xCD});
  make_agent();
  if (!agent->start(cause, now).ok() && flash.powered()) violation("the agent does not start");
  // The power may have gone right after ERASE_MODELS was recorded, before anybody was told.
  for (uint8_t s = 0; s < agent->store().slot_count(); ++s) {
    const storage::SlotRecord& record = agent->store().state().slots[s];
    if (record.state == SlotState::kClearing && record.reason == storage::kReasonErased) had_model_ = false;
  }
  if (flash.powered()) check();
  return flash.powered();
}

bool Rig::poll() {
  if (!powered()) return false;
  const uint64_t before = flash.operations();
  faults_seen_ = flash.faults_hit();
  notes_seen_ = notes.size();
  const bool more = agent->poll(now);
  if (after_poll) after_poll();
  if (!powered()) return false;
  check_refusal(before);
  if (flash.operations() != operations_checked_) check();
  if (agent->receiver().transfer_open() && !agent->next_deadline().any) violation("a transfer without a deadline");
  return more;
}

void Rig::settle(int polls_max) {
  while (poll()) {
    if (--polls_max == 0) return violation("the agent is never done");
  }
}

bool Rig::infer(const ToyValues& input) {
  if (!powered() || !agent->serving()) return false;
  if (agent->input_count() != 1 || agent->output_count() != 1) {
    violation("the model that serves has no tensors");
    return false;
  }
  const ToyPackage* package = serves_builtin() ? options.builtin : serving();
  const runtime::IoTensor in = agent->input(0);
  memcpy(in.bytes.data(), input.data(), std::min(in.bytes.size(), input.size()));
  if (!agent->invoke().ok()) return false;
  if (!package) {
    violation("a model serves, and it is not known which");
    return false;
  }
  const ToyValues expected = package->expected(input);
  const runtime::IoTensor out = agent->output(0);
  if (out.bytes.size() == expected.size() && memcmp(out.bytes.data(), expected.data(), expected.size()) != 0) {
    violation("the model that serves answers wrongly");
  }
  if (powered()) check();
  return true;
}

const ToyPackage* Rig::known(uint32_t package_id) const {
  const auto found = known_.find(package_id);
  return found == known_.end() ? nullptr : &found->second;
}

const ToyPackage* Rig::serving() {
  const uint8_t slot = agent->activation().running();
  if (!agent->serving() || slot >= agent->store().slot_count()) return nullptr;
  return known(agent->store().state().slots[slot].package_id);
}

SlotState Rig::state_of(uint32_t package_id) {
  // Where two slots name it, the newer one counts.
  SlotState found = SlotState::kUnknown;
  uint32_t generation = 0;
  for (uint8_t s = 0; s < agent->store().slot_count(); ++s) {
    const storage::SlotRecord& record = agent->store().state().slots[s];
    if (record.package_id != package_id || record.generation < generation) continue;
    found = record.state;
    generation = record.generation;
  }
  return found;
}

// ---- seams ----

bool Rig::notify(uint16_t conn, Bytes value) {
  if (!powered()) return false;  // the radio is off as well
  if (value.size() == 0 || value.size() > protocol::kFrameBytesMax)
    violation("a notification of an impossible size");
  const uint8_t type = protocol::message_type(value);
  const bool tells = type == static_cast<uint8_t>(MessageType::kAccept) ||
                     type == static_cast<uint8_t>(MessageType::kReport) ||
                     type == static_cast<uint8_t>(MessageType::kReportAsked);
  const bool taken = on_notify ? on_notify(conn, value) : true;
  const uint8_t slot = agent->store().slot_in(SlotState::kReceiving);
  if (taken && tells && slot != storage::kNoSlot) {
    const uint32_t package = agent->store().state().slots[slot].package_id;
    if (package != told_package_) told_chunks_ = 0;
    told_package_ = package;
    told_chunks_ = std::max<uint32_t>(told_chunks_, agent->receiver().durable_chunks());
  }
  return taken;
}

void Rig::on_event(const AgentNote& note) {
  if (!powered()) return;
  notes.push_back(note);
  if (note.event == AgentEvent::kModelsErased) had_model_ = false;
}

bool Rig::noted(AgentEvent event) const {
  for (const AgentNote& note : notes) {
    if (note.event == event) return true;
  }
  return false;
}

void Rig::violation(const std::string& what) {
  if (violations_.size() < 3) violations_.push_back("at " + text(now) + " ms: " + what);
}

// ---- what must always hold ----

// 2. The interpreter never sees an unsealed or unverified byte. The gate may judge one that is verified and about
// to be sealed.
void Rig::check_bytes_in_use(Bytes model, bool judged_only, const char* by) {
  if (!powered()) return;
  const Bytes builtin(builtin_);
  if (!builtin.empty() && model.data() >= builtin.begin() && model.data() < builtin.end()) return;
  for (uint8_t s = 0; s < agent->store().slot_count(); ++s) {
    const storage::SlotRecord& record = agent->store().state().slots[s];
    if (model.data() != flash.mapped() + agent->store().layout().payload_offset(s)) continue;
    const ToyPackage* package = known(record.package_id);
    const bool state_fits = may_run(record.state) || (judged_only && record.state == SlotState::kReceiving);
    if (!state_fits) {
      return violation(std::string(by) + " of slot " + text(s) + ", which is in state " +
                       text(static_cast<uint8_t>(record.state)));
    }
    if (!package || !same_bytes(model, package->model())) {
      violation(std::string(by) + " of bytes that are no file's, slot " + text(s));
    }
    return;
  }
  violation(std::string(by) + " of bytes outside of any slot");
}

void Rig::check() {
  operations_checked_ = flash.operations();
  check_states();
  check_sealed();
  check_durable();
  check_wear();
  if (++checks_ % kFullCheckEvery == 0) check_reboot();
  if (flash.misuses() != 0) violation("misuse of the flash: " + flash.last_misuse());
}

// 1. At most one active model.
void Rig::check_states() {
  int confirmed = 0, unconfirmed = 0, receiving = 0;
  for (uint8_t s = 0; s < agent->store().slot_count(); ++s) {
    const SlotState state = agent->store().state().slots[s].state;
    confirmed += state == SlotState::kConfirmed;
    unconfirmed += state == SlotState::kPending || state == SlotState::kTrial;
    receiving += state == SlotState::kReceiving;
  }
  if (confirmed > 1) violation("two confirmed models");
  if (unconfirmed > 1) violation("two unconfirmed models");
  if (receiving > 1) violation("two half-received packages");
  if (confirmed == 1) had_model_ = true;
}

// 4. Bytes in flash equal bytes in the file once sealed.
void Rig::check_sealed() {
  for (uint8_t s = 0; s < agent->store().slot_count(); ++s) {
    const storage::SlotRecord& record = agent->store().state().slots[s];
    if (!is_sealed(record.state)) continue;
    const storage::SlotInfo info = agent->store().slot_info(s);
    const ToyPackage* package = known(record.package_id);
    if (!package) {
      violation("slot " + text(s) + " holds a sealed package that nobody sent");
      continue;
    }
    if (!info.sound()) {
      if (may_run(record.state)) violation("slot " + text(s) + " is sealed and does not read");
      continue;
    }
    if (!same_bytes(info.manifest(), package->manifest)) violation("sealed manifest differs, slot " + text(s));
    const Bytes payload(flash.mapped() + agent->store().layout().payload_offset(s), package->payload.size());
    if (!same_bytes(payload, package->payload)) violation("sealed payload differs, slot " + text(s));
  }
}

// 3. A chunk reported durable is never lost or changed.
void Rig::check_durable() {
  if (told_chunks_ == 0) return;
  const uint8_t slot = agent->store().slot_in(SlotState::kReceiving);
  const ToyPackage* package = known(told_package_);
  if (slot == storage::kNoSlot || agent->store().state().slots[slot].package_id != told_package_ || !package) {
    told_chunks_ = 0;  // sealed, or given up with a record that says so
    return;
  }
  const uint8_t* payload = flash.mapped() + agent->store().layout().payload_offset(slot);
  const size_t bytes = std::min<size_t>(size_t{told_chunks_} * board.chunk_bytes, package->payload.size());
  if (memcmp(payload, package->payload.data(), bytes) != 0) violation("a chunk reported durable has changed");
  const uint32_t durable = agent->store().state().slots[slot].durable_chunks;
  if (!agent->store().slot_info(slot).sound() || durable < told_chunks_) {
    violation("of " + text(told_chunks_) + " chunks reported durable, " + text(durable) + " are left");
  }
}

// 6. Wear is reported, and never less than it is: but for a block erased again for a rewind, which is recorded
// along with whatever is recorded next, so that each reset may lose count of one.
void Rig::check_wear() {
  const storage::Layout& layout = agent->store().layout();
  for (uint8_t s = 0; s < layout.slot_count; ++s) {
    const uint32_t first = layout.slot_offset(s) / layout.block_bytes;
    for (uint32_t block = first; block < first + layout.slot_blocks; ++block) {
      const uint32_t reported = agent->store().state().slots[s].wear_max;
      if (flash.wear(block) <= reported + resets_) continue;
      violation("block " + text(block) + " was erased " + text(flash.wear(block)) + " times, and " +
                text(reported) + " are reported");
    }
  }
}

// 1. Once a model was confirmed there is always one to run: were the power to go right now, too.
void Rig::check_reboot() {
  if (!had_model_) return;
  shadow_->restore(flash.snapshot());
  shadow_->power_on();
  const storage::StoreConfig config = store_config(options, board);
  storage::Store store(*shadow_, shadow_digest_, config, options.builtin != nullptr, shadow_scratch_);
  if (!store.mount(now).ok()) return violation("after a power cut now, the region would not mount");
  const storage::BootChoice choice = storage::boot(store, storage::ResetCause::kOther);
  const bool runs = choice.action == storage::BootAction::kRun || choice.action == storage::BootAction::kBuiltIn;
  const bool falls_back = choice.action == storage::BootAction::kAttempt &&
                          (choice.fallback_slot != storage::kNoSlot || options.builtin);
  if (!runs && !falls_back) violation("after a power cut now, there would be no model to run");
}

// 5. A refused package costs no erase, no program and no record. What else the agent did in the same poll (a record
// of a trial, say) is told by another note.
void Rig::check_refusal(uint64_t operations_before) {
  bool refused = false, other = false;
  for (size_t i = notes_seen_; i < notes.size(); ++i) {
    (notes[i].event == AgentEvent::kRefused ? refused : other) = true;
  }
  // An operation that the busy part did not do is none.
  const bool background = flash.faults_hit() != faults_seen_ || agent->store().work_wanted(now);
  if (refused && !other && !background && flash.operations() != operations_before) {
    violation("a refused package cost an operation of the flash");
  }
}

}  // namespace roost::device::test
