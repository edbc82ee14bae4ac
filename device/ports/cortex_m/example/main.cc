// The smallest complete firmware: an nRF52840 whose BLE stack is still to be connected (the three marked places).
#include "device/ports/common/gatt_server.h"
#include "device/ports/common/sha256.h"
#include "device/ports/cortex_m/linked_region.h"
#include "device/ports/cortex_m/nrf_nvmc_flash.h"
#include "runtime/interpreter.h"
#include "runtime/kernels/all.h"

namespace {

alignas(16) uint8_t g_arena[48 * 1024];
alignas(8) uint8_t g_ring[4096];
uint8_t g_store_scratch[256];
uint8_t g_info[roost::protocol::kInfoBytesMax];

const roost::runtime::Kernel* const kKernels[] = {
    &roost::runtime::kConv2dInt8,    &roost::runtime::kDepthwiseConv2dInt8,
    &roost::runtime::kMaxPool2dInt8, &roost::runtime::kFullyConnectedInt8,
    &roost::runtime::kReshape,       &roost::runtime::kSoftmaxInt8,
};

class Stack final : public roost::device::Notifier {
 public:
  bool notify(uint16_t, roost::Bytes) override { return false; }  // 1: the stack's notify on Control
};

uint32_t now_ms() {
  return 0;  // 2: a timer
}

roost::runtime::GateInput gate() {
  roost::runtime::GateInput input;
  input.kernels = kKernels;
  input.limits.arena_bytes = sizeof(g_arena);
  return input;
}

roost::device::NvmcRegisters g_registers;
roost::device::NrfNvmcFlash g_flash(roost::device::NrfPart::kNrf52840, roost::device::linked_region(), g_registers);
roost::device::SoftwareSha256 g_digest;
roost::runtime::Interpreter g_engine_a(gate());
roost::runtime::Interpreter g_engine_b(gate());
Stack g_stack;

constexpr roost::device::AgentConfig make_config() {
  roost::device::AgentConfig config;
  config.flash = &g_flash;
  config.digest = &g_digest;
  config.engine_a = &g_engine_a;
  config.engine_b = &g_engine_b;
  config.notifier = &g_stack;
  config.acceptance.hardware = "example";
  config.acceptance.kernels = kKernels;
  config.receiver.ring = g_ring;
  config.arena = g_arena;
  config.store_scratch = g_store_scratch;
  return config;
}
constexpr roost::device::AgentConfig kConfig = make_config();  // all of it is known: it stays in flash

}  // namespace

int main() {
  using namespace roost::device;
  static DeliveryAgent agent(kConfig);
  static GattServer gatt(agent, g_info);  // 3: the stack's callbacks call this

  if (!agent.start(roost::storage::ResetCause::kOther, now_ms()).ok()) return 1;
  for (;;) {
    agent.poll(now_ms());
    if (agent.serving()) (void)agent.invoke();
  }
}
