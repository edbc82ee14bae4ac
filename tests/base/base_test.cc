// Proves the byte helpers: checksums against their published check values, cursors at their bounds.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/record.h"
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

TEST(Crc, LeavesTheResidueBehindItsOwnValue) {
  EXPECT_EQ(crc32(crc32(0, text("123456789")), text("\x26\x39\xF4\xCB")), kCrc32Residue);
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

enum class Colour : uint8_t { kRed = 1, kBlue = 7 };

struct Sample {
  uint64_t wide;
  uint32_t word;
  std::array<uint8_t, 3> raw;
  Colour colour;
  uint16_t half;
};

const RecordField kSampleFields[] = {
    ROOST_FIELD(Sample, colour), ROOST_FIELD(Sample, half), record_zeros(2), ROOST_FIELD(Sample, raw),
    ROOST_FIELD(Sample, word),   ROOST_FIELD(Sample, wide), kRecordEnd};

TEST(Record, StoresFieldsLittleEndianInTheOrderOfTheDescription) {
  const Sample sample = {0x1122334455667788, 0xA1A2A3A4, {{9, 8, 7}}, Colour::kBlue, 0xB1B2};
  std::array<uint8_t, 21> bytes;
  bytes.fill(0xEE);
  ASSERT_EQ(record_size(kSampleFields), 20u);
  EXPECT_EQ(store_record(kSampleFields, &sample, bytes.data()), bytes.data() + 20);
  const std::array<uint8_t, 21> expected = {7,    0xB2, 0xB1, 0,    0,    9,    8,    7,    0xA4, 0xA3, 0xA2,
                                            0xA1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xEE};
  EXPECT_EQ(bytes, expected);
}

TEST(Record, LoadsWhatItStoredAndSkipsWhatHasNoMember) {
  const Sample sample = {0x1122334455667788, 0xA1A2A3A4, {{9, 8, 7}}, Colour::kRed, 0xB1B2};
  std::array<uint8_t, 20> bytes;
  store_record(kSampleFields, &sample, bytes.data());
  bytes[3] = bytes[4] = 0x55;
  Sample loaded = {};
  EXPECT_EQ(load_record(kSampleFields, bytes.data(), &loaded), bytes.data() + bytes.size());
  EXPECT_EQ(loaded.wide, sample.wide);
  EXPECT_EQ(loaded.word, sample.word);
  EXPECT_EQ(loaded.raw, sample.raw);
  EXPECT_EQ(loaded.colour, sample.colour);
  EXPECT_EQ(loaded.half, sample.half);
}

}  // namespace
}  // namespace roost
