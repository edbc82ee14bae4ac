// Proves the D-Bus layer on a bus of its own: values travel both ways unchanged, pending calls end once or not at
// all, signals reach those who match, exported objects answer wrong calls with typed errors, and a bus that dies is
// heard of and kills nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/dbus/object_server.h"
#include "tests/bluez/private_bus.h"

namespace roost::host::dbus {
namespace {

constexpr char kName[] = "org.roost.Test";
constexpr char kPath[] = "/org/roost/test";
constexpr char kInterface[] = "org.roost.Test1";

class DbusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    server_ = Connection::open(loop_, bus_.address(), &error);
    ASSERT_TRUE(server_) << error;
    client_ = Connection::open(loop_, bus_.address(), &error);
    ASSERT_TRUE(client_) << error;
  }
  int run() {
    auto guard = loop_.after(5000, [this] { loop_.stop(99); });
    return loop_.run();
  }
  Message call_to(const std::string& member, const std::string& interface = kInterface) {
    return Message::call(server_->unique_name(), kPath, interface, member);
  }

  Loop loop_;
  test::PrivateBus bus_;
  std::unique_ptr<Connection> server_, client_;
};

Dict sample() {
  return {{"flag", true},
          {"byte", uint8_t{7}},
          {"short", int16_t{-70}},
          {"word", uint16_t{517}},
          {"long", uint64_t{1} << 40},
          {"real", 1.5},
          {"text", std::string("grüß")},
          {"path", ObjectPath("/a/b")},
          {"bytes", ByteString{1, 2, 3}},
          {"no bytes", ByteString{}},
          {"texts", std::vector<std::string>{"a", "b"}},
          {"paths", std::vector<ObjectPath>{ObjectPath("/x")}},
          {"inner", Dict{{"deep", uint32_t{9}}}}};
}

TEST_F(DbusTest, CarriesEveryTypeBothWays) {
  ObjectServer objects(*server_, kPath);
  Dict seen;
  objects.add(kPath, {{.name = kInterface,
                       .methods = {{"Echo", {{"values", "a{sv}"}}, {{"values", "a{sv}"}}, [&](MethodCall call) {
                                      ASSERT_TRUE(call.message().read(&seen));
                                      call.reply(seen);
                                    }}}}});
  Dict returned;
  PendingCall pending = client_->call(call_to("Echo").append(sample()), 1000, [&](const Message& reply) {
    EXPECT_TRUE(reply.read(&returned)) << reply.error_text();
    loop_.stop(0);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(seen, sample());
  EXPECT_EQ(returned, sample());
}

TEST_F(DbusTest, AnswersWrongCallsWithTypedErrors) {
  ObjectServer objects(*server_, kPath);
  objects.add(kPath, {{.name = kInterface,
                       .methods = {{"Take", {{"count", "u"}}, {}, [](MethodCall call) { call.reply(); }},
                                   {"Drop", {}, {}, [](MethodCall) {}}},
                       .properties = {{"Fixed", "u", [] { return Value(uint32_t{1}); }}}}});
  const std::string properties = "org.freedesktop.DBus.Properties";
  std::vector<Message> calls;
  calls.push_back(call_to("Take").append("one"));
  calls.push_back(call_to("Missing"));
  calls.push_back(call_to("Drop"));
  calls.push_back(call_to("Get", properties).append(kInterface, "Nothing"));
  calls.push_back(call_to("Get", properties).append("org.roost.Other1", "Fixed"));
  calls.push_back(call_to("Set", properties).append(kInterface, "Fixed", Value(uint32_t{2})));
  calls.push_back(call_to("Get", properties).append(uint32_t{3}));
  std::vector<std::string> errors;
  std::vector<PendingCall> pending;
  for (const Message& message : calls) {
    pending.push_back(client_->call(message, 1000, [&](const Message& reply) {
      errors.push_back(reply.error_name());
      if (errors.size() == calls.size()) loop_.stop(0);
    }));
  }
  EXPECT_EQ(run(), 0);
  const std::string prefix = "org.freedesktop.DBus.Error.";
  EXPECT_THAT(errors, ::testing::ElementsAre(prefix + "InvalidArgs", prefix + "UnknownMethod", prefix + "Failed",
                                             prefix + "UnknownProperty", prefix + "UnknownInterface",
                                             prefix + "PropertyReadOnly", prefix + "InvalidArgs"));
}

TEST_F(DbusTest, ForgetsTheReplyOfADroppedCall) {
  ObjectServer objects(*server_, kPath);
  objects.add(kPath, {{.name = kInterface, .methods = {{"Ask", {}, {}, [](MethodCall call) { call.reply(); }}}}});
  bool answered = false;
  {
    PendingCall dropped = client_->call(call_to("Ask"), 1000, [&](const Message&) { answered = true; });
  }
  PendingCall kept = client_->call(call_to("Ask"), 1000, [&](const Message&) { loop_.stop(0); });
  EXPECT_EQ(run(), 0);
  EXPECT_FALSE(answered);
}

TEST_F(DbusTest, EndsACallThatNobodyAnswersAfterItsTimeout) {
  Export silent = server_->serve(kPath, [](const Message&) {});
  const uint32_t began_ms = Loop::now_ms();
  std::string error;
  PendingCall pending = client_->call(call_to("Ask"), 100, [&](const Message& reply) {
    error = reply.error_name();
    loop_.stop(0);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(error, "org.freedesktop.DBus.Error.NoReply");
  EXPECT_LT(Loop::now_ms() - began_ms, 1000u);
}

TEST_F(DbusTest, GivesSignalsToThoseWhoMatchAndToNobodyElse) {
  std::vector<std::string> heard;
  Match other = client_->match({.interface = kInterface, .member = "Other"}, [&](const Message&) { FAIL(); });
  Match beside = client_->match({.path_namespace = "/org/roost/tes"}, [&](const Message&) { FAIL(); });
  Match below = client_->match({.path_namespace = "/org/roost", .arg0 = "b"},
                               [&](const Message&) { heard.push_back("below b"); });
  Match all;
  all = client_->match({.interface = kInterface}, [&](const Message& signal) {
    std::string text;
    ASSERT_TRUE(signal.read(&text));
    heard.push_back(text);
    if (text == "b") all.cancel();  // from inside its own handler: "c" is not heard
    if (text == "b") server_->send(Message::signal(kPath, "org.roost.End1", "End"));
  });
  Match end = client_->match({.interface = "org.roost.End1"}, [&](const Message&) { loop_.stop(0); });
  // The subscriptions travel on the client's connection; a round trip on it says they are in force.
  PendingCall ready = client_->call(Message::call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetId"),
                                    1000, [&](const Message&) {
                                      for (const char* text : {"a", "b", "c"}) {
                                        server_->send(Message::signal(kPath, kInterface, "Tell").append(text));
                                      }
                                    });
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(heard, ::testing::ElementsAre("a", "below b", "b"));
}

TEST_F(DbusTest, AnnouncesObjectsAndTheirProperties) {
  ObjectServer objects(*server_, kPath);
  uint32_t count = 1;
  std::vector<std::string> heard;
  Match match = client_->match({.path_namespace = kPath}, [&](const Message& signal) {
    heard.push_back(signal.member());
    if (heard.size() == 3) loop_.stop(0);
  });
  Objects managed;
  const std::string child = std::string(kPath) + "/thing0";
  PendingCall pending =
      client_->call(call_to("GetManagedObjects", "org.freedesktop.DBus.ObjectManager"), 1000, [&](const Message&) {
        objects.add(child, {{.name = kInterface, .properties = {{"Count", "u", [&] { return Value(count); }}}}});
        EXPECT_FALSE(objects.add(child, {}));
        objects.changed(child, kInterface, {"Count"});
        pending = client_->call(call_to("GetManagedObjects", "org.freedesktop.DBus.ObjectManager"), 1000,
                                [&](const Message& reply) {
                                  EXPECT_TRUE(reply.read(&managed));
                                  objects.remove(child);
                                });
      });
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(heard, ::testing::ElementsAre("InterfacesAdded", "PropertiesChanged", "InterfacesRemoved"));
  ASSERT_EQ(managed.count(ObjectPath(child)), 1u);
  EXPECT_EQ(get<uint32_t>(managed[ObjectPath(child)][kInterface], "Count"), 1u);
}

TEST_F(DbusTest, SaysThatTheBusDiedAndFailsCallsAfterwards) {
  bool lost = false;
  std::string error;
  PendingCall pending;
  client_->on_lost([&] {
    lost = true;
    pending = client_->call(call_to("Ask"), 1000, [&](const Message& reply) {
      error = reply.error_name();
      loop_.stop(0);
    });
    EXPECT_TRUE(error.empty());  // told from the loop, not from inside call()
  });
  auto soon = loop_.after(10, [&] { bus_.stop(); });
  EXPECT_EQ(run(), 0);
  EXPECT_TRUE(lost);
  EXPECT_EQ(error, "org.freedesktop.DBus.Error.Disconnected");
}

TEST_F(DbusTest, NamesTheBusThatIsNotThere) {
  std::string error;
  EXPECT_FALSE(Connection::open(loop_, "unix:path=/nonexistent", &error));
  EXPECT_THAT(error, ::testing::HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace roost::host::dbus
