// Proves the contract of host/link.h for each implementation, with a peripheral that only records and echoes: the
// loopback link straight to the simulated device's socket server, and the BlueZ link through the double of
// org.bluez to that same server, with descriptors and without.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "device/ports/linux/tunnel_server.h"
#include "host/bluez/bluez_link.h"
#include "host/loopback_link.h"
#include "tests/bluez/bluez_double.h"
#include "tests/bluez/private_bus.h"

namespace roost::host {
namespace {

using device::TunnelServer;

// Notifies every control write back, and counts.
class EchoPeripheral final : public device::Peripheral {
 public:
  TunnelServer* server = nullptr;
  std::atomic<int> connects{0}, disconnects{0}, data_writes{0}, data_bytes{0};

  void on_connect(uint16_t, uint16_t) override { ++connects; }
  void on_subscribe(uint16_t, bool) override {}
  void on_disconnect(uint16_t) override { ++disconnects; }
  void on_control(uint16_t conn, Bytes value) override { server->notify(conn, value); }
  void on_data(uint16_t, Bytes value) override {
    ++data_writes;
    data_bytes += static_cast<int>(value.size());
  }
  Bytes info(uint16_t) override { return Bytes(kInfo, sizeof kInfo); }
  Bytes advertisement() override { return Bytes(kAdvertisement, sizeof kAdvertisement); }

 private:
  static constexpr uint8_t kInfo[] = {1, 2, 3, 4, 5};
  static constexpr uint8_t kAdvertisement[] = {2, 1, 2, 'e', 'c', 'h', 'o'};
};

// The ways to reach the device whose socket is at `path`. Lives as long as the test.
class Route {
 public:
  virtual ~Route() = default;
  virtual std::unique_ptr<Link> make_link(const std::string& path) = 0;
};

class LoopbackRoute final : public Route {
 public:
  explicit LoopbackRoute(Loop& loop) : loop_(loop) {}
  std::unique_ptr<Link> make_link(const std::string& path) override {
    return std::make_unique<LoopbackLink>(loop_, path);
  }

 private:
  Loop& loop_;
};

class BluezRoute final : public Route {
 public:
  BluezRoute(Loop& loop, bool use_descriptors) : double_(loop, private_bus_.address()) {
    std::string error;
    bus_ = dbus::Connection::open(loop, private_bus_.address(), &error);
    tree_ = std::make_unique<bluez::ObjectTree>(*bus_);
    options_.use_descriptors = use_descriptors;
    options_.connect.find_timeout_ms = 300;
    options_.connect.attempts_max = 1;
  }
  std::unique_ptr<Link> make_link(const std::string& path) override {
    if (std::filesystem::exists(path)) double_.add_device({.address = kAddress, .name = "echo", .socket = path});
    return std::make_unique<BluezLink>(*tree_, bluez::Target::parse(kAddress), options_);
  }

 private:
  static constexpr char kAddress[] = "C0:FF:EE:00:00:01";
  test::PrivateBus private_bus_;
  test::BluezDouble double_;
  std::unique_ptr<dbus::Connection> bus_;
  std::unique_ptr<bluez::ObjectTree> tree_;
  BluezLink::Options options_;
};

enum class RouteKind { kLoopback, kBluez, kBluezByCalls };

class LinkTest : public ::testing::Test {
 protected:
  void start(device::AirFaults faults = {}, uint16_t mtu = 185) {
    folder_ = std::filesystem::temp_directory_path() / ("roost-link-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    server_ = std::make_unique<TunnelServer>(TunnelServer::Options{path(), mtu, faults}, peripheral_);
    peripheral_.server = server_.get();
    std::string error;
    ASSERT_TRUE(server_->listen(&error)) << error;
    thread_ = std::thread([this] {
      while (!stop_) server_->wait(5);
    });
  }
  void stop_server() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }
  void TearDown() override {
    stop_server();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ / "echo.sock"; }

  // Runs the loop until `stop` was called or 10 s passed; returns the code.
  int run() {
    auto guard = loop_.after(10000, [this] { loop_.stop(99); });
    return loop_.run();
  }

  Loop loop_;
  EchoPeripheral peripheral_;
  std::filesystem::path folder_;
  std::unique_ptr<TunnelServer> server_;
  std::thread thread_;
  std::atomic<bool> stop_{false};
};

class LinkContract : public LinkTest, public ::testing::WithParamInterface<RouteKind> {
 protected:
  std::unique_ptr<Link> make_link(const std::string& path) {
    if (GetParam() == RouteKind::kLoopback) {
      route_ = std::make_unique<LoopbackRoute>(loop_);
    } else {
      route_ = std::make_unique<BluezRoute>(loop_, GetParam() == RouteKind::kBluez);
    }
    return route_->make_link(path);
  }

  std::unique_ptr<Route> route_;
};

INSTANTIATE_TEST_SUITE_P(, LinkContract,
                         ::testing::Values(RouteKind::kLoopback, RouteKind::kBluez, RouteKind::kBluezByCalls),
                         [](const auto& kind) -> std::string {
                           switch (kind.param) {
                             case RouteKind::kLoopback:
                               return "Loopback";
                             case RouteKind::kBluez:
                               return "Bluez";
                             case RouteKind::kBluezByCalls:
                               return "BluezByCalls";
                           }
                           return "";
                         });

TEST_P(LinkContract, ReportsADeviceThatIsNotThereFromTheLoopAndNotFromConnect) {
  auto link = make_link("/nonexistent/device.sock");
  LinkError seen = LinkError::kNone;
  LinkEvents events;
  events.closed = [&](LinkError error, const std::string&) {
    seen = error;
    loop_.stop(0);
  };
  link->connect(events);
  EXPECT_EQ(seen, LinkError::kNone);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(seen, LinkError::kNotFound);
}

TEST_P(LinkContract, ConnectsReadsInfoAndCarriesWritesAndNotificationsInOrder) {
  start();
  auto link = make_link(path());
  std::vector<std::vector<uint8_t>> notified;
  std::vector<uint8_t> info;
  LinkEvents events;
  events.connected = [&] {
    EXPECT_EQ(link->att_mtu(), 185);
    ASSERT_TRUE(link->read_info([&](Bytes value) { info.assign(value.begin(), value.end()); }).ok());
    for (uint8_t i = 0; i < 5; ++i) ASSERT_TRUE(link->write_control(Bytes(&i, 1)).ok());
  };
  events.closed = [&](LinkError, const std::string& why) { ADD_FAILURE() << why; };
  events.notification = [&](Bytes value) {
    notified.emplace_back(value.begin(), value.end());
    if (notified.size() == 5) loop_.stop(0);
  };
  link->connect(events);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(info, (std::vector<uint8_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(notified, (std::vector<std::vector<uint8_t>>{{0}, {1}, {2}, {3}, {4}}));
}

TEST_P(LinkContract, RefusesValuesLongerThanTheMtuAllowsAndCallsWithoutConnection) {
  start({}, 23);
  auto link = make_link(path());
  std::vector<uint8_t> value(21);
  EXPECT_EQ(link->write_data(value).error(), LinkError::kNotConnected);
  EXPECT_EQ(link->read_info([](Bytes) {}).error(), LinkError::kNotConnected);
  LinkEvents events;
  events.connected = [&] {
    EXPECT_EQ(link->write_data(value).error(), LinkError::kTooLong);
    EXPECT_EQ(link->write_control(value).error(), LinkError::kTooLong);
    value.pop_back();
    EXPECT_TRUE(link->write_data(value).ok());
    loop_.stop(0);
  };
  link->connect(events);
  EXPECT_EQ(run(), 0);
}

TEST_P(LinkContract, SaysOnceThatTheDeviceWentAway) {
  start();
  auto link = make_link(path());
  int closed = 0;
  LinkEvents events;
  events.connected = [&] { stop_server(); };
  events.closed = [&](LinkError error, const std::string&) {
    EXPECT_EQ(error, LinkError::kLost);
    ++closed;
    EXPECT_EQ(link->write_control({}).error(), LinkError::kNotConnected);
    loop_.stop(0);
  };
  link->connect(events);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(closed, 1);
}

TEST_P(LinkContract, CarriesManyDataWritesAndTellsWhenItIsWritableAgain) {
  start();
  auto link = make_link(path());
  constexpr int kWrites = 5000;
  const std::vector<uint8_t> value(182, 7);
  int written = 0;
  auto pump = [&] {
    while (written < kWrites) {
      LinkStatus status = link->write_data(value);
      if (status.error() == LinkError::kWouldBlock) return;
      ASSERT_TRUE(status.ok());
      ++written;
    }
  };
  // What is written to the device may be overtaken by a control write, so the count is awaited itself.
  Loop::Source look;
  std::function<void()> check = [&] {
    if (peripheral_.data_writes >= kWrites) return loop_.stop(0);
    look = loop_.after(5, check);
  };
  LinkEvents events;
  events.connected = pump;
  events.writable = pump;
  link->connect(events);
  look = loop_.after(5, check);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(peripheral_.data_writes, kWrites);
  EXPECT_EQ(peripheral_.data_bytes, kWrites * 182);
}

TEST_P(LinkContract, DestroyingTheLinkDisconnects) {
  start();
  auto link = make_link(path());
  LinkEvents events;
  Loop::Source look;
  std::function<void()> check = [&] {
    link.reset();
    if (peripheral_.disconnects > 0) return loop_.stop(0);
    look = loop_.after(5, check);
  };
  events.connected = [&] { look = loop_.after(0, check); };
  events.closed = [&](LinkError, const std::string&) { ADD_FAILURE(); };
  link->connect(events);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(peripheral_.disconnects, 1);
}

TEST_F(LinkTest, AScanSeesTheAdvertisementWithoutConnecting) {
  start();
  std::vector<Sighting> found = scan_loopback(folder_, 1000);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].address, "sim:" + path());
  EXPECT_EQ(found[0].name, "echo");
  EXPECT_EQ(found[0].service_data, (std::vector<uint8_t>{1, 2}));
  EXPECT_EQ(peripheral_.connects, 0);
}

TEST_F(LinkTest, DropsAboutAsManyWritesAsAsked) {
  start({.drop = 0.25, .seed = 7});
  LoopbackLink link(loop_, path());
  int written = 0;
  const std::vector<uint8_t> value(20, 7);
  LinkEvents events;
  auto pump = [&] {
    while (written < 2000 && link.write_data(value).ok()) ++written;
    const uint8_t last = 1;
    if (written == 2000) (void)link.write_control(Bytes(&last, 1));
  };
  events.connected = pump;
  events.writable = pump;
  events.notification = [&](Bytes) { loop_.stop(0); };
  link.connect(events);
  // The one notification may be dropped too; the control write's response ends the wait through the loop's guard.
  run();
  EXPECT_GT(peripheral_.data_writes, 1300);
  EXPECT_LT(peripheral_.data_writes, 1700);
}

}  // namespace
}  // namespace roost::host
