// Proves that both machines are exactly the tables drawn in protocol/SPEC.md: every state x every input is looked
// up in the page's text and in the code. Then that the receiver itself refuses, unchanged, each answer that its
// state does not ask for.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/protocol/simulation.h"

namespace roost::protocol::test {
namespace {

const std::vector<std::string> kReceiverStates = {"kIdle",
                                                  "kLent",
                                                  "kAwaitManifest",
                                                  "kAwaitChunk",

                                                  "kWantManifestAnswer",
                                                  "kWantProgrammed",
                                                  "kWantChunkClosed",
                                                  "kWantStored",
                                                  "kWantVerified",
                                                  "kWantAbandoned"};
const std::vector<std::string> kReceiverInputs = {
    "kOffer",      "kManifestHere", "kAccepted",      "kManifestRefused", "kUnitsHere",
    "kProgrammed", "kChunkHere",    "kChunkDurable",  "kPayloadDurable",  "kRewound",
    "kStored",     "kVerified",     "kPayloadFailed", "kGiveUp",          "kAbandoned",
    "kLend",       "kReturn"};
const std::vector<std::string> kSenderStates = {"kAwaitInfo",   "kWantOffer",     "kAwaitVerdict",
                                                "kAwaitStored", "kAwaitVerified", "kDone"};
const std::vector<std::string> kSenderInputs = {
    "kInfo",   "kOfferWritten", "kAccept", "kReject",     "kReport",     "kRewind",  "kStored", "kVerified",
    "kFailed", "kNoTransfer",   "kBusy",   "kOfferAgain", "kDisconnect", "kTimeout", "kCancel"};

using Table = std::map<std::pair<std::string, std::string>, std::string>;

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// The rows between "<!-- NAME table -->" and "<!-- end -->".
Table table_of_spec(const std::string& name, const std::vector<std::string>& states) {
  std::ifstream file(ROOST_SPEC);
  EXPECT_TRUE(file.is_open()) << ROOST_SPEC;
  Table table;
  std::string line;
  while (std::getline(file, line) && line != "<!-- " + name + " table -->") {
  }
  while (std::getline(file, line) && line != "<!-- end -->") {
    std::istringstream cells(line);
    std::string nothing, state, input, next;
    std::getline(cells, nothing, '|');
    std::getline(cells, state, '|');
    std::getline(cells, input, '|');
    std::getline(cells, next, '|');
    if (trimmed(state) == "any but kDone") {
      for (const std::string& each : states) {
        if (each != "kDone") table[{each, trimmed(input)}] = trimmed(next);
      }
    } else {
      table[{trimmed(state), trimmed(input)}] = trimmed(next);
    }
  }
  return table;
}

template <typename State, typename Input, typename Next>
void compare(const std::string& name, const std::vector<std::string>& states,
             const std::vector<std::string>& inputs, Next next_of) {
  const Table spec = table_of_spec(name, states);
  size_t legal = 0;
  for (size_t s = 0; s < states.size(); ++s) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      State next = static_cast<State>(s);
      const auto row = spec.find({states[s], inputs[i]});
      const bool ok = next_of(static_cast<State>(s), static_cast<Input>(i), &next);
      ASSERT_EQ(ok, row != spec.end()) << states[s] << " x " << inputs[i];
      if (!ok) {
        ASSERT_EQ(next, static_cast<State>(s)) << "an illegal input changed the state";
        continue;
      }
      ++legal;
      ASSERT_EQ(states[static_cast<size_t>(next)], row->second) << states[s] << " x " << inputs[i];
    }
  }
  EXPECT_GT(legal, 15u);
}

TEST(Table, OfTheReceiverIsTheOneInTheSpec) {
  ASSERT_EQ(kReceiverStates.size(), kReceiverStateCount);
  ASSERT_EQ(kReceiverInputs.size(), kReceiverInputCount);
  compare<ReceiverState, ReceiverInput>("receiver", kReceiverStates, kReceiverInputs, receiver_next);
}

TEST(Table, OfTheSenderIsTheOneInTheSpec) {
  ASSERT_EQ(kSenderStates.size(), kSenderStateCount);
  ASSERT_EQ(kSenderInputs.size(), kSenderInputCount);
  compare<SenderState, SenderInput>("sender", kSenderStates, kSenderInputs, sender_next);
}

// The answer methods, and the states they belong to.
struct AnswerCase {
  const char* name;
  Status (*call)(Receiver&);
  std::vector<ReceiverState> legal_in;
};

const std::vector<AnswerCase>& answer_cases() {
  using S = ReceiverState;
  static const std::vector<AnswerCase> cases = {
      {"accept", [](Receiver& r) { return r.accept(0); }, {S::kWantManifestAnswer}},
      {"reject", [](Receiver& r) { return r.reject(Reason::kNotSigned); }, {S::kWantManifestAnswer}},
      {"programmed", [](Receiver& r) { return r.programmed(); }, {S::kWantProgrammed}},
      {"chunk_durable", [](Receiver& r) { return r.chunk_durable(0); }, {S::kWantChunkClosed}},
      {"chunk_failed", [](Receiver& r) { return r.chunk_failed(0); }, {S::kWantChunkClosed, S::kWantProgrammed}},
      {"stored", [](Receiver& r) { return r.stored(); }, {S::kWantStored}},
      {"verified", [](Receiver& r) { return r.verified(); }, {S::kWantVerified}},
      {"payload_failed",
       [](Receiver& r) { return r.payload_failed(Reason::kDigestMismatch); },
       {S::kWantStored, S::kWantVerified}},
      {"abandoned", [](Receiver& r) { return r.abandoned(); }, {S::kWantAbandoned}},
      {"return_ring", [](Receiver& r) { return r.return_ring(); }, {S::kLent}},
      {"answer_request", [](Receiver& r) { return r.answer_request(Reason::kOk); }, {}},
  };
  return cases;
}

// In each state on a whole transfer's way, every answer that is not asked for is refused and changes nothing.
TEST(Table, TheReceiverRefusesEveryAnswerThatIsNotAskedFor) {
  World world(Geometry{}, Faults{}, 3, 9000);
  std::map<ReceiverState, int> visited;
  const auto probe = [&] {
    Receiver& receiver = *world.device.receiver;
    const ReceiverState state = receiver.state();
    ++visited[state];
    for (const AnswerCase& c : answer_cases()) {
      if (std::find(c.legal_in.begin(), c.legal_in.end(), state) != c.legal_in.end()) continue;
      EXPECT_EQ(c.call(receiver).error(), Error::kIllegal) << c.name << " in " << static_cast<int>(state);
      EXPECT_EQ(receiver.state(), state) << c.name;
    }
  };
  world.before_answer = probe;
  ASSERT_TRUE(world.run_until([&] {
    probe();
    return world.sender->state() == SenderState::kDone;
  }));
  world.expect_delivered();
  ASSERT_TRUE(world.device.receiver->lend_ring().ok());
  probe();
  ASSERT_TRUE(world.device.receiver->return_ring().ok());
  world.disconnect();
  world.connect();
  world.device.durable = 0;
  world.run_until([&] { return world.device.durable == 1; });
  ASSERT_TRUE(world.device.receiver->give_up(Reason::kAskedByApplication).ok());
  probe();
  EXPECT_EQ(visited.count(ReceiverState::kWantAbandoned), 1u);
  EXPECT_GE(visited.size(), 9u) << "the walk missed states";
}

}  // namespace
}  // namespace roost::protocol::test
