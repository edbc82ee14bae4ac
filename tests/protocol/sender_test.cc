// Proves the sender's and the requester's answers one by one; whole transfers are in conversation_test.cc.
#include <gtest/gtest.h>

#include <vector>

#include "protocol/requester.h"
#include "protocol/sender.h"

namespace roost::protocol {
namespace {

using Buffer = std::vector<uint8_t>;
using Kind = SendAction::Kind;

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() : sender(package(), config()) {}

  SendPackage package() {
    SendPackage p;
    p.manifest = manifest;
    p.payload = payload;
    p.package_id = 0xC0FFEE;
    return p;
  }
  static SenderConfig config() {
    SenderConfig c;
    c.att_mtu = 247;
    c.epoch_seed = 100;
    return c;
  }
  static InfoHead info() {
    InfoHead head;
    head.initial_credit_bytes = 4096;
    head.preferred_value_bytes = 244;
    head.payload_bytes_max = 100000;
    return head;
  }

  Buffer write_out(Kind kind) {
    const SendAction action = sender.poll(now);
    EXPECT_EQ(action.kind, kind);
    const Buffer bytes(action.bytes.begin(), action.bytes.end());
    const bool is_write = kind == Kind::kWriteControl || kind == Kind::kWriteData;
    EXPECT_EQ(sender.written().ok(), is_write);
    return bytes;
  }
  bool hear(const Frame& frame) { return sender.handle_notification(frame.bytes(), now); }

  void reach_verdict() {
    ASSERT_TRUE(sender.handle_info(info()).ok());
    ASSERT_TRUE(decode_offer(write_out(Kind::kWriteControl)).ok());
    write_out(Kind::kWriteData);
    write_out(Kind::kWriteData);
    ASSERT_EQ(sender.poll(now).kind, Kind::kNone);
  }
  void reach_payload(uint8_t limit) {
    reach_verdict();
    Accept accept;
    accept.epoch = 101;
    accept.limit = limit;
    ASSERT_TRUE(hear(encode(accept)));
  }
  int drain() {
    int count = 0;
    while (sender.poll(now).kind == Kind::kWriteData) {
      EXPECT_TRUE(sender.written().ok());
      ++count;
    }
    return count;
  }
  static Report report(uint16_t next, uint8_t limit, std::initializer_list<int> beyond = {}, bool asked = false) {
    Report r;
    r.asked = asked;
    r.epoch_low = 101;
    r.next_wanted = next;
    r.limit = limit;
    r.bitmap_size = kBitmapBytesMax;
    for (const int b : beyond) r.bitmap[static_cast<size_t>(b - 1) / 8] |= static_cast<uint8_t>(1 << ((b - 1) % 8));
    return r;
  }

  Buffer manifest = Buffer(300, 1);
  Buffer payload = Buffer(50000, 2);
  Sender sender;
  uint32_t now = 10;
};

TEST_F(SenderTest, ChoosesTheValueSizeFromMtuAndInfo) {
  struct Case {
    uint16_t mtu, preferred, value;
  };
  for (const Case c : {Case{23, 244, 20}, Case{247, 244, 244}, Case{247, 479, 244}, Case{517, 479, 479},
                       Case{517, 512, 495}, Case{517, 20, 20}}) {
    SenderConfig cfg = config();
    cfg.att_mtu = c.mtu;
    Sender s(package(), cfg);
    InfoHead head = info();
    head.preferred_value_bytes = c.preferred;
    ASSERT_TRUE(s.handle_info(head).ok());
    EXPECT_EQ(s.value_bytes(), c.value);
  }
}

TEST_F(SenderTest, RefusesByItselfWhatCannotFit) {
  InfoHead head = info();
  head.payload_bytes_max = 49999;
  EXPECT_EQ(sender.handle_info(head).error(), Error::kRange);
  EXPECT_EQ(sender.outcome(), Outcome::kRefused);
  EXPECT_EQ(sender.reason(), Reason::kDoesNotFit);
}

TEST_F(SenderTest, GivesTheSameWriteUntilItIsWritten) {
  ASSERT_TRUE(sender.handle_info(info()).ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(sender.poll(now).kind, Kind::kWriteControl);
  ASSERT_TRUE(sender.written().ok());
  EXPECT_EQ(sender.poll(now).kind, Kind::kWriteData);
  EXPECT_EQ(sender.handle_info(info()).error(), Error::kIllegal);
}

TEST_F(SenderTest, StopsAtTheLimit) {
  reach_payload(5);
  EXPECT_EQ(drain(), 5);
  EXPECT_EQ(sender.progress().credit_stalls, 1u);
  EXPECT_TRUE(hear(encode(report(5, 3))));
  EXPECT_EQ(drain(), 3);
}

TEST_F(SenderTest, SendsAgainOnlyWhatTheBitmapLacks) {
  reach_payload(10);
  drain();
  EXPECT_TRUE(hear(encode(report(2, 8, {1, 2, 4}))));  // 2 and 5 are missing, 7.. are on their way
  const Buffer first = write_out(Kind::kWriteData);
  const Buffer second = write_out(Kind::kWriteData);
  EXPECT_EQ(first[0], 2);
  EXPECT_EQ(second[0], 5);
  EXPECT_EQ(sender.poll(now).kind, Kind::kNone);
  EXPECT_TRUE(hear(encode(report(2, 8, {1, 2, 4}))));
  EXPECT_EQ(sender.poll(now).kind, Kind::kNone) << "sent again a moment ago";
  now += 100;
  EXPECT_TRUE(hear(encode(report(2, 8, {1, 2, 4}))));
  EXPECT_EQ(drain(), 2);
}

TEST_F(SenderTest, SendsTheTailAgainAfterAnAnsweredQuery) {
  reach_payload(10);
  drain();
  now += 300;
  const Buffer query = write_out(Kind::kWriteControl);
  EXPECT_EQ(decode_query(query).value().last_sent, 9);
  EXPECT_TRUE(hear(encode(report(8, 2, {}, true))));
  EXPECT_EQ(drain(), 2);
  EXPECT_EQ(sender.progress().fragments_resent, 2u);
}

TEST_F(SenderTest, IgnoresReportsOfOtherStreamsAndNonsense) {
  reach_payload(10);
  drain();
  Report other = report(5, 20);
  other.epoch_low = 100;
  EXPECT_FALSE(hear(encode(other)));
  EXPECT_FALSE(hear(encode(report(11, 20)))) << "more than was sent";
  EXPECT_EQ(drain(), 0);
}

TEST_F(SenderTest, IsNotSetBackByAReportThatWasOvertaken) {
  reach_payload(10);
  drain();
  EXPECT_TRUE(hear(encode(report(8, 5))));
  EXPECT_EQ(drain(), 3);
  EXPECT_TRUE(hear(encode(report(3, 7, {2}))));
  EXPECT_EQ(drain(), 0);
}

TEST_F(SenderTest, OffersAgainWithAnotherEpochWhenItsWasUsed) {
  reach_verdict();
  Reject reject;
  reject.epoch = 100;
  reject.reason = Reason::kEpochReused;
  EXPECT_TRUE(hear(encode(reject)));
  const Result<Offer> again = decode_offer(write_out(Kind::kWriteControl));
  ASSERT_TRUE(again.ok());
  EXPECT_NE(again.value().epoch, 100);
}

TEST_F(SenderTest, WaitsAndOffersAgainWhenBusyButNotForever) {
  ASSERT_TRUE(sender.handle_info(info()).ok());
  int offers = 0;
  while (sender.poll(now).kind != Kind::kDone) {
    const SendAction action = sender.poll(now);
    const Result<Offer> offer = decode_offer(action.bytes);
    ASSERT_EQ(sender.written().ok(), action.kind != Kind::kNone);
    if (offer.ok()) {
      ++offers;
      Busy busy;
      busy.about = static_cast<uint8_t>(MessageType::kOffer);
      busy.tag = offer.value().epoch;
      EXPECT_TRUE(hear(encode(busy)));
    }
    now += 10;
  }
  EXPECT_EQ(offers, 8);
  EXPECT_EQ(sender.outcome(), Outcome::kRefused);
  EXPECT_EQ(sender.reason(), Reason::kBusy);
}

TEST_F(SenderTest, EndsWhenTheDeviceSpeaksAnotherVersion) {
  reach_verdict();
  Unknown unknown;
  unknown.about = static_cast<uint8_t>(MessageType::kOffer);
  unknown.version = 2;
  EXPECT_TRUE(hear(encode(unknown)));
  EXPECT_EQ(sender.reason(), Reason::kProtocolVersion);
  EXPECT_EQ(sender.detail(), 2);
}

TEST_F(SenderTest, SaysHowItEndedAndStays) {
  reach_payload(10);
  sender.handle_disconnect();
  EXPECT_EQ(sender.outcome(), Outcome::kLinkLost);
  sender.cancel();
  EXPECT_EQ(sender.outcome(), Outcome::kLinkLost);
  EXPECT_EQ(sender.poll(now).kind, Kind::kDone);
  EXPECT_FALSE(sender.next_deadline().any);
}

TEST_F(SenderTest, TellsStoredFromVerified) {
  reach_payload(10);
  Milestone milestone;
  milestone.epoch = 100;
  milestone.package_id = 0xC0FFEE;
  EXPECT_TRUE(hear(encode(milestone)));
  EXPECT_TRUE(sender.progress().stored);
  EXPECT_FALSE(sender.progress().verified);
  EXPECT_EQ(sender.outcome(), Outcome::kRunning);
  milestone.type = MessageType::kVerified;
  EXPECT_TRUE(hear(encode(milestone)));
  EXPECT_EQ(sender.outcome(), Outcome::kVerified);
  EXPECT_EQ(sender.progress().payload_done, 50000u);
}

TEST_F(SenderTest, SurvivesAnyBytes) {
  reach_payload(10);
  uint32_t x = 1;
  for (int i = 0; i < 20000; ++i) {
    Buffer bytes(i % 21);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>((x = x * 1664525 + 1013904223) >> 24);
    if (!bytes.empty()) bytes[0] = static_cast<uint8_t>(0x81 + bytes[0] % 12);
    sender.handle_notification(bytes, now);
    if (sender.poll(now).kind == Kind::kWriteData) {
      EXPECT_TRUE(sender.written().ok());
    }
    if (sender.state() == SenderState::kDone) break;
  }
}

// ---- requester ----

Request rollback(uint8_t tag) {
  Request request;
  request.type = MessageType::kRollback;
  request.tag = tag;
  return request;
}

Answer answer_to(const Request& request, Reason reason) {
  Answer answer;
  answer.tag = request.tag;
  answer.about = request.type;
  answer.reason = reason;
  answer.detail = 4;
  return answer;
}

TEST(Requester, RepeatsItselfUntilAnswered) {
  const Request request = rollback(3);
  Requester requester(request);
  uint32_t now = 0;
  for (int i = 0; i < 3; ++i, now += 1000) {
    ASSERT_EQ(requester.poll(now).kind, RequestAction::Kind::kWrite);
    ASSERT_TRUE(requester.written().ok());
    EXPECT_EQ(requester.poll(now + 999).kind, RequestAction::Kind::kNone);
  }
  EXPECT_FALSE(requester.handle_notification(encode(answer_to(rollback(4), Reason::kOk)).bytes(), now));
  EXPECT_TRUE(requester.handle_notification(encode(answer_to(request, Reason::kNothingToReturnTo)).bytes(), now));
  EXPECT_EQ(requester.outcome(), RequestOutcome::kAnswered);
  EXPECT_EQ(requester.reason(), Reason::kNothingToReturnTo);
  EXPECT_EQ(requester.detail(), 4);
  EXPECT_EQ(requester.writes(), 3u);
}

TEST(Requester, TriesAgainAfterBusyAndTimesOutSayingSo) {
  Requester requester(rollback(3));
  uint32_t now = 0;
  while (requester.poll(now).kind != RequestAction::Kind::kDone) {
    if (requester.poll(now).kind == RequestAction::Kind::kWrite) {
      ASSERT_TRUE(requester.written().ok());
      Busy busy;
      busy.about = static_cast<uint8_t>(MessageType::kRollback);
      busy.tag = 3;
      EXPECT_TRUE(requester.handle_notification(encode(busy).bytes(), now));
      EXPECT_EQ(requester.next_deadline().at_ms, std::min(now + 500, 30000u));
    }
    now += 100;
  }
  EXPECT_EQ(requester.outcome(), RequestOutcome::kTimedOut);
  EXPECT_EQ(requester.reason(), Reason::kBusy);
}

TEST(Requester, EndsWithTheLink) {
  Requester requester(rollback(3));
  requester.poll(0);
  requester.handle_disconnect();
  EXPECT_EQ(requester.poll(1).kind, RequestAction::Kind::kDone);
  EXPECT_EQ(requester.outcome(), RequestOutcome::kLinkLost);
}

}  // namespace
}  // namespace roost::protocol
