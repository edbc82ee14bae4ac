// A complete device on the emulated Cortex-M4F: agent, store, gate and interpreter, an inference loop, and the
// host's own `roost` at the other end of the link.
//
//   roost FROM_HOST TO_HOST FLASH_IN|- FLASH_OUT LOG
//
// FLASH_IN is the region's content at power on, FLASH_OUT what it is at the end. LOG gets a line for each inference
// (its number, the model's CRC-32, the outputs) and for each event. Inference n is fed xorshift32 from seed n.
//
// ROOST_KERNELS names one of runtime/kernels/all.h's lists. With ROOST_TRIVIAL_ENGINE instead the same device
// carries an engine of a few lines and no kernels: what is left is the size of the component without interpreter.
// With ROOST_INVENTED_BOARD it is a board that nobody makes: other flash rules and 48 kB of RAM (invented_geometry in memory_flash.h).
#include "base/crc.h"
#include "device/ports/common/sha256.h"
#include "device/ports/cortex_m/linked_region.h"
#include "device/ports/cortex_m/stack.h"
#include "tests/target/firmware/marks.h"
#include "tests/target/firmware/memory_flash.h"
#include "tests/target/firmware/stream_link.h"
#include "tests/target/firmware/text.h"
#ifdef ROOST_TRIVIAL_ENGINE
#include "tests/target/firmware/trivial_engine.h"
#else
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"
#endif

namespace {

using namespace roost;
using namespace roost::target_test;
using device::semihosting::File;
using device::semihosting::Mode;

#ifdef ROOST_INVENTED_BOARD
storage::FlashGeometry board_geometry() {
  return invented_geometry();
}
constexpr uint32_t kRegionBytes = 128 * 1024;
constexpr uint32_t kArenaBytes = 14 * 1024;
constexpr uint16_t kChunkBytes = 2048;
#else
storage::FlashGeometry board_geometry() {
  return nrf52840_geometry();
}
constexpr uint32_t kRegionBytes = 256 * 1024;
constexpr uint32_t kArenaBytes = 32 * 1024;
constexpr uint16_t kChunkBytes = 4096;
#endif
constexpr uint32_t kRingBytes = 4096;
constexpr uint32_t kInferEveryMs = 100;

// What the firmware lends: the budgets' RAM is what comes on top of it.
__attribute__((section(".noinit"))) alignas(16) uint8_t g_arena[kArenaBytes];
__attribute__((section(".noinit"))) alignas(8) uint8_t g_ring[kRingBytes];
__attribute__((section(".noinit"))) alignas(4) uint8_t g_store_scratch[256];
__attribute__((section(".noinit"))) uint8_t g_info[protocol::kInfoBytesMax];

void move_flash(const char* path, Mode mode) {
  if (path[0] == '-') return;
  File file(path, mode);
  CHECK(file.ok());
  uint8_t* const bytes = const_cast<uint8_t*>(roost_region_begin);
  if (mode == Mode::kRead) {
    read_fully(file, MutableBytes(bytes, kRegionBytes));
  } else {
    CHECK(file.write(Bytes(bytes, kRegionBytes)));
  }
  file.close();
}

#ifdef ROOST_TRIVIAL_ENGINE
using Engine = TrivialEngine;
Engine make_engine() {
  return Engine();
}
runtime::KernelList kernels() {
  return runtime::KernelList();
}
#else
using Engine = runtime::Interpreter;
runtime::KernelList kernels() {
  return runtime::ROOST_KERNELS();
}
Engine make_engine() {
  runtime::GateInput input;
  input.kernels = kernels();
  input.limits.arena_bytes = kArenaBytes;
  return Engine(input);
}
#endif

// Everything a firmware keeps for Roost.
class Device final : public device::AgentObserver {
 public:
  Device(const Words& words)
      : link_(words.word[0], words.word[1]),
        log_(words.word[4], Mode::kWrite),
        flash_(board_geometry(), storage::Region{roost_region_begin, kRegionBytes}),
        engine_a_(make_engine()),
        engine_b_(make_engine()),
        config_(config()),
        agent_(config_),
        server_(agent_, g_info) {}

  void run() {
    CHECK(log_.ok());
    link_.serve(agent_, server_);
    CHECK(agent_.start(storage::ResetCause::kOther, 0).ok());
    while (link_.poll()) {
      poll_agent();
      if (agent_.serving() && link_.now_ms() - inferred_at_ms_ >= kInferEveryMs) infer();
    }
    Line()
        .text("stack ")
        .number(device::deepest_stack())
        .text(" received ")
        .number(link_.data_bytes())
        .text(" inferences ")
        .number(inferences_)
        .text(" erases ")
        .number(flash_.erases)
        .print();
  }

  void on_event(const device::AgentNote& note) override {
    Line()
        .text("event ")
        .number(static_cast<uint32_t>(note.event))
        .text(" slot ")
        .number(note.slot)
        .text(" reason ")
        .number(static_cast<uint32_t>(note.cause.reason()))
        .text(" value ")
        .number(note.value)
        .write_to(log_);
  }

 private:
  device::AgentConfig config() {
    device::AgentConfig config;
    config.flash = &flash_;
    config.digest = &digest_;
    config.engine_a = &engine_a_;
    config.engine_b = &engine_b_;
    config.notifier = &link_;
    config.observer = this;
    config.device_id.data()[0] = 0x42;
    config.acceptance.hardware = "qemu";
    config.acceptance.kernels = kernels();
    config.receiver.ring = g_ring;
    config.arena = g_arena;
    config.store_scratch = g_store_scratch;
    config.store.chunk_bytes = kChunkBytes;
    return config;
  }

  void poll_agent() {
    const bool receiving = agent_.receiver().transfer_open();
    const bool activating = agent_.activation().busy();
    roost_count_begin();
    agent_.poll(link_.now_ms());
    if (activating) {
      roost_count_end_activate();
    } else if (receiving) {
      roost_count_end_receive();
    } else {
      roost_count_end();
    }
  }

  void infer() {
    inferred_at_ms_ = link_.now_ms();
    uint32_t state = ++inferences_;
    for (uint32_t i = 0; i < agent_.input_count(); ++i) {
      for (uint8_t& byte : agent_.input(i).bytes) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        byte = static_cast<uint8_t>(state);
      }
    }
    roost_count_begin();
    const runtime::Status status = agent_.invoke();
    roost_count_end_infer();
    CHECK(status.ok());
    if (generation_ != agent_.generation()) {
      generation_ = agent_.generation();
      model_crc_ = crc32(0, agent_.store().slot_info(agent_.activation().running()).model());
    }
    Line line;
    line.text("infer ").number(inferences_).text(" model ").number(model_crc_).text(" out");
    for (uint32_t i = 0; i < agent_.output_count(); ++i) {
      for (uint8_t byte : agent_.output(i).bytes) line.text(" ").number(byte);
    }
    line.write_to(log_);
  }

  StreamLink link_;
  File log_;
  MemoryFlash flash_;
  device::SoftwareSha256 digest_;
  Engine engine_a_;
  Engine engine_b_;
  device::AgentConfig config_;
  device::DeliveryAgent agent_;
  device::GattServer server_;
  uint32_t inferences_ = 0;
  uint32_t inferred_at_ms_ = 0;
  uint32_t generation_ = 0;
  uint32_t model_crc_ = 0;
};

}  // namespace

// Symbols whose sizes are those of the objects a firmware keeps: read by tests/target/budgets.py.
#define ROOST_SIZE_OF(name, type) \
  __attribute__((section(".noinit"), used)) uint8_t roost_sizeof_##name[sizeof(type)]
extern "C" {
ROOST_SIZE_OF(agent, device::DeliveryAgent);
ROOST_SIZE_OF(config, device::AgentConfig);  // lent; in flash where it is a constant
ROOST_SIZE_OF(receiver, protocol::Receiver);
ROOST_SIZE_OF(store, storage::Store);
ROOST_SIZE_OF(model_host, runtime::ModelHost);
ROOST_SIZE_OF(engine, Engine);
ROOST_SIZE_OF(gatt_server, device::GattServer);
ROOST_SIZE_OF(digest, device::SoftwareSha256);
}

int main() {
  static char buffer[512];
  const Words words = command_words(buffer);
  CHECK(words.word[4] != nullptr);
  device::paint_stack();
  move_flash(words.word[2], Mode::kRead);
  static Device device(words);
  device.run();
  move_flash(words.word[3], Mode::kWrite);
  device::semihosting::exit(0);
}
