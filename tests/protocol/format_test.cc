// Proves that each decoder refuses what its format forbids, and says which way. Round trips and golden vectors are
// in roost_wire.py.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/chunk.h"
#include "protocol/control.h"
#include "protocol/fragment.h"
#include "protocol/info.h"
#include "protocol/notice.h"
#include "protocol/package.h"
#include "protocol/uuids.h"

namespace roost::protocol {
namespace {

using Buffer = std::vector<uint8_t>;

Buffer with(const Frame& frame, size_t offset, uint8_t value) {
  Buffer bytes(frame.bytes().begin(), frame.bytes().end());
  bytes[offset] = value;
  return bytes;
}

Offer good_offer() {
  Offer offer;
  offer.epoch = 9;
  offer.manifest_size = 300;
  offer.payload_size = 1000;
  offer.fragment_payload = 240;
  return offer;
}

TEST(Offer, RefusesShortLongAndForeignRecords) {
  const Frame frame = encode(good_offer());
  EXPECT_TRUE(decode_offer(frame.bytes()).ok());
  EXPECT_EQ(decode_offer(Bytes()).error(), Error::kTooShort);
  EXPECT_EQ(decode_offer(frame.bytes().first(16)).error(), Error::kRange);
  Buffer longer(frame.bytes().begin(), frame.bytes().end());
  longer.push_back(0);
  EXPECT_EQ(decode_offer(longer).error(), Error::kRange);
  EXPECT_EQ(decode_offer(with(frame, 0, 2)).error(), Error::kWrongType);
}

TEST(Offer, RefusesAnotherVersionUnknownFlagsAndEmptySizes) {
  const Frame frame = encode(good_offer());
  EXPECT_EQ(decode_offer(with(frame, 1, 2)).error(), Error::kVersion);
  EXPECT_EQ(decode_offer(with(frame, 2, 4)).error(), Error::kRange);
  Offer offer = good_offer();
  offer.manifest_size = 0;
  EXPECT_EQ(decode_offer(encode(offer).bytes()).error(), Error::kRange);
  offer = good_offer();
  offer.payload_size = 0;
  EXPECT_EQ(decode_offer(encode(offer).bytes()).error(), Error::kRange);
  offer.payload_size = kPayloadBytesMax + 1;
  EXPECT_EQ(decode_offer(encode(offer).bytes()).error(), Error::kRange);
}

TEST(Accept, RefusesChunkSizesAndLimitsOutOfRange) {
  Accept accept;
  accept.chunk_log2 = 13;
  EXPECT_EQ(decode_accept(encode(accept).bytes()).error(), Error::kRange);
  accept.chunk_log2 = 7;
  EXPECT_EQ(decode_accept(encode(accept).bytes()).error(), Error::kRange);
  accept.chunk_log2 = 8;
  accept.limit = kReachFragments;
  EXPECT_TRUE(decode_accept(encode(accept).bytes()).ok());
  accept.limit = kReachFragments + 1;
  EXPECT_EQ(decode_accept(encode(accept).bytes()).error(), Error::kRange);
}

TEST(Report, LeavesOutTrailingZeros) {
  Report report;
  report.bitmap_size = kBitmapBytesMax;
  EXPECT_EQ(encode(report).size, 6);
  report.bitmap[13] = 1;
  EXPECT_EQ(encode(report).size, 20);
  report.bitmap[13] = 0;
  report.bitmap[0] = 2;
  const Frame frame = encode(report);
  EXPECT_EQ(frame.size, 7);
  const Report back = decode_report(frame.bytes()).value();
  EXPECT_FALSE(back.has(1));
  EXPECT_TRUE(back.has(2));
  EXPECT_FALSE(back.has(100));
}

TEST(Report, RefusesABitmapThatIsTooLong) {
  Buffer bytes(21, 0);
  bytes[0] = static_cast<uint8_t>(MessageType::kReport);
  EXPECT_EQ(decode_report(bytes).error(), Error::kTooLong);
}

TEST(Refusals, NeedAReason) {
  EXPECT_EQ(decode_reject(encode(Reject()).bytes()).error(), Error::kRange);
  EXPECT_EQ(decode_failed(encode(Failed()).bytes()).error(), Error::kRange);
}

Buffer bytes_of(const Frame& frame) {
  return Buffer(frame.data.begin(), frame.data.begin() + frame.size);
}

// Every field with another value, so that none can stand for another.
Notice notice_of(MessageType type) {
  Notice notice = Notice();
  notice.type = type;
  notice.package_id = 0x04030201;
  notice.epoch = 0x0605;
  notice.detail = 0x0807;
  notice.about = static_cast<uint8_t>(MessageType::kConfirm);
  notice.reason = Reason::kLinkLost;
  notice.extra = 0x0A;
  return notice;
}

TEST(Notice, EncodesAsTheMessageItStandsFor) {
  const auto encoded = [](MessageType type) {
    Frame frame;
    encode(notice_of(type), &frame);
    return bytes_of(frame);
  };
  const Notice n = notice_of(MessageType::kAccept);
  const auto about = static_cast<MessageType>(n.about);
  EXPECT_EQ(encoded(MessageType::kAccept), bytes_of(encode(Accept{n.epoch, n.about, n.detail, n.extra})));
  EXPECT_EQ(encoded(MessageType::kReject), bytes_of(encode(Reject{n.epoch, n.reason, n.detail})));
  EXPECT_EQ(encoded(MessageType::kRewind), bytes_of(encode(Rewind{n.epoch, n.detail, n.extra})));
  for (const auto type : {MessageType::kStored, MessageType::kVerified}) {
    EXPECT_EQ(encoded(type), bytes_of(encode(Milestone{type, n.epoch, n.package_id})));
  }
  EXPECT_EQ(encoded(MessageType::kFailed), bytes_of(encode(Failed{n.epoch, n.package_id, n.reason, n.detail})));
  EXPECT_EQ(encoded(MessageType::kBusy), bytes_of(encode(Busy{n.about, n.detail})));
  EXPECT_EQ(encoded(MessageType::kUnknown), bytes_of(encode(Unknown{n.about, n.reason, n.extra})));
  EXPECT_EQ(encoded(MessageType::kAnswer), bytes_of(encode(Answer{n.extra, about, n.reason, n.detail})));
  for (const auto type : {MessageType::kActive, MessageType::kRolledBack, MessageType::kConfirmed}) {
    EXPECT_EQ(encoded(type), bytes_of(encode(StateChange{type, n.package_id, n.reason, n.detail})));
  }
}

TEST(EveryMessage, FitsTheValueOfTheSmallestMtu) {
  Report report;
  report.bitmap.fill(0xFF);
  report.bitmap_size = kBitmapBytesMax;
  for (const Frame& frame :
       {encode(good_offer()), encode(Query()), encode(Request()), encode(Accept()), encode(Reject()),
        encode(report), encode(Rewind()), encode(Milestone()), encode(Failed()), encode(Busy()), encode(Unknown()),
        encode(Answer()), encode(StateChange())}) {
    EXPECT_LE(frame.size, kValueBytesMin);
  }
}

TEST(Fragment, RefusesValuesWithoutPayloadAndTooLongOnes) {
  EXPECT_EQ(split_fragment(Buffer(4)).error(), Error::kTooShort);
  EXPECT_TRUE(split_fragment(Buffer(5)).ok());
  EXPECT_TRUE(split_fragment(Buffer(495)).ok());
  EXPECT_EQ(split_fragment(Buffer(496)).error(), Error::kTooLong);
}

TEST(Fragment, CrcBindsEpochAndTheWholeCount) {
  const Buffer payload(20, 7);
  const uint16_t crc = fragment_crc(1, 2, payload);
  EXPECT_NE(crc, fragment_crc(2, 2, payload));
  EXPECT_NE(crc, fragment_crc(1, 3, payload));
  EXPECT_NE(crc, fragment_crc(1, 2 + 65536, payload));
}

TEST(Fragment, CountIsTheNearestWithThatLowHalf) {
  EXPECT_EQ(resolve_count(5, 5), 5u);
  EXPECT_EQ(resolve_count(0xFFFF, 0x10000), 0xFFFFu);
  EXPECT_EQ(resolve_count(3, 0xFFF0), 0x10003u);
  EXPECT_EQ(resolve_count(3, 0x2FFF0), 0x30003u);
  EXPECT_EQ(resolve_count(0xFFFF, 0), 0xFFFFu);  // nothing lies before the first
}

TEST(Chunk, CrcBindsPackageAndIndex) {
  const Buffer page(100, 1);
  const uint32_t crc = chunk_crc(1, 2, page);
  EXPECT_NE(crc, chunk_crc(2, 2, page));
  EXPECT_NE(crc, chunk_crc(1, 3, page));
}

Info full_info() {
  Info info;
  info.head.payload_bytes_max = 500000;
  info.slot_count = kInfoSlotsMax;
  info.input_count = info.output_count = kInfoTensorsMax;
  info.hardware.assign("nano33ble-sense-revision-two", 28);
  for (InfoSlot& slot : info.slots) {
    slot.name.assign("a name of twenty-four ch.", 25);
    slot.version.assign("12345678901234567", 17);
  }
  for (InfoTensor& tensor : info.inputs) tensor.rank = 4;
  for (InfoTensor& tensor : info.outputs) tensor.rank = 2;
  return info;
}

TEST(Info, FitsFilledToTheBrim) {
  Buffer out(600);
  const Result<uint16_t> size = encode_info(full_info(), out);
  ASSERT_TRUE(size.ok());
  EXPECT_LE(size.value(), kInfoBytesMax);
  std::printf("a full Info takes %u bytes\n", size.value());
  Info back;
  ASSERT_TRUE(decode_info(Bytes(out.data(), size.value()), &back).ok());
  EXPECT_EQ(back.slot_count, kInfoSlotsMax);
  EXPECT_EQ(back.slots[2].name.size, kNameBytesMax);
  EXPECT_EQ(back.hardware.size, kHardwareBytesMax);
}

TEST(Info, CutsTextsThatAreTooLong) {
  Buffer out(kInfoBytesMax);
  const std::string longer(300, 'x');
  const Text text(longer.data(), longer.size());
  InfoWriter writer(out);
  writer.device(full_info());
  writer.hardware(text);
  writer.running(InfoRunningFacts(), Sha256{});
  writer.count(1);
  writer.slot(InfoSlotFacts(), Sha256{}.data());
  writer.name(text);
  writer.version(text);
  writer.count(0);
  writer.count(0);
  out.resize(writer.finish());
  Info back;
  ASSERT_TRUE(decode_info(out, &back).ok());
  EXPECT_EQ(back.hardware.size, kHardwareBytesMax);
  EXPECT_EQ(back.slots[0].name.size, kNameBytesMax);
  EXPECT_EQ(back.slots[0].version.size, kVersionBytesMax);
}

TEST(Info, OffersFromItsFirstTwentyBytes) {
  Buffer out(600);
  ASSERT_TRUE(encode_info(full_info(), out).ok());
  const Result<InfoHead> head = decode_info_head(Bytes(out.data(), kInfoHeadBytes));
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head.value().payload_bytes_max, 500000u);
  EXPECT_EQ(decode_info_head(Bytes(out.data(), 19)).error(), Error::kTooShort);
}

TEST(Info, RefusesEveryCutAndEveryFlippedBit) {
  Buffer out(600);
  const Result<uint16_t> size = encode_info(full_info(), out);
  ASSERT_TRUE(size.ok());
  out.resize(size.value());
  Info info;
  for (size_t cut = 0; cut < out.size(); ++cut) EXPECT_FALSE(decode_info(Bytes(out.data(), cut), &info).ok());
  for (size_t bit = 0; bit < out.size() * 8; ++bit) {
    out[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(decode_info(out, &info).ok()) << "bit " << bit;
    out[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  EXPECT_TRUE(decode_info(out, &info).ok());
}

TEST(Info, IgnoresFieldsAppendedByALaterMinorChange) {
  Buffer out(600);
  Info info = full_info();
  info.slot_count = 1;
  const Result<uint16_t> size = encode_info(info, out);
  ASSERT_TRUE(size.ok());
  out.resize(size.value());
  out.insert(out.end(), {1, 2, 3});
  store_le16(out.data() + 2, static_cast<uint16_t>(out.size()));
  // CRC as SPEC section 2 has it, made here on its own.
  store_le32(out.data() + 16, 0);
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : out) {
    crc ^= byte;
    for (int k = 0; k < 8; ++k) crc = crc & 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
  }
  store_le32(out.data() + 16, ~crc);
  Info back;
  EXPECT_TRUE(decode_info(out, &back).ok());
  EXPECT_EQ(back.slot_count, 1);
}

TEST(Advertised, FitsBesideTheUuidAndComesBack) {
  const std::array<uint8_t, 32> digest = {1, 2, 3, 4, 5};
  const Text version("1.2.3-beta", 10);
  Buffer out(kAdvertisedBytesMax);
  EXPECT_EQ(encode_advertised(PackageState::kTrial, digest.data(), version, out.data()), 13u);
  const Result<Advertised> back = decode_advertised(out);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back.value().state, PackageState::kTrial);
  EXPECT_EQ(back.value().model_digest[3], 4);
  EXPECT_EQ(back.value().version.size, 7);
  EXPECT_EQ(decode_advertised(Bytes(out.data(), 5)).error(), Error::kTooShort);
}

TEST(Reasons, AreAllDescribedInFullAndNamedOnce) {
  std::set<std::string> names;
  size_t known = 0;
  for (int number = 0; number < 256; ++number) {
    const Description d = describe(static_cast<Reason>(number));
    ASSERT_NE(d.stage, nullptr);
    EXPECT_GT(std::string(d.what).size(), 8u);
    EXPECT_GT(std::string(d.next).size(), 3u);
    if (std::string(d.name) == "unknown") continue;
    ++known;
    EXPECT_TRUE(names.insert(d.name).second) << d.name;
  }
  EXPECT_EQ(known, 59u) << "a reason was added: describe it, and list it in SPEC.md";
}

TEST(Uuids, AreTheSameAsTextAndAsBytes) {
  const std::string text = kDataUuid;
  std::string from_bytes;
  const auto bytes = uuid_bytes(kDataShort);
  for (size_t i = 16; i-- > 0;) {
    char hex[3];
    std::snprintf(hex, sizeof(hex), "%02x", bytes[i]);
    from_bytes += hex;
  }
  std::string plain = text;
  std::erase(plain, '-');
  EXPECT_EQ(from_bytes, plain);
}

}  // namespace
}  // namespace roost::protocol
