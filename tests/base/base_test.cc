// Proves the byte helpers: checksums against their published check values, cursors at their bounds.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/result.h"
#include "base/span.h"

namespace roost {
namespace {

Bytes text(const char* s) {
  return Bytes(reinterpret_cast<const uint8_t*>(s), strlen(s));
}

TEST(Crc, MatchesThePublishedCheckValues) {
  EXPECT_EQ(crc32(0, text("123456789")), 0xCBF43926u);
  EXPECT_EQ(crc16(kCrc16Start, text("123456789")), 0x29B1u);
  EXPECT_EQ(crc32(0, Bytes()), 0u);
}

TEST(Crc, ChainsOverPieces) {
  EXPECT_EQ(crc32(crc32(0, text("1234")), text("56789")), 0xCBF43926u);
  EXPECT_EQ(crc16(crc16(kCrc16Start, text("1234")), text("56789")), 0x29B1u);
}

TEST(Span, ConvertsFromContainersConstAndNot) {
  std::vector<uint8_t> vector = {1, 2, 3};
  const std::vector<uint8_t> constant = {4, 5};
  std::array<uint8_t, 4> array = {};
  uint8_t plain[5] = {};
  MutableBytes writable = vector;
  Bytes readable = writable;
  EXPECT_EQ(readable.size(), 3u);
  EXPECT_EQ(Bytes(constant)[1], 5);
  EXPECT_EQ(MutableBytes(array).size(), 4u);
  EXPECT_EQ(MutableBytes(plain).size(), 5u);
  EXPECT_EQ(readable.subspan(1, 2)[1], 3);
  EXPECT_EQ(readable.from(3).size(), 0u);
}

TEST(SpanDeathTest, StopsAtItsBounds) {
  std::vector<uint8_t> vector = {1, 2, 3};
  EXPECT_DEATH((void)Bytes(vector)[3], "");
  EXPECT_DEATH((void)Bytes(vector).subspan(2, 2), "");
}

TEST(ByteReader, StaysNotOkOnceItRanPastTheEnd) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u16(), 0x0201);
  EXPECT_EQ(reader.u16(), 0);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, WritesLittleEndianAndNothingPastTheEnd) {
  std::array<uint8_t, 7> buffer = {};
  ByteWriter writer(buffer);
  writer.u32(0x04030201);
  writer.u32(0xFFFFFFFF);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 4u);
  EXPECT_EQ(buffer, (std::array<uint8_t, 7>{1, 2, 3, 4, 0, 0, 0}));
}

enum class Error : uint8_t { kNone = 0, kBad };

TEST(Result, HoldsAValueOrAnError) {
  roost::Result<int, Error> value = 5;
  roost::Result<int, Error> error = Error::kBad;
  EXPECT_EQ(value.value(), 5);
  EXPECT_EQ(error.error(), Error::kBad);
  EXPECT_EQ(error.value_or(7), 7);
  EXPECT_FALSE(roost::Status<Error>(Error::kBad).ok());
}

}  // namespace
}  // namespace roost
