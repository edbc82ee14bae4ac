// Proves the receiver's answers one by one: to strangers, to nonsense, to repetition, to silence, and to its own
// application. Each test plays the host by hand.
#include <gtest/gtest.h>

#include <vector>

#include "protocol/receiver.h"
#include "tests/protocol/asked.h"

namespace roost::protocol {
namespace {

using Buffer = std::vector<uint8_t>;
using Kind = Action;

constexpr uint16_t kHost = 7;
constexpr uint16_t kStranger = 8;
constexpr uint32_t kPackage = 0xC0FFEE;

ReceiverConfig config_on(std::array<uint64_t, 512>& ring) {
  ReceiverConfig config;
  config.ring = MutableBytes(reinterpret_cast<uint8_t*>(ring.data()), ring.size() * 8);
  return config;
}

PageShape page_shape() {
  static uint8_t bounce[kProgramUnitMax];
  PageShape page;
  page.bounce = bounce;
  return page;
}

class ReceiverTest : public ::testing::Test {
 protected:
  ReceiverTest() : config(config_on(ring_)), receiver(config, page_shape()) {
    receiver.admit(1 << 20);
    receiver.handle_connect(kHost, 247);
    receiver.handle_subscribed(kHost, true);
    receiver.handle_connect(kStranger, 247);
    receiver.handle_subscribed(kStranger, true);
  }

  static Offer offer(uint16_t epoch = 100, uint32_t payload_size = 5000) {
    Offer o;
    o.epoch = epoch;
    o.package_id = kPackage;
    o.manifest_size = 300;
    o.payload_size = payload_size;
    o.fragment_payload = 240;
    return o;
  }

  static Buffer fragment(uint16_t epoch, uint32_t count, Bytes stream, size_t payload = 240) {
    const size_t at = count * payload;
    const size_t size = std::min(payload, stream.size() - at);
    Buffer value(size + kFragmentOverheadBytes);
    std::copy(stream.begin() + at, stream.begin() + at + size, value.begin() + 2);
    seal_fragment(epoch, count, size, value);
    return value;
  }

  static Buffer payload_stream(uint32_t payload_size, uint32_t first = 0) {
    Buffer stream;
    for (uint32_t k = first; k < chunk_count(payload_size, 4096); ++k) {
      const Buffer page(chunk_true_size(payload_size, 4096, k), static_cast<uint8_t>(k + 1));
      ChunkHead head;
      head.encoded_size = static_cast<uint16_t>(page.size());
      stream.resize(stream.size() + 4);
      encode_chunk_head(head, stream.data() + stream.size() - 4);
      stream.insert(stream.end(), page.begin(), page.end());
      const uint32_t crc = chunk_crc(kPackage, k, page);
      for (int i = 0; i < 4; ++i) stream.push_back(static_cast<uint8_t>(crc >> (8 * i)));
    }
    return stream;
  }

  ControlResult control(const Frame& frame, uint16_t conn = kHost) {
    return receiver.handle_control(conn, frame.bytes());
  }

  // The next frame that goes out, taken by the stack; empty when there is none.
  Buffer frame_out(uint16_t* conn = nullptr) {
    const Asked action = ask(receiver, now);
    if (action.kind != Kind::kSend) return {};
    const Buffer bytes(action.bytes.begin(), action.bytes.end());
    if (conn != nullptr) *conn = action.conn;
    EXPECT_TRUE(receiver.sent(true).ok());
    return bytes;
  }

  MessageType type_out(uint16_t* conn = nullptr) { return static_cast<MessageType>(message_type(frame_out(conn))); }

  void reach_manifest() {
    ASSERT_EQ(control(encode(offer())), ControlResult::kTaken);
    for (uint32_t n = 0; n < 2; ++n) ASSERT_TRUE(receiver.handle_data(kHost, fragment(100, n, manifest)));
    ASSERT_EQ(receiver.poll(now), Kind::kDecideManifest);
  }

  void reach_payload() {
    reach_manifest();
    ASSERT_TRUE(receiver.accept(0).ok());
    ASSERT_EQ(type_out(), MessageType::kAccept);
  }

  void program_all() {
    while (receiver.poll(now) == Kind::kProgram) ASSERT_TRUE(receiver.programmed().ok());
  }

  std::array<uint64_t, 512> ring_{};
  const ReceiverConfig config;
  Receiver receiver;
  Buffer manifest = Buffer(300, 0x33);
  Buffer stream = payload_stream(5000);
  uint32_t now = 50;
};

TEST_F(ReceiverTest, TakesAManifestThatIsHereBeforeAnybodyPolls) {
  reach_manifest();
  const Asked action = ask(receiver, now);
  EXPECT_EQ(Buffer(action.bytes.begin(), action.bytes.end()), manifest);
  EXPECT_EQ(action.offer.package_id, kPackage);
}

TEST_F(ReceiverTest, GivesTheSameActionUntilAnswered) {
  reach_manifest();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(receiver.poll(now), Kind::kDecideManifest);
  ASSERT_TRUE(receiver.accept(0).ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(receiver.poll(now), Kind::kSend);
  ASSERT_TRUE(receiver.sent(false).ok());
  EXPECT_EQ(receiver.poll(now), Kind::kNone) << "a full stack is left alone for a while";
  now += 5;
  EXPECT_EQ(receiver.poll(now), Kind::kSend);
}

TEST_F(ReceiverTest, RefusesControlWhileNotificationsAreOff) {
  receiver.handle_subscribed(kHost, false);
  EXPECT_EQ(control(encode(offer())), ControlResult::kNotificationsOff);
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
}

TEST_F(ReceiverTest, RefusesEmptyAndLongControlAndUnknownConnections) {
  EXPECT_EQ(receiver.handle_control(kHost, Bytes()), ControlResult::kTooLong);
  EXPECT_EQ(receiver.handle_control(kHost, Buffer(21)), ControlResult::kTooLong);
  EXPECT_EQ(receiver.handle_control(99, Buffer(5)), ControlResult::kUnknownConnection);
}

TEST_F(ReceiverTest, KeepsRoomInTheMailboxForOtherConnections) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(control(encode(Query())), ControlResult::kTaken);
  EXPECT_EQ(control(encode(Query())), ControlResult::kFull);
  EXPECT_EQ(control(encode(Query()), kStranger), ControlResult::kTaken);
  EXPECT_EQ(control(encode(Query()), kStranger), ControlResult::kFull);
  receiver.poll(1);
  EXPECT_EQ(control(encode(Query())), ControlResult::kTaken);
}

TEST_F(ReceiverTest, ServesFourConnectionsAndNoFifth) {
  for (uint16_t conn = 20; conn < 23; ++conn) {
    receiver.handle_connect(conn, 23);
    receiver.handle_subscribed(conn, true);
  }
  EXPECT_EQ(receiver.handle_control(21, Buffer(5)), ControlResult::kTaken);
  EXPECT_EQ(receiver.handle_control(22, Buffer(5)), ControlResult::kUnknownConnection);
}

TEST_F(ReceiverTest, NamesWhatItDoesNotKnow) {
  receiver.handle_control(kHost, Buffer{0x77, 1, 2});
  const Result<Unknown> unknown = decode_unknown(frame_out());
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown.value().about, 0x77);
  EXPECT_EQ(unknown.value().reason, Reason::kUnknownMessage);
}

TEST_F(ReceiverTest, NamesWhatIsMalformed) {
  for (const int type : {0x01, 0x02, 0x10, 0x14}) {
    receiver.handle_control(kHost, Buffer{static_cast<uint8_t>(type), 1});
    const Result<Unknown> unknown = decode_unknown(frame_out());
    ASSERT_TRUE(unknown.ok());
    EXPECT_EQ(unknown.value().reason, Reason::kMalformedMessage);
  }
}

TEST_F(ReceiverTest, RefusesAnOfferOfAnotherVersionAndSaysItsOwn) {
  Frame frame = encode(offer());
  frame.data[1] = 9;
  control(frame);
  const Result<Reject> reject = decode_reject(frame_out());
  ASSERT_TRUE(reject.ok());
  EXPECT_EQ(reject.value().reason, Reason::kProtocolVersion);
  EXPECT_EQ(reject.value().detail, kProtocolVersion);
  EXPECT_EQ(reject.value().epoch, 100);
}

TEST_F(ReceiverTest, RefusesEpochsOfTheLastTransfer) {
  reach_payload();
  receiver.handle_disconnect(kHost);
  ASSERT_EQ(receiver.poll(now), Kind::kAbandoned);
  ASSERT_TRUE(receiver.abandoned().ok());
  receiver.handle_connect(kHost, 247);
  receiver.handle_subscribed(kHost, true);
  for (const int epoch : {99, 100, 101}) {
    control(encode(offer(static_cast<uint16_t>(epoch))));
    const Result<Reject> reject = decode_reject(frame_out());
    ASSERT_TRUE(reject.ok()) << epoch;
    EXPECT_EQ(reject.value().reason, Reason::kEpochReused);
  }
  control(encode(offer(102)));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_EQ(receiver.state(), ReceiverState::kAwaitManifest);
}

TEST_F(ReceiverTest, RefusesFragmentSizesManifestsAndPayloadsOutOfRange) {
  Offer o = offer();
  o.fragment_payload = 15;
  control(encode(o));
  EXPECT_EQ(decode_reject(frame_out()).value().reason, Reason::kFragmentSize);
  o.fragment_payload = 492;
  control(encode(o));
  EXPECT_EQ(decode_reject(frame_out()).value().reason, Reason::kFragmentSize);
  o = offer();
  o.manifest_size = 1025;
  control(encode(o));
  EXPECT_EQ(decode_reject(frame_out()).value().reason, Reason::kManifestTooLarge);
  o = offer();
  receiver.admit(o.payload_size - 1);
  control(encode(o));
  const Reject too_large = decode_reject(frame_out()).value();
  EXPECT_EQ(too_large.reason, Reason::kDoesNotFit);
  EXPECT_EQ(too_large.detail, 4);  // KiB
  EXPECT_EQ(receiver.state(), ReceiverState::kIdle);
}

TEST(Receiver, RefusesMoreChunksThanItCounts) {
  std::array<uint64_t, 512> ring{};
  const ReceiverConfig config = config_on(ring);
  PageShape page = page_shape();
  page.chunk_bytes = 256;
  for (const uint32_t chunks : {0xFFFEu, 0xFFFFu}) {
    Receiver receiver(config, page);
    receiver.admit(UINT32_MAX);
    receiver.handle_connect(kHost, 247);
    receiver.handle_subscribed(kHost, true);
    Offer o;
    o.manifest_size = 300;
    o.payload_size = chunks * 256;
    o.fragment_payload = 240;
    ASSERT_EQ(receiver.handle_control(kHost, encode(o).bytes()), ControlResult::kTaken);
    const Asked action = ask(receiver, 0);
    if (chunks == 0xFFFE) {
      EXPECT_EQ(receiver.state(), ReceiverState::kAwaitManifest);
    } else {
      EXPECT_EQ(decode_reject(action.bytes).value().reason, Reason::kDoesNotFit);
    }
  }
}

TEST_F(ReceiverTest, TellsASecondCentralThatItIsBusyAndGoesOn) {
  reach_payload();
  uint16_t conn = 0;
  control(encode(offer(500)), kStranger);
  const Result<Busy> busy = decode_busy(frame_out(&conn));
  ASSERT_TRUE(busy.ok());
  EXPECT_EQ(conn, kStranger);
  EXPECT_EQ(busy.value().tag, 500);
  Request abort;
  abort.type = MessageType::kAbort;
  control(encode(abort), kStranger);
  EXPECT_EQ(type_out(&conn), MessageType::kBusy);
  control(encode(Query{101, 0}), kStranger);
  EXPECT_EQ(decode_failed(frame_out(&conn)).value().reason, Reason::kNoTransfer);
  EXPECT_FALSE(receiver.handle_data(kStranger, fragment(101, 0, stream))) << "the right bytes from the wrong host";
  receiver.handle_disconnect(kStranger);
  EXPECT_TRUE(receiver.handle_data(kHost, fragment(101, 0, stream)));
  EXPECT_EQ(receiver.poll(now), Kind::kProgram);
}

TEST_F(ReceiverTest, IsNotFloodedByASecondCentral) {
  reach_payload();
  int taken = 0;
  while (receiver.handle_control(kStranger, Buffer{0x77}) == ControlResult::kTaken) ++taken;
  EXPECT_LT(taken, 8);
  EXPECT_EQ(control(encode(Query{101, 0xFFFF})), ControlResult::kTaken);
}

TEST_F(ReceiverTest, TakesTheSameOfferTwiceAsOne) {
  reach_payload();
  control(encode(offer()));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_EQ(receiver.state(), ReceiverState::kAwaitChunk);
}

TEST_F(ReceiverTest, LetsNoFragmentOfAnEarlierStreamIn) {
  reach_payload();
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(100, 0, stream))) << "the manifest's epoch";
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(102, 0, stream))) << "an epoch to come";
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(101, 0, Bytes(stream).first(100)))) << "a short one";
  EXPECT_TRUE(receiver.handle_data(kHost, fragment(101, 0, stream)));
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(101, 0, stream))) << "twice";
}

TEST_F(ReceiverTest, LetsNoFragmentOfAnEarlierConnectionIn) {
  reach_payload();
  receiver.handle_disconnect(kHost);
  receiver.handle_connect(kHost, 247);  // the same handle, before anybody polled
  receiver.handle_subscribed(kHost, true);
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(101, 0, stream)));
  EXPECT_EQ(ask(receiver, now).reason, Reason::kLinkLost);
}

TEST_F(ReceiverTest, LetsNoFlippedBitIn) {
  reach_payload();
  const Buffer good = fragment(101, 0, stream);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Buffer bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    ASSERT_FALSE(receiver.handle_data(kHost, bad)) << bit;
  }
  EXPECT_TRUE(receiver.handle_data(kHost, good));
}

TEST_F(ReceiverTest, TakesFragmentsInAnyOrder) {
  reach_payload();
  const uint32_t first = 8;
  for (uint32_t n = first; n-- > 0;) ASSERT_TRUE(receiver.handle_data(kHost, fragment(101, n, stream))) << n;
  program_all();
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
}

TEST_F(ReceiverTest, TakesNothingTheRingHasNoRoomFor) {
  reach_payload();
  uint32_t n = 0;
  while (receiver.handle_data(kHost, fragment(101, n, stream))) ++n;
  EXPECT_EQ(n, 4096u / 240);
}

TEST_F(ReceiverTest, ReportsAHoleOnceThenAfterAQuietTime) {
  reach_payload();
  receiver.handle_data(kHost, fragment(101, 0, stream));
  receiver.handle_data(kHost, fragment(101, 2, stream));
  program_all();
  EXPECT_EQ(receiver.poll(now), Kind::kNone) << "it may merely have been overtaken";
  now += 10;
  const Result<Report> report = decode_report(frame_out());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report.value().next_wanted, 1);
  EXPECT_TRUE(report.value().has(1));
  EXPECT_FALSE(report.value().has(2));
  EXPECT_FALSE(report.value().asked);
  EXPECT_EQ(report.value().epoch_low, 101);
  now += 149;
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  now += 1;
  EXPECT_EQ(type_out(), MessageType::kReport);
}

TEST_F(ReceiverTest, AnswersAQueryWhenTheDataItOvertookIsHere) {
  reach_payload();
  control(encode(Query{101, 1}));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  receiver.handle_data(kHost, fragment(101, 0, stream));
  receiver.handle_data(kHost, fragment(101, 1, stream));
  const Result<Report> report = decode_report(frame_out());
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report.value().asked);
  EXPECT_EQ(report.value().next_wanted, 2);
}

TEST_F(ReceiverTest, AnswersAQueryAfterAShortWaitAnyway) {
  reach_payload();
  control(encode(Query{101, 5}));
  ASSERT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_EQ(receiver.next_deadline().at_ms, now + 30);
  now += 30;
  const Result<Report> report = decode_report(frame_out());
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report.value().next_wanted, 0);
}

TEST_F(ReceiverTest, AnswersAHostThatAsksAgainBeforeTheWaitIsOver) {
  reach_payload();
  for (uint32_t waited = 0; waited < 30; waited += 10, now += 10) {
    control(encode(Query{101, 5}));
    ASSERT_EQ(receiver.poll(now), Kind::kNone);
  }
  EXPECT_EQ(type_out(), MessageType::kReportAsked);
}

TEST_F(ReceiverTest, SaysTheAcceptAgainWhenAskedAboutTheOffersEpoch) {
  reach_payload();
  control(encode(Query{100, 1}));
  const Result<Accept> accept = decode_accept(frame_out());
  ASSERT_TRUE(accept.ok());
  EXPECT_EQ(accept.value().epoch, 101);
}

TEST_F(ReceiverTest, SaysARefusalAgainWhenAsked) {
  reach_manifest();
  ASSERT_TRUE(receiver.reject(Reason::kNotSigned).ok());
  EXPECT_EQ(type_out(), MessageType::kReject);
  control(encode(Query{100, 1}));
  EXPECT_EQ(decode_reject(frame_out()).value().reason, Reason::kNotSigned);
}

TEST_F(ReceiverTest, KnowsNoTransferAfterAReset) {
  control(encode(Query{100, 1}));
  const Result<Failed> failed = decode_failed(frame_out());
  ASSERT_TRUE(failed.ok());
  EXPECT_EQ(failed.value().reason, Reason::kNoTransfer);
  EXPECT_EQ(failed.value().epoch, 100);
}

TEST_F(ReceiverTest, RewindsWhenAPageDoesNotReadBack) {
  reach_payload();
  uint32_t n = 0;
  while (receiver.poll(now) != Kind::kCloseChunk) {
    while (receiver.handle_data(kHost, fragment(101, n, stream))) ++n;
    const Kind kind = receiver.poll(now);
    if (kind == Kind::kProgram) {
      ASSERT_TRUE(receiver.programmed().ok());
    } else if (kind == Kind::kSend) {
      ASSERT_TRUE(receiver.sent(true).ok());
    }
  }
  EXPECT_EQ(receiver.chunk_failed(1).error(), Error::kIllegal) << "not beyond the page that failed";
  ASSERT_TRUE(receiver.chunk_failed(0).ok());
  const Result<Rewind> rewind = decode_rewind(frame_out());
  ASSERT_TRUE(rewind.ok());
  EXPECT_EQ(rewind.value().epoch, 102);
  EXPECT_EQ(rewind.value().chunk, 0);
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(101, n, stream)));
  EXPECT_TRUE(receiver.handle_data(kHost, fragment(102, 0, stream)));
  control(encode(Query{101, 3}));
  EXPECT_EQ(receiver.poll(now), Kind::kSend);
  EXPECT_EQ(type_out(), MessageType::kRewind);
}

TEST_F(ReceiverTest, GivesUpOnACodecItDoesNotHave) {
  reach_payload();
  stream[2] = 1;
  receiver.handle_data(kHost, fragment(101, 0, stream));
  const Buffer frame = frame_out();
  EXPECT_EQ(decode_failed(frame).value().reason, Reason::kCodecUnsupported);
  EXPECT_EQ(receiver.poll(now), Kind::kAbandoned);
}

TEST_F(ReceiverTest, GivesUpAfterThreeHeadsThatMakeNoSense) {
  reach_payload();
  stream[0] ^= 1;
  for (uint16_t epoch = 101; epoch < 104; ++epoch) {
    ASSERT_TRUE(receiver.handle_data(kHost, fragment(epoch, 0, stream)));
    EXPECT_EQ(type_out(), epoch < 103 ? MessageType::kRewind : MessageType::kFailed);
  }
  const Asked action = ask(receiver, now);
  EXPECT_EQ(action.kind, Kind::kAbandoned);
  EXPECT_EQ(action.reason, Reason::kChunkMalformed);
}

TEST_F(ReceiverTest, PadsThePagesLastUnitWithTheErasedValue) {
  ASSERT_EQ(control(encode(offer(100, 3))), ControlResult::kTaken);
  for (uint32_t n = 0; n < 2; ++n) receiver.handle_data(kHost, fragment(100, n, manifest));
  receiver.poll(now);
  ASSERT_TRUE(receiver.accept(0).ok());
  frame_out();
  const Buffer small = payload_stream(3);
  ASSERT_TRUE(receiver.handle_data(kHost, fragment(101, 0, small)));
  const Asked action = ask(receiver, now);
  ASSERT_EQ(action.kind, Kind::kProgram);
  EXPECT_EQ(Buffer(action.bytes.begin(), action.bytes.end()), (Buffer{1, 1, 1, 0xFF}));
}

TEST_F(ReceiverTest, DoesARepeatedRequestOnce) {
  Request request;
  request.type = MessageType::kRollback;
  request.tag = 5;
  control(encode(request));
  control(encode(request));
  ASSERT_EQ(receiver.poll(now), Kind::kRequest);
  ASSERT_TRUE(receiver.answer_request(Cause(Reason::kNothingToReturnTo, 1)).ok());
  EXPECT_EQ(type_out(), MessageType::kAnswer);
  control(encode(request));
  const Result<Answer> again = decode_answer(frame_out());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().reason, Reason::kNothingToReturnTo);
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  request.tag = 6;
  control(encode(request));
  EXPECT_EQ(receiver.poll(now), Kind::kRequest);
}

TEST_F(ReceiverTest, IsBusyForOtherRequestsAndOffersMeanwhile) {
  Request request;
  request.tag = 1;
  control(encode(request));
  ASSERT_EQ(receiver.poll(now), Kind::kRequest);
  request.tag = 2;
  control(encode(request), kStranger);
  EXPECT_EQ(type_out(), MessageType::kBusy);
  control(encode(offer()));
  EXPECT_EQ(type_out(), MessageType::kBusy);
  ASSERT_TRUE(receiver.answer_request(Reason::kOk).ok());
  EXPECT_EQ(type_out(), MessageType::kAnswer);
  control(encode(offer()));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_EQ(receiver.state(), ReceiverState::kAwaitManifest);
}

TEST_F(ReceiverTest, EndsTheTransferWhenItsHostAborts) {
  reach_payload();
  Request abort;
  abort.type = MessageType::kAbort;
  control(encode(abort));
  ASSERT_EQ(receiver.poll(now), Kind::kRequest);
  ASSERT_TRUE(receiver.give_up(Reason::kAskedByHost).ok());
  ASSERT_TRUE(receiver.answer_request(Reason::kOk).ok());
  const Buffer first = frame_out();
  const Buffer second = frame_out();
  EXPECT_TRUE(decode_failed(first).ok());
  EXPECT_TRUE(decode_answer(second).ok());
  EXPECT_EQ(ask(receiver, now).reason, Reason::kAskedByHost);
  ASSERT_TRUE(receiver.abandoned().ok());
  EXPECT_FALSE(receiver.transfer_open());
}

TEST_F(ReceiverTest, VerifiesOnWithoutTheHostOnceAllIsHere) {
  reach_manifest();
  ASSERT_TRUE(receiver.accept(2).ok());
  receiver.handle_disconnect(kHost);
  ASSERT_EQ(receiver.poll(now), Kind::kPayloadComplete);
  ASSERT_TRUE(receiver.stored().ok());
  ASSERT_EQ(receiver.poll(now), Kind::kVerify);
  ASSERT_TRUE(receiver.verified().ok());
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
}

// The digest goes on without the host; a query whose wait ends meanwhile is nobody's, whoever has the slot now.
TEST_F(ReceiverTest, ReportsToNobodyElseWhenTheHostHasGone) {
  reach_manifest();
  ASSERT_TRUE(receiver.accept(2).ok());
  ASSERT_EQ(type_out(), MessageType::kAccept);
  control(encode(Query{101, 50}));
  ASSERT_EQ(receiver.poll(now), Kind::kPayloadComplete);
  receiver.handle_disconnect(kHost);
  receiver.handle_connect(kHost + 2, 247);
  now += config.query_wait_ms;
  EXPECT_EQ(receiver.poll(now), Kind::kPayloadComplete);
}

// Connections are told apart by a number of 14 bits that grows with each.
TEST_F(ReceiverTest, ForgetsAConnectionsAnswerWithTheConnection) {
  const auto activates = [this] {
    Request request;
    request.type = MessageType::kActivate;
    request.tag = 1;
    control(encode(request));
    return receiver.poll(now);
  };
  ASSERT_EQ(activates(), Kind::kRequest);
  ASSERT_TRUE(receiver.answer_request(Reason::kOk).ok());
  ASSERT_EQ(type_out(), MessageType::kAnswer);
  for (int i = 0; i < 1 << 14; ++i) {
    receiver.handle_disconnect(kHost);
    EXPECT_EQ(receiver.poll(now), Kind::kNone);
    receiver.handle_connect(kHost, 247);
  }
  receiver.handle_subscribed(kHost, true);
  EXPECT_EQ(activates(), Kind::kRequest);
}

TEST_F(ReceiverTest, LendsItsRingAndIsBusyMeanwhile) {
  ASSERT_TRUE(receiver.lend_ring().ok());
  const MutableBytes ring = receiver.scratch();
  std::fill(ring.begin(), ring.end(), uint8_t{0xEE});
  control(encode(offer()));
  EXPECT_FALSE(receiver.handle_data(kHost, fragment(100, 0, manifest)));
  EXPECT_EQ(type_out(), MessageType::kBusy);
  EXPECT_EQ(ring[0], 0xEE);
  EXPECT_EQ(receiver.lend_ring().error(), Error::kIllegal);
  ASSERT_TRUE(receiver.return_ring().ok());
  control(encode(offer()));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_EQ(receiver.state(), ReceiverState::kAwaitManifest);
  EXPECT_EQ(receiver.lend_ring().error(), Error::kIllegal);
}

TEST_F(ReceiverTest, TellsEverySubscribedHostAboutTheModel) {
  receiver.notify_state(MessageType::kActive, kPackage);
  receiver.notify_state(MessageType::kRolledBack, kPackage, Cause(Reason::kSelfTestFailed, 2));
  uint16_t first = 0;
  uint16_t second = 0;
  const Result<StateChange> change = decode_state_change(frame_out(&first));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change.value().type, MessageType::kRolledBack);
  EXPECT_EQ(change.value().reason, Reason::kSelfTestFailed);
  EXPECT_EQ(type_out(&second), MessageType::kRolledBack);
  EXPECT_NE(first, second);
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
}

TEST_F(ReceiverTest, IsNotHeldUpByAHostThatTakesNoNotifications) {
  reach_payload();
  control(encode(offer(500)), kStranger);
  uint16_t conn = 0;
  ASSERT_EQ(receiver.poll(now), Kind::kSend);
  ASSERT_TRUE(receiver.sent(false).ok());
  control(encode(Query{101, 0xFFFF}));
  receiver.poll(now);
  now += 30;  // the stranger's stack stays full
  const Buffer frame = frame_out(&conn);
  EXPECT_EQ(conn, kHost);
  EXPECT_TRUE(decode_report(frame).ok());
}

// The one that is tried first refuses for good; the other one did so once.
TEST_F(ReceiverTest, TriesEachAgainWhoseStackWasFull) {
  control(encode(Query{7, 0xFFFF}));
  control(encode(Query{7, 0xFFFF}), kStranger);
  uint16_t refused_by_stranger = 0;
  for (int i = 0; i < 20; ++i, ++now) {
    for (Asked action = ask(receiver, now); action.kind == Kind::kSend; action = ask(receiver, now)) {
      const bool taken = action.conn == kStranger && refused_by_stranger++ > 0;
      ASSERT_TRUE(receiver.sent(taken).ok());
    }
  }
  EXPECT_EQ(refused_by_stranger, 2);
}

TEST_F(ReceiverTest, ResumesAtTheChunkTheApplicationNames) {
  reach_manifest();
  EXPECT_EQ(receiver.accept(3).error(), Error::kIllegal);
  ASSERT_TRUE(receiver.accept(1).ok());
  EXPECT_EQ(decode_accept(frame_out()).value().resume_chunk, 1);
  const Buffer rest = payload_stream(5000, 1);
  for (uint32_t n = 0; n * 240 < rest.size(); ++n) ASSERT_TRUE(receiver.handle_data(kHost, fragment(101, n, rest)));
  program_all();
  const Asked action = ask(receiver, now);
  ASSERT_EQ(action.kind, Kind::kCloseChunk);
  EXPECT_EQ(action.chunk, 1);
  EXPECT_EQ(action.true_size, 5000 - 4096);
  EXPECT_EQ(receiver.chunk_durable(3).error(), Error::kIllegal);
  EXPECT_EQ(receiver.chunk_durable(0).error(), Error::kIllegal) << "durable never goes back";
  ASSERT_TRUE(receiver.chunk_durable(2).ok());
  EXPECT_EQ(receiver.poll(now), Kind::kPayloadComplete);
}

TEST_F(ReceiverTest, WantsToBePolledWhenTheApplicationHasSomethingToSay) {
  ASSERT_EQ(control(encode(Request{MessageType::kRollback, 7})), ControlResult::kTaken);
  ASSERT_EQ(receiver.poll(now), Kind::kRequest);
  ASSERT_TRUE(receiver.answer_request(Reason::kOk).ok());
  EXPECT_TRUE(receiver.next_deadline().any);
  EXPECT_EQ(type_out(), MessageType::kAnswer);
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_FALSE(receiver.next_deadline().any);
  receiver.notify_state(MessageType::kActive, kPackage);
  EXPECT_TRUE(receiver.next_deadline().any);
  EXPECT_EQ(type_out(), MessageType::kActive);
  EXPECT_EQ(type_out(), MessageType::kActive) << "to the stranger";
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  EXPECT_FALSE(receiver.next_deadline().any);
}

// The hole is due in the same poll that gives the host up.
TEST_F(ReceiverTest, ReportsNothingOfATransferThatIsGivenUp) {
  reach_payload();
  ASSERT_TRUE(receiver.handle_data(kHost, fragment(101, 1, stream)));
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  now += 15000;
  EXPECT_EQ(type_out(), MessageType::kFailed);
  EXPECT_EQ(ask(receiver, now).kind, Kind::kAbandoned);
}

TEST_F(ReceiverTest, SurvivesTheClocksWrap) {
  now = 0xFFFFFFF0;
  reach_payload();
  now += 14999;
  EXPECT_EQ(receiver.poll(now), Kind::kNone);
  now += 1;
  frame_out();
  EXPECT_EQ(ask(receiver, now).reason, Reason::kHostSilent);
}

}  // namespace
}  // namespace roost::protocol
