// Proves that the Linux device gets its service and its advertisement registered with a bluetoothd that refuses at
// first, whose adapter is power-cycled, or that restarts; and that what is refused is taken back before it is offered
// again. A stand-in for bluetoothd's peripheral side only counts and answers; tests/system has the real one.
#include "device/ports/bluez/bluez_peripheral.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/bluez/names.h"
#include "tests/bluez/private_bus.h"

namespace roost::device {
namespace {

using host::dbus::Connection;
using host::dbus::MethodCall;
using host::dbus::ObjectServer;
using host::dbus::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Nobody final : public Peripheral {
 public:
  void on_connect(uint16_t, uint16_t) override {}
  void on_subscribe(uint16_t, bool) override {}
  void on_disconnect(uint16_t) override {}
  void on_control(uint16_t, Bytes) override {}
  void on_data(uint16_t, Bytes) override {}
  Bytes info(uint16_t) override { return Bytes(); }
  Bytes advertisement() override { return Bytes(); }
};

// As many advertisements are refused as `refusals` says; each that is accepted, and not taken back, is in the air
// until the adapter goes off, and held by bluetoothd beyond that.
class Bluetoothd {
 public:
  Bluetoothd(host::Loop& loop, const std::string& address) : loop_(loop), address_(address) { start(); }

  void start() {
    std::string error;
    bus_ = Connection::open(loop_, address_, &error);
    server_ = std::make_unique<ObjectServer>(*bus_, "/");
    server_->add(kPath, {adapter(), gatt_manager(), advertising_manager()});
    naming_ = bus_->request_name(host::bluez::kService, [](bool) {});
  }
  void stop() {
    naming_.cancel();
    server_.reset();
    bus_.reset();
    held_.clear();
    applications = 0;
  }
  void set_powered(bool on) {
    powered_ = on;
    server_->changed(kPath, host::bluez::kAdapter, {"Powered"});
  }

  int refusals = 0;
  std::string refusal = "org.bluez.Error.Failed";
  int applications = 0;
  std::string application;  // the bus name of the one that registered
  // An access to a value by the central `device`, as bluetoothd makes it; the answer's error, or empty.
  void access(const std::string& member, const std::string& value, const std::string& device,
              const std::function<void(const std::string& error)>& done) {
    host::dbus::Message call = host::dbus::Message::call(application.c_str(), "/org/roost/device/service0/" + value,
                                                         host::bluez::kCharacteristic, member);
    call.append(host::dbus::Dict{{"device", host::dbus::ObjectPath(device)}, {"mtu", uint16_t{517}}});
    access_ = bus_->call(call, 2000, [done](const host::dbus::Message& reply) { done(reply.error_name()); });
  }
  // The property of the data characteristic; empty when it is not there.
  void read_write_acquired(const std::function<void(const host::dbus::Dict&)>& done) {
    host::dbus::Message call = host::dbus::Message::call(application.c_str(), "/org/roost/device/service0/data",
                                                         host::bluez::kPropertiesInterface, "GetAll");
    call.append(host::bluez::kCharacteristic);
    access_ = bus_->call(call, 2000, [done](const host::dbus::Message& reply) {
      host::dbus::Dict properties;
      (void)reply.read(&properties);
      done(properties);
    });
  }
  std::string alias = "this computer";
  std::vector<std::string> accepted;  // paths, in order

 private:
  static constexpr char kPath[] = "/org/bluez/hci0";

  host::dbus::Interface adapter() {
    return {.name = host::bluez::kAdapter,
            .properties = {{"Powered", "b", [this] { return Value(powered_); }},
                           {"Alias", "s", [this] { return Value(alias); },
                            [this](const Value& value, std::string*) {
                              alias = std::get<std::string>(value);
                              return true;
                            }}}};
  }
  host::dbus::Interface gatt_manager() {
    return {.name = host::bluez::kGattManager,
            .methods = {
                {"RegisterApplication", {{"application", "o"}, {"options", "a{sv}"}}, {}, [this](MethodCall call) {
                   application = call.message().sender();
                   if (applications++ > 0) return call.fail("org.bluez.Error.AlreadyExists", "Already Exists");
                   call.reply();
                 }}}};
  }
  host::dbus::Interface advertising_manager() {
    auto register_it = [this](MethodCall call) {
      host::dbus::ObjectPath path;
      (void)call.message().read(&path);
      if (refusals != 0) {
        --refusals;
        return call.fail(refusal, "Failed to register advertisement");
      }
      if (!held_.insert(path.text).second) return call.fail("org.bluez.Error.AlreadyExists", "Already Exists");
      accepted.push_back(path.text);
      call.reply();
    };
    auto unregister = [this](MethodCall call) {
      host::dbus::ObjectPath path;
      (void)call.message().read(&path);
      if (held_.erase(path.text) == 0) return call.fail("org.bluez.Error.DoesNotExist", "Does Not Exist");
      call.reply();
    };
    return {.name = host::bluez::kAdvertisingManager,
            .methods = {{"RegisterAdvertisement", {{"advertisement", "o"}, {"options", "a{sv}"}}, {}, register_it},
                        {"UnregisterAdvertisement", {{"advertisement", "o"}}, {}, unregister}}};
  }

  host::Loop& loop_;
  const std::string address_;
  std::unique_ptr<Connection> bus_;
  std::unique_ptr<ObjectServer> server_;
  host::dbus::PendingCall naming_, access_;
  bool powered_ = true;
  std::set<std::string> held_;
};

class BluezPeripheralTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BluezPeripheral::Options options;
    options.bus = private_bus_.address();
    options.log = [this](const std::string& sentence) { said_.push_back(sentence); };
    radio_ = std::make_unique<BluezPeripheral>(options, nobody_);
    std::string error;
    ASSERT_TRUE(radio_->start(&error)) << error;
  }
  template <typename Condition>
  bool comes(Condition condition) {
    for (const uint32_t began_ms = host::Loop::now_ms(); host::Loop::now_ms() - began_ms < 20000;) {
      radio_->wait(2);
      loop_.run_for(2);
      if (condition()) return true;
    }
    return false;
  }
  bool advertises(size_t times) {
    return comes([this, times] { return radio_->advertising() && bluetoothd_.accepted.size() == times; });
  }

  // As a central's access makes it: the error's name, or empty; "?" when no answer came.
  std::string access(const std::string& member, const std::string& value, const std::string& device) {
    std::optional<std::string> error;
    bluetoothd_.access(member, value, device, [&](const std::string& name) { error = name; });
    return comes([&] { return error.has_value(); }) ? *error : "?";
  }
  bool offers_data_descriptor() {
    std::optional<bool> there;
    bluetoothd_.read_write_acquired([&](const host::dbus::Dict& all) { there = all.count("WriteAcquired") != 0; });
    return comes([&] { return there.has_value(); }) && *there;
  }

  host::Loop loop_;
  test::PrivateBus private_bus_;
  Bluetoothd bluetoothd_{loop_, private_bus_.address()};
  Nobody nobody_;
  std::vector<std::string> said_;
  std::unique_ptr<BluezPeripheral> radio_;
};

TEST_F(BluezPeripheralTest, RegistersServiceAndAdvertisement) {
  ASSERT_TRUE(advertises(1));
  EXPECT_EQ(bluetoothd_.applications, 1);
  EXPECT_THAT(said_, ElementsAre("advertising on hci0 as roost"));
}

TEST_F(BluezPeripheralTest, OffersWhatWasRefusedAgainAndSaysSoOnce) {
  bluetoothd_.refusals = 6;
  ASSERT_TRUE(comes([this] { return radio_->advertising(); }));
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_THAT(said_[0], HasSubstr("advertising: Failed to register advertisement"));
  EXPECT_THAT(said_[1], HasSubstr("advertising on hci0"));
}

TEST_F(BluezPeripheralTest, TakesTwoWhereOneAdvertisementIsTooLong) {
  bluetoothd_.refusals = 1;
  bluetoothd_.refusal = "org.bluez.Error.InvalidLength";
  ASSERT_TRUE(advertises(2));
  EXPECT_THAT(said_, ElementsAre("advertising on hci0 as roost, in two advertisements"));
}

TEST_F(BluezPeripheralTest, LendsTheAdapterItsNameAsLongAsItLives) {
  ASSERT_TRUE(comes([this] { return bluetoothd_.alias == "roost"; }));
  radio_.reset();
  for (int i = 0; i < 200 && bluetoothd_.alias == "roost"; ++i) loop_.run_for(5);
  EXPECT_EQ(bluetoothd_.alias, "this computer");
}

// bluetoothd 5.66 asks for a descriptor as long as there is a WriteAcquired, and upon an error of its own names keeps
// every later value for a descriptor that never comes.
TEST_F(BluezPeripheralTest, WithdrawsTheDataDescriptorFromTwoCentrals) {
  ASSERT_TRUE(advertises(1));
  EXPECT_EQ(access("ReadValue", "info", "/org/bluez/hci0/dev_1"), "");
  EXPECT_TRUE(offers_data_descriptor());
  EXPECT_EQ(access("AcquireWrite", "data", "/org/bluez/hci0/dev_1"), "");
  EXPECT_EQ(access("ReadValue", "info", "/org/bluez/hci0/dev_2"), "");
  EXPECT_FALSE(offers_data_descriptor());
  EXPECT_EQ(access("AcquireWrite", "data", "/org/bluez/hci0/dev_2"), "org.freedesktop.DBus.Error.NotSupported");
}

TEST_F(BluezPeripheralTest, AdvertisesAgainAfterAPowerCycle) {
  ASSERT_TRUE(advertises(1));
  bluetoothd_.set_powered(false);
  ASSERT_TRUE(comes([this] { return !radio_->advertising(); }));
  bluetoothd_.set_powered(true);
  ASSERT_TRUE(advertises(2)) << "bluetoothd holds it still: it was not taken back first";
  EXPECT_EQ(bluetoothd_.applications, 1);
}

TEST_F(BluezPeripheralTest, RegistersAgainWithABluetoothdThatRestarts) {
  ASSERT_TRUE(advertises(1));
  bluetoothd_.stop();
  ASSERT_TRUE(comes([this] { return !radio_->advertising(); }));
  bluetoothd_.start();
  ASSERT_TRUE(advertises(2));
  EXPECT_EQ(bluetoothd_.applications, 1);
}

}  // namespace
}  // namespace roost::device
