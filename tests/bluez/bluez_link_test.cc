// Proves that BluezLink gets through whatever bluetoothd may do, or says in a sentence why not: every error reply,
// slow and missing replies, signals in an odd order, objects that vanish, bluetoothd restarting. The double of
// org.bluez stands in for bluetoothd; tests/system does the same with the real one.
#include "host/bluez/bluez_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "host/bluez/pairing.h"
#include "host/bluez/scan.h"
#include "tests/bluez/bluez_double.h"
#include "tests/bluez/echo_device.h"
#include "tests/bluez/private_bus.h"

namespace roost::host {
namespace {

using bluez::Target;
using test::BluezDouble;
using test::EchoDevice;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAddress[] = "C0:FF:EE:00:00:01";
constexpr char kOther[] = "C0:FF:EE:00:00:02";

class BluezLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    bus_ = dbus::Connection::open(loop_, private_bus_.address(), &error);
    ASSERT_TRUE(bus_) << error;
    options_.connect.find_timeout_ms = 400;
    options_.connect.relisten_ms = 50;
    options_.connect.connect_timeout_ms = 300;
    options_.connect.resolve_timeout_ms = 200;
    options_.connect.backoff_first_ms = 5;
    options_.connect.attempts_max = 3;
    options_.connect.rfkill_folder = "/nonexistent";
  }
  void start_bluez(BluezDouble::Options options = {}) {
    double_ = std::make_unique<BluezDouble>(loop_, private_bus_.address(), options);
  }
  void make_link(const std::string& target) {
    if (!tree_) tree_ = std::make_unique<bluez::ObjectTree>(*bus_);
    link_ = std::make_unique<BluezLink>(*tree_, Target::parse(target), options_);
  }
  void add_device(BluezDouble::DeviceOptions device = {}) {
    if (device.address.empty()) device.address = kAddress;
    if (device.name.empty()) device.name = "left";
    if (device.socket.empty()) device.socket = device_.path();
    double_->add_device(device);
  }
  // Connects and stops the loop at the outcome, or goes on with `then` when connected.
  void connect(std::function<void()> then = nullptr) {
    LinkEvents events;
    events.connected = [this, then] {
      ++connected_;
      then ? then() : loop_.stop(0);
    };
    events.closed = [this](LinkError error, const std::string& why) {
      ++closed_;
      error_ = error;
      why_ = why;
      loop_.stop(1);
    };
    events.notification = [this](Bytes value) { notified_.emplace_back(value.begin(), value.end()); };
    link_->connect(std::move(events));
    EXPECT_EQ(connected_ + closed_, 0) << "called from inside connect()";
  }
  int run() {
    auto guard = loop_.after(8000, [this] { loop_.stop(99); });
    return loop_.run();
  }

  Loop loop_;
  test::PrivateBus private_bus_;
  EchoDevice device_{"left"};
  std::unique_ptr<BluezDouble> double_;
  std::unique_ptr<dbus::Connection> bus_;
  std::unique_ptr<bluez::ObjectTree> tree_;
  BluezLink::Options options_;
  std::unique_ptr<BluezLink> link_;
  int connected_ = 0, closed_ = 0;
  LinkError error_ = LinkError::kNone;
  std::string why_;
  std::vector<std::vector<uint8_t>> notified_;
};

// ---- every error reply

struct Reply {
  const char* method;
  const char* error;
  const char* text;
  LinkError expected;
  const char* sentence;
  int calls;  // of the method: 1 when trying again is no use
};

class ErrorReply : public BluezLinkTest, public ::testing::WithParamInterface<Reply> {};

TEST_P(ErrorReply, IsToldInASentenceAndTriedAgainOnlyWhereThatHelps) {
  start_bluez();
  add_device();
  double_->fault(GetParam().method, {.error = GetParam().error, .text = GetParam().text, .times = -1});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(error_, GetParam().expected) << why_;
  EXPECT_THAT(why_, HasSubstr(GetParam().sentence));
  EXPECT_EQ(double_->calls(GetParam().method), GetParam().calls);
  EXPECT_EQ(connected_, 0);
}

INSTANTIATE_TEST_SUITE_P(
    , ErrorReply,
    ::testing::Values(
        Reply{"Device1.Connect", "org.bluez.Error.NotReady", "Resource Not Ready", LinkError::kSystem,
              "powered off", 1},
        Reply{"Device1.Connect", "org.bluez.Error.Failed", "le-connection-abort-by-local", LinkError::kNotFound,
              "out of range, or connected to another computer (3 attempts)", 3},
        Reply{"Device1.Connect", "org.bluez.Error.ConnectionAttemptFailed", "Page Timeout", LinkError::kNotFound,
              "does not answer", 3},
        Reply{"Device1.Connect", "org.bluez.Error.InProgress", "In Progress", LinkError::kRefused, "busy", 3},
        Reply{"Device1.Connect", "org.bluez.Error.AuthenticationRejected", "", LinkError::kNotPermitted, "refused",
              1},
        Reply{"Device1.Connect", "org.bluez.Error.AuthenticationFailed", "", LinkError::kNotPermitted, "passkey",
              1},
        Reply{"Device1.Connect", "org.bluez.Error.AuthenticationCanceled", "", LinkError::kNotPermitted,
              "cancelled", 1},
        Reply{"Device1.Connect", "org.bluez.Error.AuthenticationTimeout", "", LinkError::kNotPermitted, "too long",
              1},
        Reply{"Device1.Connect", "org.freedesktop.DBus.Error.AccessDenied", "rejected", LinkError::kNotPermitted,
              "policy", 1},
        Reply{"Device1.Connect", "org.freedesktop.DBus.Error.UnknownObject", "", LinkError::kNotFound, "forgot", 3},
        Reply{"Device1.Connect", "org.bluez.Error.DoesNotExist", "", LinkError::kNotFound, "forgot", 3},
        Reply{"Device1.Connect", "org.example.Weather", "raining", LinkError::kSystem, "raining", 3},
        Reply{"Adapter1.StartDiscovery", "org.bluez.Error.NotReady", "", LinkError::kSystem, "powered off", 1},
        Reply{"Adapter1.StartDiscovery", "org.freedesktop.DBus.Error.AccessDenied", "", LinkError::kNotPermitted,
              "policy", 1},
        Reply{"Adapter1.StartDiscovery", "org.bluez.Error.Failed", "Failed", LinkError::kSystem, "looking for", 3},
        Reply{"GattCharacteristic1.AcquireWrite", "org.bluez.Error.NotPermitted", "Write acquired",
              LinkError::kRefused, "another program", 3},
        Reply{"GattCharacteristic1.AcquireNotify", "org.bluez.Error.NotPermitted", "Notify acquired",
              LinkError::kRefused, "another program", 3},
        Reply{"GattCharacteristic1.AcquireNotify", "org.bluez.Error.NotPermitted", "Not paired",
              LinkError::kNotPermitted, "roost pair", 1},
        Reply{"GattCharacteristic1.AcquireNotify", "org.bluez.Error.NotAuthorized", "", LinkError::kNotPermitted,
              "roost pair", 1},
        Reply{"GattCharacteristic1.AcquireWrite", "org.bluez.Error.Failed", "Not connected", LinkError::kLost,
              "connection ended", 3}));

// ---- the computer

TEST_F(BluezLinkTest, SaysThatBluetoothdIsNotRunning) {
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(why_, HasSubstr("systemctl start bluetooth"));
}

TEST_F(BluezLinkTest, SaysThatThereIsNoAdapter) {
  start_bluez({.adapter = false});
  make_link("");
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(why_, HasSubstr("no Bluetooth adapter on this computer"));
}

TEST_F(BluezLinkTest, SaysThatThisAdapterIsNotThere) {
  start_bluez();
  make_link("hci7/left");
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(why_, HasSubstr("no Bluetooth adapter hci7"));
}

TEST_F(BluezLinkTest, SaysThatTheAdapterIsOff) {
  start_bluez({.powered = false});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(why_, HasSubstr("powered off"));
}

TEST_F(BluezLinkTest, SaysThatRfkillBlocksTheAdapter) {
  const auto folder = std::filesystem::temp_directory_path() / ("roost-rfkill-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder / "rfkill0");
  std::ofstream(folder / "rfkill0/type") << "bluetooth\n";
  std::ofstream(folder / "rfkill0/name") << "hci0\n";
  std::ofstream(folder / "rfkill0/soft") << "1\n";
  std::ofstream(folder / "rfkill0/hard") << "0\n";
  options_.connect.rfkill_folder = folder;
  start_bluez({.powered = false});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_THAT(why_, HasSubstr("rfkill unblock"));
  std::filesystem::remove_all(folder);
}

TEST_F(BluezLinkTest, ConnectsOnceTheAdapterIsPoweredOn) {
  start_bluez({.powered = false});
  add_device();
  options_.connect.attempts_max = 10;
  make_link(kAddress);
  connect();
  auto later = loop_.after(60, [this] { double_->set_powered(true); });
  EXPECT_EQ(run(), 0) << why_;
}

// ---- finding the device

TEST_F(BluezLinkTest, StopsDiscoveryBeforeItConnects) {
  start_bluez();
  add_device();
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Adapter1.StartDiscovery"), 1);
  EXPECT_FALSE(double_->was_discovering_at_connect());
  EXPECT_FALSE(double_->discovering());
}

TEST_F(BluezLinkTest, ConnectsToAKnownDeviceWithoutDiscovery) {
  start_bluez();
  add_device({.known = true});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Adapter1.StartDiscovery"), 0);
}

TEST_F(BluezLinkTest, FindsADeviceByName) {
  start_bluez();
  add_device({.address = kOther, .name = "right"});
  add_device();
  make_link("left");
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(link_->label(), "left");
}

TEST_F(BluezLinkTest, DoesNotGuessBetweenTwoDevicesOfOneName) {
  start_bluez();
  add_device({.address = kOther});
  add_device();
  options_.connect.attempts_max = 1;
  double_->fault("Device1.Connect", {.error = "org.bluez.Error.Failed", .times = -1});
  make_link("left");
  connect();
  EXPECT_EQ(run(), 1);
  // The first heard may be tried before the second is heard; two that are heard are told.
  EXPECT_THAT(why_, AnyOf(HasSubstr("two devices are called left"), HasSubstr("connecting to left")));
}

TEST_F(BluezLinkTest, FindsADeviceByItsIdThoughAddressesRotate) {
  EchoDevice right("right", 2);
  start_bluez();
  add_device();
  add_device({.address = kOther, .name = "right", .socket = right.path()});
  options_.device_id_of = [](Bytes info) { return std::string(32, static_cast<char>('0' + info[0])); };
  make_link(std::string(32, '2'));
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(link_->label(), "right");
  link_.reset();
}

TEST_F(BluezLinkTest, SaysThatNoDeviceHasThisId) {
  start_bluez();
  add_device();
  options_.device_id_of = [](Bytes) { return std::string(32, '1'); };
  make_link(std::string(32, '2'));
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(error_, LinkError::kNotFound);
  EXPECT_THAT(why_, HasSubstr("not found among the Roost devices in range"));
}

TEST_F(BluezLinkTest, SaysThatADeviceWithoutTheServiceIsAnotherKindOfDevice) {
  start_bluez();
  add_device({.roost = false});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(error_, LinkError::kNoService);
  EXPECT_THAT(why_, HasSubstr("no Roost service"));
}

// ---- connecting

TEST_F(BluezLinkTest, TriesAgainUntilItIsConnected) {
  start_bluez();
  add_device();
  double_->fault("Device1.Connect",
                 {.error = "org.bluez.Error.Failed", .text = "le-connection-abort-by-local", .times = 2});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Device1.Connect"), 3);
}

TEST_F(BluezLinkTest, DoesNotWaitForeverForAConnectThatHangs) {
  start_bluez();
  add_device();
  double_->fault("Device1.Connect", {.silent = true});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Device1.Connect"), 2);
  EXPECT_GE(double_->calls("Device1.Disconnect"), 1);
}

TEST_F(BluezLinkTest, PutsUpWithSlowReplies) {
  start_bluez();
  add_device();
  for (const char* method : {"Device1.Connect", "Adapter1.StartDiscovery", "Adapter1.StopDiscovery",
                             "GattCharacteristic1.AcquireNotify", "GattCharacteristic1.AcquireWrite"}) {
    double_->fault(method, {.delay_ms = 100});
  }
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
}

TEST_F(BluezLinkTest, PutsUpWithSignalsInAnOddOrder) {
  start_bluez({.resolve_ms = 30, .resolved_first = true});
  add_device();
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
}

TEST_F(BluezLinkTest, SaysThatTheServicesWereNotResolvedInTime) {
  start_bluez({.resolve_ms = 60000});
  add_device();
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(error_, LinkError::kNoService);
  EXPECT_THAT(why_, HasSubstr("not resolved in time"));
  EXPECT_EQ(link_->calls().at("Disconnect"), 3u);
}

TEST_F(BluezLinkTest, ForgetsWhatBluetoothdRemembersWronglyAndLooksAgain) {
  start_bluez();
  add_device({.service_data = {1, 5}, .stale_cache = true});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Adapter1.RemoveDevice"), 1);
}

TEST_F(BluezLinkTest, DoesNotForgetAPairingOnItsOwn) {
  start_bluez();
  add_device({.service_data = {1, 5}, .paired = true, .stale_cache = true});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(double_->calls("Adapter1.RemoveDevice"), 0);
  EXPECT_THAT(why_, HasSubstr("roost unpair"));
}

TEST_F(BluezLinkTest, NoticesAStaleCacheByTheDevicesAnswer) {
  start_bluez();
  add_device();
  double_->fault("GattCharacteristic1.AcquireNotify",
                 {.error = "org.bluez.Error.Failed", .text = "Operation failed with ATT error: 0x01"});
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(double_->calls("Adapter1.RemoveDevice"), 1);
}

// ---- connected

TEST_F(BluezLinkTest, NeverWritesWhatBluetoothdWouldCut) {
  start_bluez();
  add_device();
  make_link(kAddress);
  connect([this] {
    EXPECT_EQ(link_->att_mtu(), 517);
    const std::vector<uint8_t> value(511, 7);
    EXPECT_EQ(link_->write_data(value).error(), LinkError::kTooLong);
    EXPECT_TRUE(link_->write_data(Bytes(value).first(510)).ok());
    loop_.stop(0);
  });
  EXPECT_EQ(run(), 0) << why_;
}

TEST_F(BluezLinkTest, NeedsNoMoreDbusCallsForMoreData) {
  start_bluez();
  add_device();
  make_link(kAddress);
  const std::vector<uint8_t> value(495, 7);
  Loop::Source look;
  int written = 0;
  std::function<void()> pump = [&] {
    while (written < 2000 && link_->write_data(value).ok()) ++written;
    if (device_.data_bytes() == 2000 * 495) return loop_.stop(0);
    look = loop_.after(2, pump);
  };
  connect(pump);
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(
      link_->calls(),
      (CallCounts{
          {"StartDiscovery", 1}, {"StopDiscovery", 1}, {"Connect", 1}, {"AcquireNotify", 1}, {"AcquireWrite", 1}}));
}

TEST_F(BluezLinkTest, FallsBackToCallsWhereDescriptorsAreRefused) {
  start_bluez({.acquire = false});
  add_device();
  make_link(kAddress);
  Loop::Source look;
  std::function<void()> check = [&] {
    if (device_.data_bytes() == 100 && !notified_.empty()) return loop_.stop(0);
    look = loop_.after(2, check);
  };
  connect([&] {
    const std::vector<uint8_t> value(100, 7);
    EXPECT_TRUE(link_->write_data(value).ok());
    EXPECT_TRUE(link_->write_control(Bytes(value).first(3)).ok());
    check();
  });
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_THAT(notified_, ElementsAre(std::vector<uint8_t>{7, 7, 7}));
}

TEST_F(BluezLinkTest, AsksForTheMtuWhereNoDescriptorTellsIt) {
  start_bluez({.acquire = false, .mtu_exchanged_late = true});
  add_device();
  make_link(kAddress);
  connect();
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(link_->att_mtu(), 517);
}

struct Accident {
  const char* name;
  void (*happen)(BluezDouble&);
  const char* sentence;
};

class MidTransfer : public BluezLinkTest, public ::testing::WithParamInterface<Accident> {};

TEST_P(MidTransfer, IsToldOnceAndTheSameLinkConnectsAgain) {
  start_bluez();
  add_device({.known = true});
  options_.connect.attempts_max = 20;
  make_link(kAddress);
  std::vector<std::string> closed;
  int connected = 0;
  Loop::Source soon;
  const std::vector<uint8_t> value(495, 7);
  LinkEvents events;
  events.connected = [&] {
    for (int i = 0; i < 50; ++i) (void)link_->write_data(value);
    if (++connected == 2) return loop_.stop(0);
    soon = loop_.after(5, [&] { GetParam().happen(*double_); });
  };
  events.closed = [&](LinkError error, const std::string& why) {
    closed.push_back(why);
    EXPECT_EQ(error, LinkError::kLost);
    EXPECT_EQ(link_->write_data(value).error(), LinkError::kNotConnected);
    soon = loop_.after(100, [&] {  // long enough for a second `closed`
      if (tree_->state() == bluez::ObjectTree::State::kAbsent) double_->start();
      double_->set_powered(true);
      link_->connect(events);
    });
  };
  link_->connect(events);
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(closed, ElementsAre(HasSubstr(GetParam().sentence)));
  EXPECT_EQ(connected, 2);
}

INSTANTIATE_TEST_SUITE_P(
    , MidTransfer,
    ::testing::Values(
        Accident{"LinkDropped", [](BluezDouble& bluez) { bluez.drop_link(kAddress); }, "connection to left ended"},
        Accident{"DeviceForgotten", [](BluezDouble& bluez) { bluez.forget_device(kAddress); }, "left ended"},
        Accident{"AdapterOff", [](BluezDouble& bluez) { bluez.set_powered(false); }, "powered off"},
        Accident{"BluetoothdDies", [](BluezDouble& bluez) { bluez.stop(); }, "bluetoothd stopped"}),
    [](const auto& accident) { return std::string(accident.param.name); });

TEST_F(BluezLinkTest, ConnectsThroughABluetoothdThatRestartsMeanwhile) {
  start_bluez({.resolve_ms = 100});
  add_device({.known = true});
  options_.connect.attempts_max = 20;
  make_link(kAddress);
  connect();
  Loop::Source start;
  auto stop = loop_.after(50, [&] {
    double_->stop();
    start = loop_.after(50, [this] { double_->start(); });
  });
  EXPECT_EQ(run(), 0) << why_;
}

TEST_F(BluezLinkTest, LeavesAnotherProgramsConnectionAlone) {
  start_bluez();
  add_device();
  make_link(kAddress);
  BluezLink::Options impatient = options_;
  impatient.connect.attempts_max = 2;
  BluezLink second(*tree_, Target::parse(kAddress), impatient);
  LinkError refused = LinkError::kNone;
  LinkEvents events;
  events.closed = [&](LinkError error, const std::string&) {
    refused = error;
    loop_.stop(0);
  };
  connect([&] { second.connect(events); });
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(refused, LinkError::kRefused);
  EXPECT_EQ(closed_, 0);
  EXPECT_EQ(double_->calls("Device1.Disconnect"), 0);
}

TEST_F(BluezLinkTest, IgnoresSignalsThatBluetoothdDidNotSend) {
  start_bluez();
  add_device();
  make_link(kAddress);
  std::string error;
  auto liar = dbus::Connection::open(loop_, private_bus_.address(), &error);
  Loop::Source soon;
  connect([&] {
    dbus::Message lie = dbus::Message::signal("/org/bluez/hci0/dev_C0_FF_EE_00_00_01",
                                              "org.freedesktop.DBus.Properties", "PropertiesChanged");
    liar->send(lie.append("org.bluez.Device1", dbus::Dict{{"Connected", false}}, std::vector<std::string>()));
    soon = loop_.after(150, [this] { loop_.stop(0); });
  });
  EXPECT_EQ(run(), 0) << why_;
  EXPECT_EQ(closed_, 0);
}

// ---- scan

TEST_F(BluezLinkTest, ScanShowsWhatRunsWithoutConnecting) {
  start_bluez();
  add_device({.service_data = {1, 5, 9, 9}, .rssi = -71});
  add_device({.address = kOther, .name = "right", .rssi = -40});
  add_device({.address = "C0:FF:EE:00:00:03", .name = "kettle", .roost = false});
  bluez::ObjectTree tree(*bus_);
  bluez::Scan scan(tree, "");
  std::vector<bluez::Candidate> found;
  scan.start(100, [&](const bluez::Failure& failure, std::vector<bluez::Candidate> candidates) {
    EXPECT_EQ(failure.error, LinkError::kNone) << failure.sentence;
    found = std::move(candidates);
    loop_.stop(0);
  });
  EXPECT_EQ(run(), 0);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "right");
  EXPECT_EQ(found[1].address, kAddress);
  EXPECT_EQ(found[1].rssi, -71);
  EXPECT_THAT(found[1].service_data, ElementsAre(1, 5, 9, 9));
  EXPECT_EQ(device_.connects(), 0);
  EXPECT_FALSE(double_->discovering());
}

// ---- pairing

// Answers as it was told to, and notes what it was asked.
class ScriptedDialog final : public bluez::PairingDialog {
 public:
  std::vector<std::string> asked;
  bool agrees = true;
  std::optional<uint32_t> passkey = 123456;

  void confirm(const std::string& device, uint32_t number, std::function<void(bool)> answer) override {
    asked.push_back("confirm " + device + " " + std::to_string(number));
    answer(agrees);
  }
  void enter_passkey(const std::string& device, std::function<void(std::optional<uint32_t>)> answer) override {
    asked.push_back("enter " + device);
    answer(passkey);
  }
  void show_passkey(const std::string& device, uint32_t number, uint16_t) override {
    asked.push_back("show " + device + " " + std::to_string(number));
  }
  void authorize(const std::string& device, std::function<void(bool)> answer) override {
    asked.push_back("authorize " + device);
    answer(agrees);
  }
  void cancel() override { asked.push_back("cancel"); }
};

class PairingTest : public BluezLinkTest {
 protected:
  bluez::Failure pair(const std::string& asks, ScriptedDialog& dialog) {
    start_bluez();
    add_device({.pairing_needed = true, .pairing_asks = asks});
    tree_ = std::make_unique<bluez::ObjectTree>(*bus_);
    agent_ =
        std::make_unique<bluez::PairingAgent>(*tree_, dialog, bluez::PairingAgent::Capability::kKeyboardDisplay);
    pairing_ = std::make_unique<bluez::Pairing>(*tree_, Target::parse("left"), options_.connect);
    bluez::Failure outcome;
    agent_->register_with(false, [&](const bluez::Failure& registered) {
      EXPECT_EQ(registered.error, LinkError::kNone) << registered.sentence;
      pairing_->pair([&](const bluez::Failure& failure) {
        outcome = failure;
        loop_.stop(0);
      });
    });
    EXPECT_EQ(run(), 0);
    return outcome;
  }
  std::unique_ptr<bluez::PairingAgent> agent_;
  std::unique_ptr<bluez::Pairing> pairing_;
};

TEST_F(PairingTest, JustWorks) {
  ScriptedDialog dialog;
  const bluez::Failure outcome = pair("", dialog);
  EXPECT_EQ(outcome.error, LinkError::kNone) << outcome.sentence;
  EXPECT_THAT(outcome.sentence, HasSubstr("paired with left"));
  EXPECT_THAT(dialog.asked, ElementsAre());
}

TEST_F(PairingTest, ComparesNumbers) {
  ScriptedDialog dialog;
  EXPECT_EQ(pair("RequestConfirmation", dialog).error, LinkError::kNone);
  EXPECT_THAT(dialog.asked, ElementsAre("confirm left 123456"));
}

TEST_F(PairingTest, EntersAPasskey) {
  ScriptedDialog dialog;
  EXPECT_EQ(pair("RequestPasskey", dialog).error, LinkError::kNone);
  EXPECT_THAT(dialog.asked, ElementsAre("enter left"));
}

TEST_F(PairingTest, ShowsAPasskey) {
  ScriptedDialog dialog;
  EXPECT_EQ(pair("DisplayPasskey", dialog).error, LinkError::kNone);
  EXPECT_THAT(dialog.asked, ElementsAre("show left 123456"));
}

TEST_F(PairingTest, SaysThatNumbersDidNotMatch) {
  ScriptedDialog dialog;
  dialog.agrees = false;
  const bluez::Failure outcome = pair("RequestConfirmation", dialog);
  EXPECT_EQ(outcome.error, LinkError::kNotPermitted);
  EXPECT_THAT(outcome.sentence, HasSubstr("refused"));
}

TEST_F(PairingTest, SaysThatThePasskeyWasWrong) {
  ScriptedDialog dialog;
  dialog.passkey = 111111;
  const bluez::Failure outcome = pair("RequestPasskey", dialog);
  EXPECT_EQ(outcome.error, LinkError::kNotPermitted);
  EXPECT_THAT(outcome.sentence, HasSubstr("wrong passkey"));
}

TEST_F(BluezLinkTest, UnpairMakesBluetoothdForgetTheDevice) {
  start_bluez();
  add_device({.known = true, .paired = true});
  tree_ = std::make_unique<bluez::ObjectTree>(*bus_);
  bluez::Pairing pairing(*tree_, Target::parse("left"), options_.connect);
  pairing.unpair([&](const bluez::Failure& failure) {
    EXPECT_EQ(failure.error, LinkError::kNone) << failure.sentence;
    loop_.stop(0);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(double_->calls("Adapter1.RemoveDevice"), 1);
}

}  // namespace
}  // namespace roost::host
