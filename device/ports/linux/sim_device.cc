#include "device/ports/linux/sim_device.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "device/agent/delivery_agent.h"
#include "device/ports/linux/clock.h"
#include "device/ports/linux/narrator.h"
#include "device/ports/linux/sensor.h"
#include "device/ports/linux/sim_flash.h"
#include "device/ports/linux/sodium_sha256.h"
#include "device/ports/linux/tunnel_server.h"
#include "protocol/body.h"
#include "protocol/manifest.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"

namespace roost::device {
namespace {

// What a board has beside its flash: memory that a firmware could spare.
struct Profile {
  const char* board;
  uint32_t arena_bytes;
  uint32_t ring_bytes;
};

constexpr Profile kProfiles[] = {
    {"linux", 1024 * 1024, 16 * 1024}, {"nano33ble", 128 * 1024, 4096}, {"microbit", 6 * 1024, 2048},
    {"stm32wb", 128 * 1024, 4096},     {"rp2040", 160 * 1024, 4096},    {"large_block", 256 * 1024, 8192},
    {"zero_erased", 128 * 1024, 4096},
};

// One of kProfiles, by a name that stands there.
const Profile& profile_of(const std::string& board) {
  const auto named = [&](const Profile& profile) { return board == profile.board; };
  const auto* found = std::find_if(std::begin(kProfiles), std::end(kProfiles), named);
  ROOST_ASSERT(found != std::end(kProfiles));
  return *found;
}

// A Raspberry Pi as the device: the nRF52840's rules, because they are stricter than a file's, but room to spare
// and no time to wait.
Board linux_board() {
  Board board = *find_board("nano33ble");
  board.name = "linux";
  board.part = "a Linux machine, flash rules of the nRF52840";
  board.geometry.size_bytes = 8 * 1024 * 1024;
  board.geometry.erase_slices = 1;  // nor a radio to look after meanwhile
  board.geometry.erase_block_us = 0;
  board.geometry.program_unit_us = 0;
  return board;
}

// One of kProfiles.
Board board_named(const std::string& name) {
  return name == "linux" ? linux_board() : *find_board(name);
}

// Aligned memory for arena, ring and models read from files.
class Buffer {
 public:
  explicit Buffer(size_t size)
      : size_(size), data_(static_cast<uint8_t*>(std::aligned_alloc(64, (size + 63) / 64 * 64))) {}
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  MutableBytes span() { return MutableBytes(data_, size_); }

 private:
  size_t size_;
  uint8_t* data_;
};

std::unique_ptr<Buffer> read_model(const std::string& path, std::string* error) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file || bytes.empty()) {
    *error = path + ": cannot be read, or is empty";
    return nullptr;
  }
  auto buffer = std::make_unique<Buffer>(bytes.size());
  memcpy(buffer->span().data(), bytes.data(), bytes.size());
  return buffer;
}

// Fit for a terminal, whatever is in it: nobody checked the letters.
std::string string_of(protocol::Text text) {
  std::string result(text.data(), text.size());
  std::replace_if(result.begin(), result.end(), protocol::is_control, '?');
  return result;
}

class SimDevice final : public Peripheral, public Notifier, public AgentObserver {
 public:
  explicit SimDevice(const SimDeviceOptions& options)
      : options_(options),
        narrator_({options.json, options.each_inference}),
        sensor_(static_cast<uint32_t>(options.faults.seed)) {}
  ~SimDevice() {
    std::error_code ignored;
    if (!announced_.empty()) std::filesystem::remove(announced_, ignored);
  }

  bool start(std::string* error);
  void run(const std::atomic<bool>& stop);

  // Peripheral
  void on_connect(uint16_t conn, uint16_t att_mtu) override {
    narrator_.say(fmt::format("a central connects (MTU {})", att_mtu));
    agent_->on_connect(conn, att_mtu);
  }
  void on_subscribe(uint16_t conn, bool on) override { agent_->on_subscribe(conn, on); }
  void on_disconnect(uint16_t conn) override {
    narrator_.say("the central is gone");
    agent_->on_disconnect(conn);
  }
  void on_control(uint16_t conn, Bytes value) override { agent_->on_control(conn, value); }
  void on_data(uint16_t conn, Bytes value) override { agent_->on_data(conn, value); }
  Bytes info(uint16_t) override { return agent_->info(info_, now_ms()); }
  Bytes advertisement() override;

  bool notify(uint16_t conn, Bytes value) override { return radio_->notify(conn, value); }
  void on_event(const AgentNote& note) override;

 private:
  bool make_flash(std::string* error);
  bool open_radio(std::string* error);
  bool make_contract(const runtime::GateInput& gate, std::string* error);
  void announce();
  void infer();
  void learn_labels();
  std::string model_in(uint8_t slot) const;

  SimDeviceOptions options_;
  Board board_;
  Narrator narrator_;
  Sensor sensor_;
  SodiumSha256 digest_;
  std::unique_ptr<SimFlash> flash_;
  std::unique_ptr<Buffer> arena_, ring_, store_scratch_, builtin_, contract_model_;
  std::vector<runtime::TensorSpec> contract_inputs_, contract_outputs_;
  std::vector<std::vector<int32_t>> contract_shapes_;
  std::unique_ptr<runtime::Interpreter> engine_a_, engine_b_;
  AgentConfig config_;
  std::unique_ptr<DeliveryAgent> agent_;
  std::unique_ptr<Radio> radio_;
  std::array<uint8_t, protocol::kInfoBytesMax> info_;
  std::array<uint8_t, 64> advertisement_;
  std::filesystem::path announced_;
  std::vector<std::string> labels_;
  uint32_t labels_of_ = UINT32_MAX;  // the generation they were read for
  uint64_t inferences_ = 0;
  bool say_gaps_when_quiet_ = false;
};

bool SimDevice::make_flash(std::string* error) {
  const auto named = [&](const Profile& profile) { return options_.board == profile.board; };
  if (std::none_of(std::begin(kProfiles), std::end(kProfiles), named)) {
    *error = "no board is called " + options_.board + "; there are:\n" + describe_boards();
    return false;
  }
  board_ = board_named(options_.board);
  if (options_.region_bytes) board_.geometry.size_bytes = options_.region_bytes;
  if (options_.flash_path.empty()) {
    flash_ = std::make_unique<SimFlash>(board_);
  } else {
    flash_ = SimFlash::open_file(options_.flash_path, board_, *error);
  }
  if (!flash_) return false;
  if (options_.flash_takes_time) {
    flash_->on_busy([](uint64_t busy_us) {
      if (busy_us > 0) usleep(static_cast<useconds_t>(busy_us));
    });
  }
  return true;
}

// Every model must have the inputs of this one.
bool SimDevice::make_contract(const runtime::GateInput& gate, std::string* error) {
  if (options_.contract_path.empty()) return true;
  contract_model_ = read_model(options_.contract_path, error);
  if (!contract_model_) return false;
  runtime::Interpreter reader(gate);
  Buffer scratch(64 * 1024);
  if (!reader.prepare(contract_model_->span(), arena_->span(), scratch.span()).ok()) {
    char text[160];
    runtime::describe(reader.report(), text);
    *error = options_.contract_path + ": " + text;
    return false;
  }
  const auto specs = [&](uint32_t count, auto tensor, bool any_shape, std::vector<runtime::TensorSpec>* out) {
    for (uint32_t i = 0; i < count; ++i) {
      const runtime::IoTensor io = tensor(i);
      contract_shapes_.emplace_back(io.shape.begin(), io.shape.end());
      if (any_shape)
        std::fill(contract_shapes_.back().begin(), contract_shapes_.back().end(), runtime::kAnyDimension);
      runtime::TensorSpec spec;
      spec.type = io.type;
      out->push_back(spec);
    }
  };
  specs(
      reader.input_count(), [&](uint32_t i) { return reader.input(i); }, false, &contract_inputs_);
  specs(
      reader.output_count(), [&](uint32_t i) { return reader.output(i); }, true, &contract_outputs_);
  size_t shape = 0;
  for (auto* list : {&contract_inputs_, &contract_outputs_}) {
    for (runtime::TensorSpec& spec : *list) spec.shape = contract_shapes_[shape++];
  }
  reader.release();
  return true;
}

bool SimDevice::start(std::string* error) {
  if (sodium_init() < 0) {
    *error = "libsodium does not start";
    return false;
  }
  if (!make_flash(error)) return false;
  const Profile& profile = profile_of(options_.board);
  arena_ = std::make_unique<Buffer>(options_.arena_bytes ? options_.arena_bytes : profile.arena_bytes);
  ring_ = std::make_unique<Buffer>(options_.ring_bytes ? options_.ring_bytes : profile.ring_bytes);
  store_scratch_ = std::make_unique<Buffer>(storage::Store::scratch_bytes(board_.geometry));
  if (!options_.feed_path.empty() && !sensor_.play(options_.feed_path, error)) return false;
  if (!options_.builtin_path.empty() && !(builtin_ = read_model(options_.builtin_path, error))) return false;

  runtime::GateInput gate;
  gate.kernels = runtime::all_kernels();
  gate.limits.arena_bytes = static_cast<uint32_t>(arena_->span().size());
  if (!make_contract(gate, error)) return false;
  if (!contract_inputs_.empty()) {
    gate.io.declared = true;
    gate.io.inputs = contract_inputs_;
    gate.io.outputs = contract_outputs_;
  }
  engine_a_ = std::make_unique<runtime::Interpreter>(gate);
  engine_b_ = std::make_unique<runtime::Interpreter>(gate);

  if (options_.hardware.empty()) options_.hardware = board_.name;
  AgentConfig& config = config_;
  config.flash = flash_.get();
  config.digest = &digest_;
  config.engine_a = engine_a_.get();
  config.engine_b = engine_b_.get();
  config.notifier = this;
  config.observer = this;
  std::error_code ignored;
  // Its flash is what it is; a name can be given anew.
  const std::string identity =
      "roost simulated device " + std::filesystem::absolute(options_.flash_path, ignored).string();
  digest_.update(Bytes(reinterpret_cast<const uint8_t*>(identity.data()), identity.size()));
  const Sha256 id = digest_.finish();
  std::copy_n(id.begin(), config.device_id.size(), config.device_id.begin());
  config.acceptance.hardware = options_.hardware.c_str();
  config.acceptance.kernels = gate.kernels;
  config.acceptance.io = gate.io;
  config.store.slot_count = options_.slot_count;
  config.store.chunk_bytes = board_.chunk_bytes;
  config.receiver.ring = ring_->span();
  config.arena = arena_->span();
  config.store_scratch = store_scratch_->span();
  if (builtin_) config.builtin_model = builtin_->span();
  config.preferred_value_bytes = std::min<uint16_t>(static_cast<uint16_t>(options_.att_mtu - 3), 495);
  config.verify_bytes_per_poll = 4096;
  agent_ = std::make_unique<DeliveryAgent>(config);
  if (!open_radio(error)) return false;

  narrator_.say(fmt::format("{}: {}, {} kB of flash for models, {} kB of arena, ring {} bytes", options_.name,
                            board_.part, board_.geometry.size_bytes / 1024, arena_->span().size() / 1024,
                            ring_->span().size()));
  const storage::ResetCause cause =
      options_.watchdog_reset ? storage::ResetCause::kWatchdog : storage::ResetCause::kOther;
  if (!agent_->start(cause, now_ms()).ok()) {
    *error = fmt::format("{} bytes of flash cannot hold {} slots of this geometry; give more with --region",
                         board_.geometry.size_bytes, options_.slot_count);
    return false;
  }
  if (options_.open_radio) return true;  // it says itself where it is
  announce();
  narrator_.say("listening on " + options_.listen_path);
  return true;
}

bool SimDevice::open_radio(std::string* error) {
  if (options_.open_radio) {
    radio_ = options_.open_radio(
        *this, [this](const std::string& sentence) { narrator_.say(sentence); }, error);
    return radio_ != nullptr;
  }
  auto server = std::make_unique<TunnelServer>(
      TunnelServer::Options{options_.listen_path, options_.att_mtu, options_.faults}, *this);
  if (!server->listen(error)) return false;
  radio_ = std::move(server);
  return true;
}

// A link in the folder that `roost scan` looks through, unless the socket is there itself.
void SimDevice::announce() {
  namespace fs = std::filesystem;
  if (options_.announce_folder.empty()) return;
  std::error_code error;
  const fs::path socket = fs::absolute(options_.listen_path, error);
  if (socket.parent_path() == fs::absolute(options_.announce_folder, error)) return;
  fs::create_directories(options_.announce_folder, error);
  const fs::path link = fs::path(options_.announce_folder) / (options_.name + ".sock");
  fs::remove(link, error);
  fs::create_symlink(socket, link, error);
  if (!error) announced_ = link;
}

Bytes SimDevice::advertisement() {
  const Bytes data = agent_->advertised(MutableBytes(advertisement_).subspan(1, protocol::kAdvertisedBytesMax));
  advertisement_[0] = static_cast<uint8_t>(data.size());
  const size_t name_size = std::min(options_.name.size(), advertisement_.size() - 1 - data.size());
  memcpy(advertisement_.data() + 1 + data.size(), options_.name.data(), name_size);
  return Bytes(advertisement_.data(), 1 + data.size() + name_size);
}

std::string SimDevice::model_in(uint8_t slot) const {
  if (slot >= agent_->store().slot_count()) return "the built-in model";
  const storage::SlotInfo info = agent_->store().slot_info(slot);
  const protocol::ManifestView manifest = protocol::read_manifest(info.manifest());
  if (!manifest.ok()) {
    return fmt::format("the model in slot {}", slot);
  }
  return fmt::format("{} {}", string_of(manifest.name()), string_of(manifest.version()));
}

void SimDevice::on_event(const AgentNote& note) {
  narrator_.note(note, agent_ ? model_in(static_cast<uint8_t>(note.slot)) : "");
  const bool swap_over = note.event == AgentEvent::kTrial || note.event == AgentEvent::kRolledBack;
  if (swap_over || note.event == AgentEvent::kConfirmed) say_gaps_when_quiet_ = true;
}

void SimDevice::learn_labels() {
  if (labels_of_ == agent_->generation()) return;
  labels_of_ = agent_->generation();
  labels_.clear();
  const uint8_t running = agent_->activation().running();
  if (running >= agent_->store().slot_count()) return;
  const protocol::BodyView body = protocol::read_body(agent_->store().slot_info(running).body());
  for (size_t i = 0; i < body.label_count(); ++i) labels_.push_back(string_of(body.label(i)));
}

void SimDevice::infer() {
  if (!agent_->serving()) return narrator_.pause();
  const uint64_t started_us = now_us();
  learn_labels();
  for (uint32_t i = 0; i < agent_->input_count(); ++i) sensor_.fill(agent_->input(i));
  if (!agent_->invoke().ok()) return;  // the agent says why
  narrator_.inference(++inferences_, sensor_.truth(), *agent_, labels_, started_us);
}

void SimDevice::run(const std::atomic<bool>& stop) {
  const uint64_t period_us = static_cast<uint64_t>(1e6 / options_.inferences_per_second);
  uint64_t next_inference_us = now_us();
  uint64_t quiet_since_us = now_us();
  while (!stop) {
    const bool receiving = agent_->receiver().transfer_open();
    const bool swapping = agent_->activation().busy();
    narrator_.doing(swapping    ? Narrator::Doing::kSwapping
                    : receiving ? Narrator::Doing::kReceiving
                                : Narrator::Doing::kNothing);
    const bool more = agent_->poll(now_ms());
    const uint64_t now = now_us();
    if (now >= next_inference_us) {
      infer();
      next_inference_us = std::max(next_inference_us + period_us, now);
    }
    if (receiving || swapping) quiet_since_us = now;
    if (say_gaps_when_quiet_ && now - quiet_since_us > 3 * period_us) {
      say_gaps_when_quiet_ = false;
      narrator_.say_gaps();
    }
    narrator_.summary_if_due();
    uint32_t wait_ms =
        more ? 0 : static_cast<uint32_t>((next_inference_us - std::min(next_inference_us, now_us())) / 1000);
    const protocol::Deadline deadline = agent_->next_deadline();
    if (deadline.any) {
      const int32_t left = static_cast<int32_t>(deadline.at_ms - now_ms());
      wait_ms = std::min(wait_ms, static_cast<uint32_t>(std::max(left, 0)));
    }
    radio_->wait(wait_ms);
  }
  narrator_.summary();
  narrator_.say("stopped");
}

}  // namespace

bool run_sim_device(const SimDeviceOptions& options, const std::atomic<bool>& stop, std::string* error) {
  SimDevice device(options);
  if (!device.start(error)) return false;
  device.run(stop);
  return true;
}

std::vector<BoardSize> board_sizes() {
  std::vector<BoardSize> sizes;
  for (const Profile& profile : kProfiles) {
    const Board board = board_named(profile.board);
    SimFlash flash(board);
    SodiumSha256 digest;
    Buffer scratch(storage::Store::scratch_bytes(board.geometry));
    storage::StoreConfig config;
    config.chunk_bytes = board.chunk_bytes;
    storage::Store store(flash, digest, config, false, scratch.span());
    const uint32_t room = store.mount(0).ok() ? store.payload_bytes_max() : 0;
    sizes.push_back({profile.board, room, profile.arena_bytes});
  }
  return sizes;
}

std::string describe_boards() {
  std::string text;
  for (const Profile& profile : kProfiles) {
    const Board board = board_named(profile.board);
    text += fmt::format("  {:<12} {}; {} kB for models, arena {} kB, ring {} bytes\n", board.name, board.part,
                        board.geometry.size_bytes / 1024, profile.arena_bytes / 1024, profile.ring_bytes);
  }
  return text;
}

}  // namespace roost::device
