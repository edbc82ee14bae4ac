#include "tests/world/world.h"

#include <algorithm>

namespace roost::world {

using device::CutPoint;
using device::test::Flaw;
using device::test::kAllFlaws;
using device::test::toy_package;
using device::test::ToyValues;
using protocol::MessageType;
using protocol::Outcome;
using protocol::Reason;
using storage::SlotState;

namespace {

constexpr uint32_t kInferenceMs = 25;
constexpr int kPollsPerTurn = 40;
constexpr int kWritesPerTurn = 8;

bool before(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}

std::string name_of(Reason reason) {
  return protocol::describe(reason).name;
}

}  // namespace

Setting draw_setting(uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  Setting setting;
  const device::Board& board = device::boards()[below(static_cast<uint32_t>(device::boards().size()))];
  setting.device.board = board.name;
  const uint32_t block = board.geometry.erase_block_bytes;
  setting.device.payload_blocks = block > 4096 ? 1 : 16384 / block;
  setting.device.slot_count = below(4) == 0 ? 3 : 2;
  setting.device.arena_bytes = below(2) ? 4096 : 448;  // both plans, or one
  setting.device.ring_bytes = below(2) ? 2048 : 4096;
  setting.device.early_erase = below(4) == 0;
  setting.device.budget_refill_ms = 2000;
  const uint16_t kMtus[] = {23, 64, 185, 247, 517};
  setting.att_mtu = kMtus[below(5)];
  LinkFaults& link = setting.link;
  link.latency_ms = 1 + below(20);
  if (below(3) == 0) return setting;  // a good link
  link.lose_data = below(15) / 100.0;
  link.lose_control = below(10) / 100.0;
  link.duplicate = below(10) / 100.0;
  link.corrupt = below(5) / 100.0;
  link.stack_full = below(20) / 100.0;
  link.jitter_ms = below(30);
  return setting;
}

World::World(uint64_t the_seed, const Setting& the_setting)
    : seed(the_seed), setting(the_setting), rig(the_setting.device), random_(the_seed) {
  // Sizes of one to four pages, never a round number.
  for (uint8_t i = 0; i < 3; ++i) {
    good.push_back(toy_package({.key = static_cast<uint8_t>(0x11 + i),
                                .version = "v" + std::to_string(i + 1),
                                .filler_bytes = 1500 + 4100u * i}));
  }
  good.push_back(toy_package({.key = 0x41, .version = "policy", .confirm_after = 10, .warm_up = 3}));
  good.push_back(
      toy_package({.key = 0x51, .version = "brittle", .filler_bytes = 6000, .brittle = true, .body = false}));
  for (Flaw flaw : kAllFlaws) {
    bad.push_back(toy_package({.key = 0x66,
                               .version = "bad " + std::to_string(static_cast<int>(flaw)),
                               .filler_bytes = 2500,
                               .flaw = flaw}));
  }
  for (const ToyPackage& package : good) rig.know(package);
  for (const ToyPackage& package : bad) rig.know(package);
  rig.on_notify = [this](uint16_t conn, Bytes value) {
    for (Host& host : hosts_) {
      if (!host.linked || host.conn != conn) continue;
      if (chance(setting.link.stack_full)) return false;
      put(host, Way::kNotify, value);
      return true;
    }
    return false;
  };
  rig.flash.on_busy([this](uint64_t us) {
    busy_us_ += us;
    rig.now += static_cast<uint32_t>(busy_us_ / 1000);
    busy_us_ %= 1000;
  });
  rig.on_power = [this] {
    // Power that comes back badly: it goes again at once.
    if (cuts > 0 && faults_ && chance(0.2)) cut_power(below(8), CutPoint::kInside);
  };
  hosts_[kBert].wanted = false;
  boot(storage::ResetCause::kOther);
}

void World::note(const std::string& what) {
  diary.push_back(std::to_string(rig.now) + " " + what);
  if (diary.size() > 400) diary.erase(diary.begin(), diary.begin() + 100);
}

// ---- time ----

void World::run_for(uint32_t ms) {
  (void)run_until([] { return false; }, ms);
}

// Everything that is due now, then on to the next moment at which anything is.
void World::step(uint32_t not_beyond) {
  if (!device_on_ && !before(rig.now, boot_at_)) boot(storage::ResetCause::kOther);
  for (Host& host : hosts_) {
    if (device_on_ && !host.linked && host.wanted && !before(rig.now, host.connect_at)) connect(host);
    deliver_packets(host);
  }
  device_turn();
  infer_if_due();
  for (Host& host : hosts_) host_turn(host);

  uint32_t next = std::min<uint32_t>(not_beyond - rig.now, 200) + rig.now;
  const auto at = [&](uint32_t moment) {
    if (before(moment, next)) next = moment;
  };
  if (device_on_) {
    if (more_to_do_) at(rig.now + 1);
    const protocol::Deadline deadline = rig.agent->next_deadline();
    if (deadline.any) at(deadline.at_ms);
    at(infer_at_);
  } else {
    at(boot_at_);
  }
  for (const Host& host : hosts_) {
    if (device_on_ && !host.linked && host.wanted) at(host.connect_at);
    if (host.sender && host.sender->next_deadline().any) at(host.sender->next_deadline().at_ms);
    if (host.requester && host.requester->next_deadline().any) at(host.requester->next_deadline().at_ms);
    for (const Packet& packet : host.air) at(packet.due);
  }
  rig.now = before(rig.now + 1, next) ? next : rig.now + 1;
}

// ---- the device ----

void World::boot(storage::ResetCause cause) {
  ++boots;
  note(cause == storage::ResetCause::kWatchdog ? "boot after watchdog" : "boot");
  device_on_ = true;
  more_to_do_ = true;
  infer_at_ = rig.now;
  if (!rig.boot(cause)) power_lost();
}

void World::power_lost() {
  ++cuts;
  note("power lost");
  device_on_ = false;
  boot_at_ = rig.now + 1 + below(1500);
  for (size_t i = 0; i < 2; ++i) drop_link(static_cast<HostIndex>(i));
}

void World::reset(storage::ResetCause cause) {
  if (!device_on_) return;
  for (size_t i = 0; i < 2; ++i) drop_link(static_cast<HostIndex>(i));
  boot(cause);
}

void World::cut_power(uint64_t operations_from_now, CutPoint point) {
  rig.flash.cut_power(rig.flash.operations() + operations_from_now, point, random_());
}

void World::device_turn() {
  if (!device_on_) return;
  more_to_do_ = true;
  for (int polls = 0; polls < kPollsPerTurn && more_to_do_; ++polls) {
    const size_t noted = rig.notes.size();
    more_to_do_ = rig.poll();
    for (size_t i = noted; i < rig.notes.size(); ++i) {
      note("device: event " + std::to_string(static_cast<int>(rig.notes[i].event)) + " slot " +
           std::to_string(rig.notes[i].slot) + " " + name_of(rig.notes[i].cause.reason()));
    }
    if (!rig.powered()) return power_lost();
  }
  if (rig.notes.size() > 1000) rig.notes.clear();
}

void World::infer_if_due() {
  if (!device_on_ || before(rig.now, infer_at_)) return;
  infer_at_ = rig.now + kInferenceMs;
  ToyValues input(device::test::kToyElements);
  for (uint8_t& value : input) value = static_cast<uint8_t>(random_() & 0x7F);
  if (negative_input_) input[0] = 0x80;
  negative_input_ = false;
  inferences += rig.infer(input);
  if (!rig.powered()) power_lost();
}

// ---- the link ----

void World::connect(Host& host) {
  host.conn = next_conn_++;
  host.linked = true;
  host.air.clear();
  host.control_due = host.notify_due = rig.now;
  rig.agent->on_connect(host.conn, setting.att_mtu);
  rig.agent->on_subscribe(host.conn, true);
  if (host.job) start_sender(host);
}

void World::drop_link(HostIndex index) {
  Host& host = hosts_[index];
  if (!host.linked) return;
  host.linked = false;
  host.connect_at = rig.now + 50 + below(1500);
  host.air.clear();
  if (device_on_) rig.agent->on_disconnect(host.conn);
  if (host.sender) host.chunks_sent += host.sender->progress().chunks_sent;
  host.sender.reset();
  host.requester.reset();
}

void World::put(Host& host, Way way, Bytes bytes) {
  const LinkFaults& faults = setting.link;
  const bool data = way == Way::kData;
  if (data) overheard_.assign(bytes.begin(), bytes.end());
  if (chance(data ? faults.lose_data : faults.lose_control)) return;
  for (int copies = way != Way::kNotify && chance(faults.duplicate) ? 2 : 1; copies > 0; --copies) {
    Packet packet;
    packet.due = rig.now + faults.latency_ms;
    packet.way = way;
    packet.bytes.assign(bytes.begin(), bytes.end());
    if (data && faults.jitter_ms != 0) packet.due += below(faults.jitter_ms);
    // Control values and notifications keep their order.
    if (way == Way::kControl) packet.due = host.control_due = std::max(host.control_due, packet.due);
    if (way == Way::kNotify) packet.due = host.notify_due = std::max(host.notify_due, packet.due);
    if (data && chance(faults.corrupt))
      packet.bytes[below(static_cast<uint32_t>(packet.bytes.size()))] ^= static_cast<uint8_t>(1u << below(8));
    host.air.push_back(std::move(packet));
  }
}

void World::deliver_packets(Host& host) {
  if (!host.linked) return;
  std::vector<Packet> due;
  const auto late = std::stable_partition(host.air.begin(), host.air.end(),
                                          [&](const Packet& packet) { return before(rig.now, packet.due); });
  due.assign(std::make_move_iterator(late), std::make_move_iterator(host.air.end()));
  host.air.erase(late, host.air.end());
  for (const Packet& packet : due) {
    switch (packet.way) {
      case Way::kControl:
        (void)rig.agent->on_control(host.conn, packet.bytes);
        break;
      case Way::kData:
        rig.agent->on_data(host.conn, packet.bytes);
        break;
      case Way::kNotify:
        if (host.sender && host.sender->handle_notification(packet.bytes, rig.now)) break;
        if (host.requester) (void)host.requester->handle_notification(packet.bytes, rig.now);
        break;
    }
  }
}

// ---- hosts ----

void World::push(HostIndex index, const ToyPackage& package, bool force) {
  Host& host = hosts_[index];
  note("host " + std::to_string(index) + " pushes " + package.options.version + (force ? " by force" : ""));
  host.wanted = true;
  host.job = &package;
  host.force = force;
  host.outcome = Outcome::kRunning;
  host.chunks_sent = 0;
  host.requester.reset();
  if (host.linked) start_sender(host);
}

void World::start_sender(Host& host) {
  std::vector<uint8_t> value(protocol::kInfoBytesMax);
  const auto head = protocol::decode_info_head(rig.agent->info(value, rig.now));
  if (!head.ok()) return rig.violation("Info does not decode");
  protocol::SendPackage package;
  package.manifest = host.job->manifest;
  package.payload = host.job->payload;
  package.package_id = host.job->id;
  protocol::SenderConfig config;
  config.att_mtu = setting.att_mtu;
  config.epoch_seed = static_cast<uint16_t>(random_());
  config.force = host.force;
  host.sender = std::make_unique<protocol::Sender>(package, config);
  (void)host.sender->handle_info(head.value());
}

void World::finish_sender(Host& host) {
  host.outcome = host.sender->outcome();
  host.reason = host.sender->reason();
  host.chunks_sent += host.sender->progress().chunks_sent;
  note("push of " + host.job->options.version + " ends: outcome " + std::to_string(static_cast<int>(host.outcome)) +
       " " + name_of(host.reason));
  if (host.outcome == Outcome::kVerified) {
    ++deliveries;
    const SlotState state = rig.state_of(host.job->id);
    const bool sealed =
        state != SlotState::kUnknown && state != SlotState::kClearing && state != SlotState::kReceiving;
    // It may have been erased again before the host heard, but only by somebody's order.
    if (!sealed && device_on_ && !rig.noted(device::AgentEvent::kVerified)) {
      rig.violation("a host was told of a verified package that was never sealed");
    }
  }
  host.job = nullptr;
  host.sender.reset();
}

void World::request(HostIndex index, MessageType type, uint32_t package_id) {
  Host& host = hosts_[index];
  if (!host.linked) return;
  note("host " + std::to_string(index) + " requests " + std::to_string(static_cast<int>(type)));
  protocol::Request request;
  request.type = type;
  request.tag = ++host.tag;
  request.package_id = package_id;
  host.requester = std::make_unique<protocol::Requester>(request);
}

void World::host_turn(Host& host) {
  if (!host.linked) return;
  for (int writes = 0; host.sender && writes < kWritesPerTurn; ++writes) {
    const protocol::SendAction action = host.sender->poll(rig.now);
    if (action.kind == protocol::SendAction::Kind::kDone) return finish_sender(host);
    if (action.kind == protocol::SendAction::Kind::kNone) break;
    put(host, action.kind == protocol::SendAction::Kind::kWriteData ? Way::kData : Way::kControl, action.bytes);
    (void)host.sender->written();
  }
  if (!host.requester) return;
  const protocol::RequestAction action = host.requester->poll(rig.now);
  if (action.kind == protocol::RequestAction::Kind::kWrite) {
    put(host, Way::kControl, action.bytes);
    (void)host.requester->written();
  } else if (action.kind == protocol::RequestAction::Kind::kDone) {
    host.reason = host.requester->outcome() == protocol::RequestOutcome::kAnswered ? host.requester->reason()
                                                                                   : Reason::kHostSilent;
    note("answer: " + name_of(host.reason));
    host.requester.reset();
  }
}

// Any bytes, or something that was once good, changed a little.
void World::babble(HostIndex index) {
  Host& host = hosts_[index];
  if (!host.linked || !device_on_) return;
  for (uint32_t i = 1 + below(20); i > 0; --i) {
    std::vector<uint8_t> bytes(below(3) == 0 ? below(600) : below(24));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    // Types that exist, but for the one that erases everything: that would end the story.
    const uint8_t kTypes[] = {0x01, 0x02, 0x10, 0x11, 0x12, 0x13};
    if (!bytes.empty() && below(2)) bytes[0] = kTypes[below(6)];
    if (below(4) == 0 && !overheard_.empty()) {
      bytes = overheard_;
      if (below(2)) bytes[below(static_cast<uint32_t>(bytes.size()))] ^= static_cast<uint8_t>(1u << below(8));
    }
    if (below(2)) {
      rig.agent->on_data(host.conn, bytes);
    } else {
      (void)rig.agent->on_control(host.conn, bytes);
    }
  }
}

// ---- a life ----

void World::live(int acts) {
  for (int i = 0; i < acts && rig.violations().empty(); ++i) {
    act();
    run_for(below(4) == 0 ? below(8000) : below(1200));
  }
}

void World::act() {
  const HostIndex who = below(3) == 0 ? kBert : kAnna;
  const auto any_good = [&]() -> const ToyPackage& { return good[below(static_cast<uint32_t>(good.size()))]; };
  switch (below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return push(who, any_good(), below(3) == 0);
    case 4:
      return push(who, bad[below(static_cast<uint32_t>(bad.size()))], below(3) == 0);
    case 5:
    case 6:
      return request(who, MessageType::kActivate);
    case 7:
    case 8:
      return request(who, MessageType::kConfirm);
    case 9:
      return request(who, MessageType::kRollback);
    case 10:
      return request(who, MessageType::kAbort);
    case 11:
      return below(6) == 0 ? request(who, MessageType::kEraseModels) : drop_link(who);
    case 12:
    case 13:
    case 14: {
      const CutPoint kPoints[] = {CutPoint::kBefore, CutPoint::kInside, CutPoint::kAfter};
      return cut_power(below(60), kPoints[below(3)]);
    }
    case 15:
      return reset(below(3) == 0 ? storage::ResetCause::kWatchdog : storage::ResetCause::kOther);
    case 16:
      return babble(who);
    case 17:
      negative_input_ = true;
      return;
    case 18:
      if (device_on_)
        rig.flash.fail_operations(rig.flash.operations() + below(20), 1 + below(3), device::Fault::kBusy);
      return;
    default:
      if (!device_on_) return;
      if (below(2)) return (void)rig.agent->confirm(rig.now);
      return (void)rig.agent->give_back();
  }
}

void World::stop_faults() {
  note("the faults stop");
  faults_ = false;
  setting.link = LinkFaults();
  negative_input_ = false;
  hosts_[kBert].wanted = false;
  for (size_t i = 0; i < 2; ++i) {
    drop_link(static_cast<HostIndex>(i));
    hosts_[i].job = nullptr;
  }
  rig.flash.cut_power(UINT64_MAX, CutPoint::kBefore, 0);
  rig.flash.clear_faults();
  if (!device_on_) boot(storage::ResetCause::kOther);
  if (rig.agent->activation().safe_mode()) reset(storage::ResetCause::kOther);
  hosts_[kAnna].wanted = true;
  if (!run_until([&] { return hosts_[kAnna].linked && !more_to_do_ && !rig.agent->receiver().transfer_open(); },
                 120000)) {
    rig.violation("without faults, the device does not come to rest");
  }
}

bool World::ask(MessageType type, uint32_t package_id) {
  request(kAnna, type, package_id);
  if (run_until([&] { return !busy(kAnna) && !rig.agent->activation().busy(); }, 60000)) return true;
  rig.violation("without faults, a request gets no answer");
  return false;
}

void World::deliver(const ToyPackage& package) {
  uint32_t durable = 0;
  const uint8_t half = rig.agent->store().slot_in(SlotState::kReceiving);
  if (half != storage::kNoSlot) {
    const storage::Store& store = rig.agent->store();
    if (store.state().slots[half].package_id == package.id) durable = store.state().slots[half].durable_chunks;
  }
  const uint32_t chunks =
      protocol::chunk_count(static_cast<uint32_t>(package.payload.size()), rig.board.chunk_bytes);
  bool there = false;
  for (int tries = 0; tries < 100 && !there && rig.violations().empty(); ++tries) {
    push(kAnna, package, tries > 0 && reason(kAnna) != Reason::kAlreadyHere);
    if (!run_until([&] { return !busy(kAnna); }, 300000))
      return rig.violation("without faults, a push does not end");
    if (outcome(kAnna) == Outcome::kVerified || reason(kAnna) == Reason::kAlreadyHere) {
      there = true;
    } else if (reason(kAnna) == Reason::kTrialOpen) {
      (void)ask(MessageType::kRollback, 0);
    } else if (reason(kAnna) == Reason::kOtherPackageKept || reason(kAnna) == Reason::kEraseBudgetSpent ||
               reason(kAnna) == Reason::kBusy) {
      run_for(5000);
    } else if (reason(kAnna) != Reason::kRejectedBefore) {
      return rig.violation("without faults, a good package ends with " + name_of(reason(kAnna)));
    }
  }
  if (!there) return rig.violation("without faults, a good package is never taken: " + name_of(reason(kAnna)));
  if (hosts_[kAnna].chunks_sent > chunks - durable) {
    rig.violation(std::to_string(hosts_[kAnna].chunks_sent) + " chunks were sent, and " + std::to_string(durable) +
                  " of " + std::to_string(chunks) + " were durable");
  }
  // It may have been there, confirmed, with another on trial or waiting to be tried at the next start.
  const storage::State& state = rig.agent->store().state();
  for (uint8_t slot = 0; slot < rig.agent->store().slot_count(); ++slot) {
    const bool unconfirmed =
        state.slots[slot].state == SlotState::kPending || state.slots[slot].state == SlotState::kTrial;
    if (unconfirmed && state.slots[slot].package_id != package.id) (void)ask(MessageType::kRollback, 0);
  }
  if (!ask(MessageType::kActivate, package.id)) return;
  if (!run_until([&] { return rig.serving() && rig.serving()->id == package.id; }, 60000)) {
    return rig.violation("without faults, the new model does not run: " + name_of(reason(kAnna)));
  }
  if (!ask(MessageType::kConfirm, package.id)) return;
  const uint8_t running = rig.agent->activation().running();
  if (running >= rig.agent->store().slot_count() ||
      rig.agent->store().state().slots[running].state != SlotState::kConfirmed) {
    return rig.violation("without faults, the new model is not confirmed: " + name_of(reason(kAnna)));
  }
  const uint64_t inferred = inferences;
  run_for(200);
  if (inferences == inferred) rig.violation("the new model does not infer");
  reset(storage::ResetCause::kOther);
  run_for(2000);
  if (!rig.serving() || rig.serving()->id != package.id) rig.violation("after a reset the new model does not run");
}

}  // namespace roost::world
