// What every storage::Flash has to do: call expect_flash_contract on one whose region may be overwritten.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "storage/flash.h"

namespace roost {
namespace storage {

inline void expect_flash_contract(Flash& flash) {
  const FlashGeometry& g = flash.geometry();
  const uint32_t block = g.erase_block_bytes;
  const uint32_t unit = g.program_unit_bytes;
  ASSERT_EQ(g.size_bytes % block, 0u);
  ASSERT_EQ(block % unit, 0u);
  ASSERT_GE(g.programs_per_unit, 1);
  ASSERT_GE(g.size_bytes / block, 2u);

  // Erase sets the block to the erased value, and nothing else.
  ASSERT_TRUE(flash.erase(0).ok());
  ASSERT_TRUE(flash.erase(block).ok());
  std::vector<uint8_t> bytes(block);
  ASSERT_TRUE(flash.read(0, bytes).ok());
  EXPECT_EQ(bytes, std::vector<uint8_t>(block, g.erased_value));

  // What was programmed reads, through read() and mapped(), and its neighbours are as they were.
  std::vector<uint8_t> data(3 * unit);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7 + 1);
  ASSERT_TRUE(flash.program(block - 2 * unit, Bytes(data).first(2 * unit)).ok());
  ASSERT_TRUE(flash.program(block, data).ok());
  ASSERT_TRUE(flash.read(block - 2 * unit, MutableBytes(bytes).first(6 * unit)).ok());
  EXPECT_TRUE(same_bytes(Bytes(bytes).first(2 * unit), Bytes(data).first(2 * unit)));
  EXPECT_TRUE(same_bytes(Bytes(bytes).subspan(2 * unit, data.size()), data));
  EXPECT_EQ(bytes[5 * unit], g.erased_value);
  EXPECT_TRUE(same_bytes(Bytes(flash.mapped() + block, data.size()), data));

  // Erasing one block leaves the other.
  ASSERT_TRUE(flash.erase(0).ok());
  EXPECT_TRUE(same_bytes(Bytes(flash.mapped() + block, data.size()), data));
  EXPECT_EQ(flash.mapped()[block - 1], g.erased_value);

  // Slices add up to an erase.
  int slices = 0;
  for (bool done = false; !done; ++slices) {
    ASSERT_LT(slices, 256);
    const Result<bool> result = flash.erase_slice(block);
    ASSERT_TRUE(result.ok());
    done = result.value();
  }
  EXPECT_EQ(slices, g.erase_slices);
  ASSERT_TRUE(flash.read(block, bytes).ok());
  EXPECT_EQ(bytes, std::vector<uint8_t>(block, g.erased_value));

  // Misuse is refused and does nothing.
  EXPECT_EQ(flash.program(1, Bytes(data).first(unit)).error(), Error::kMisuse);
  EXPECT_EQ(flash.program(0, Bytes(data).first(unit + 1)).error(), Error::kMisuse);
  EXPECT_EQ(flash.program(g.size_bytes, Bytes(data).first(unit)).error(), Error::kMisuse);
  EXPECT_EQ(flash.erase(unit).error(), Error::kMisuse);
  EXPECT_EQ(flash.erase(g.size_bytes).error(), Error::kMisuse);
  EXPECT_EQ(flash.read(g.size_bytes - 1, MutableBytes(bytes).first(2)).error(), Error::kMisuse);
  EXPECT_EQ(flash.mapped()[0], g.erased_value);
}

}  // namespace storage
}  // namespace roost
