// The parts the simulated flash knows. Figures from data sheets; sizes are what a firmware could spare for models.
#include "device/ports/linux/sim_flash.h"

namespace roost {
namespace device {

using storage::BusyReads;
using storage::FlashGeometry;

namespace {

FlashGeometry geometry(uint32_t size_bytes, uint32_t erase_block_bytes, uint16_t program_unit_bytes,
                       uint8_t programs_per_unit) {
  FlashGeometry g = {};
  g.size_bytes = size_bytes;
  g.erase_block_bytes = erase_block_bytes;
  g.program_unit_bytes = program_unit_bytes;
  g.programs_per_unit = programs_per_unit;
  g.erased_value = 0xFF;
  g.busy_reads = BusyReads::kStall;
  g.erase_slices = 1;
  return g;
}

Board nano33ble() {
  Board b{"nano33ble", "nRF52840 (Arduino Nano 33 BLE)", geometry(512 * 1024, 4096, 4, 2), false, 4096, 10000};
  b.geometry.erase_slices = 9;  // partial erase, 10 ms each
  b.geometry.erase_block_us = 85000;
  b.geometry.program_unit_us = 41;
  return b;
}

Board microbit() {
  Board b{"microbit", "nRF51822 (micro:bit)", geometry(128 * 1024, 1024, 4, 2), false, 1024, 20000};
  b.geometry.erase_block_us = 21000;
  b.geometry.program_unit_us = 46;
  return b;
}

Board stm32wb() {
  Board b{"stm32wb", "STM32WB-like, ECC per 8 bytes", geometry(384 * 1024, 4096, 8, 1), true, 4096, 10000};
  b.geometry.erase_block_us = 22000;
  b.geometry.program_unit_us = 82;
  return b;
}

Board rp2040() {
  Board b{"rp2040", "RP2040 with a serial NOR flash", geometry(1024 * 1024, 4096, 256, 4), false, 4096, 100000};
  b.geometry.busy_reads = BusyReads::kFail;
  b.geometry.erase_block_us = 45000;
  b.geometry.program_unit_us = 400;
  return b;
}

Board large_block() {
  Board b{"large_block", "128 KiB erase blocks, ECC per 32 bytes", geometry(2048 * 1024, 131072, 32, 1), true, 4096,
          10000};
  b.geometry.erase_block_us = 1000000;
  b.geometry.program_unit_us = 100;
  return b;
}

Board zero_erased() {
  Board b{"zero_erased",
          "erased bytes read 0x00; two chunks to an erase block",
          geometry(256 * 1024, 2048, 4, 2),
          false,
          1024,
          10000};
  b.geometry.erased_value = 0x00;
  b.geometry.erase_block_us = 5000;
  b.geometry.program_unit_us = 50;
  return b;
}

}  // namespace

const std::vector<Board>& boards() {
  static const std::vector<Board> kBoards = {nano33ble(), microbit(),    stm32wb(),
                                             rp2040(),    large_block(), zero_erased()};
  return kBoards;
}

const Board* find_board(const std::string& name) {
  for (const Board& board : boards()) {
    if (board.name == name) return &board;
  }
  return nullptr;
}

}  // namespace device
}  // namespace roost
