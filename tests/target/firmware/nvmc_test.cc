// The NVMC driver on the controller that QEMU models: what an emulated chip can show and a fake cannot (the window
// is where the driver thinks it is, stores are of a width it takes, the interrupt is seen).
#include "device/ports/common/flash_check.h"
#include "device/ports/cortex_m/linked_region.h"
#include "device/ports/cortex_m/nrf_nvmc_flash.h"
#include "tests/target/firmware/check.h"

namespace {

using roost::Bytes;
using roost::MutableBytes;
using roost::device::NrfNvmcFlash;
using roost::device::NrfPart;
using roost::storage::Error;

roost::device::NvmcRegisters g_registers;
NrfNvmcFlash* g_flash;
volatile bool g_svc_expected;
volatile uint8_t g_svc_program;
volatile uint8_t g_svc_erase;

constexpr uint32_t kBlock = 1024;

bool all_bytes(uint32_t begin, uint32_t end, uint8_t value) {
  uint8_t piece[64];
  for (uint32_t at = begin; at < end; at += sizeof(piece)) {
    if (!g_flash->read(at, piece).ok()) return false;
    for (uint8_t byte : piece) {
      if (byte != value) return false;
    }
  }
  return true;
}

void erases_one_block_and_no_other() {
  const uint8_t zeros[4] = {};
  for (uint32_t block = 0; block < 3; ++block) CHECK(g_flash->erase(block * kBlock).ok());
  for (uint32_t at = 0; at < 3 * kBlock; at += 4) CHECK(g_flash->program(at, zeros).ok());
  CHECK(g_flash->erase(kBlock).ok());
  CHECK(all_bytes(0, kBlock, 0x00));
  CHECK(all_bytes(kBlock, 2 * kBlock, 0xFF));
  CHECK(all_bytes(2 * kBlock, 3 * kBlock, 0x00));
  CHECK(g_flash->erase_slice(0).value());
  CHECK(all_bytes(0, kBlock, 0xFF));
}

void programs_what_it_is_given() {
  uint8_t wanted[256];
  for (uint32_t i = 0; i < sizeof(wanted); ++i) wanted[i] = static_cast<uint8_t>(i * 7 + 3);
  CHECK(g_flash->erase(0).ok());
  // From an odd address: only the flash's side has to be aligned.
  CHECK(g_flash->program(8, Bytes(wanted + 1, 252)).ok());
  uint8_t found[252];
  CHECK(g_flash->read(8, found).ok());
  CHECK(roost::same_bytes(found, Bytes(wanted + 1, 252)));
  CHECK(roost::same_bytes(Bytes(g_flash->mapped() + 8, 252), Bytes(wanted + 1, 252)));
  CHECK(all_bytes(320, kBlock, 0xFF));
}

void clears_more_bits_of_a_word_but_sets_none() {
  const uint8_t first[4] = {0xF0, 0xFF, 0x0F, 0xFF};
  const uint8_t fewer[4] = {0x30, 0x00, 0x0F, 0xFF};
  CHECK(g_flash->erase(0).ok());
  CHECK(g_flash->program(0, first).ok());
  CHECK(g_flash->program(0, fewer).ok());
  CHECK(g_flash->program(0, first).error() == Error::kMisuse);
  uint8_t found[4];
  CHECK(g_flash->read(0, found).ok());
  CHECK(roost::same_bytes(found, fewer));
}

void refuses_what_no_careful_caller_does() {
  const uint32_t size = g_flash->geometry().size_bytes;
  uint8_t bytes[8] = {};
  CHECK(g_flash->program(2, Bytes(bytes, 4)).error() == Error::kMisuse);
  CHECK(g_flash->program(4, Bytes(bytes, 3)).error() == Error::kMisuse);
  CHECK(g_flash->program(size - 4, Bytes(bytes, 8)).error() == Error::kMisuse);
  CHECK(g_flash->program(0xFFFFFFFC, Bytes(bytes, 8)).error() == Error::kMisuse);
  CHECK(g_flash->erase(512).error() == Error::kMisuse);
  CHECK(g_flash->erase(size).error() == Error::kMisuse);
  CHECK(g_flash->read(size - 4, MutableBytes(bytes, 8)).error() == Error::kMisuse);
}

void leaves_flash_write_protected() {
  CHECK(g_flash->erase(0).ok());
  volatile uint32_t* const stray = reinterpret_cast<volatile uint32_t*>(const_cast<uint8_t*>(g_flash->mapped()));
  *stray = 0;
  CHECK(*stray == 0xFFFFFFFF);
}

void refuses_in_an_interrupt() {
  CHECK(g_flash->erase(0).ok());
  g_svc_expected = true;
  __asm__ volatile("svc 0" : : : "memory");
  CHECK(g_svc_program == static_cast<uint8_t>(Error::kMisuse));
  CHECK(g_svc_erase == static_cast<uint8_t>(Error::kMisuse));
  CHECK(all_bytes(0, kBlock, 0xFF));
}

}  // namespace

extern "C" void roost_fault();
extern "C" void roost_fault() {
  CHECK(g_svc_expected);
  g_svc_expected = false;
  const uint8_t zeros[4] = {};
  g_svc_program = static_cast<uint8_t>(g_flash->program(0, zeros).error());
  g_svc_erase = static_cast<uint8_t>(g_flash->erase(0).error());
}

int main() {
  NrfNvmcFlash flash(NrfPart::kNrf51, roost::device::linked_region(), g_registers);
  g_flash = &flash;
  CHECK(flash.part_matches());
  static uint8_t scratch[64];
  if (const char* wrong = roost::device::check_flash(flash, scratch)) {
    roost::target_test::fail(__FILE__, __LINE__, wrong);
  }
  erases_one_block_and_no_other();
  programs_what_it_is_given();
  clears_more_bits_of_a_word_but_sets_none();
  refuses_what_no_careful_caller_does();
  leaves_flash_write_protected();
  refuses_in_an_interrupt();
  roost::device::semihosting::print("nvmc_test: passed\n");
  roost::device::semihosting::exit(0);
}
