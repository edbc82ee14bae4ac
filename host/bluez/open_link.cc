#include "host/bluez/open_link.h"

#include <cstdlib>

#include "host/bluez/scan.h"
#include "host/package.h"
#include "protocol/info.h"

namespace roost::host {

namespace {

// What a controller says that does not measure it.
constexpr int16_t kRssiUnknown = 127;

// Members are destroyed in reverse: the link first, which says goodbye over what comes after.
class StandaloneBluezLink final : public Link {
 public:
  StandaloneBluezLink(std::unique_ptr<dbus::Connection> bus, const std::string& target)
      : bus_(std::move(bus)), tree_(*bus_), link_(tree_, bluez::Target::parse(target), options()) {}

  void connect(LinkEvents events) override { link_.connect(std::move(events)); }
  void disconnect() override { link_.disconnect(); }
  uint16_t att_mtu() const override { return link_.att_mtu(); }
  LinkStatus read_info(std::function<void(Bytes)> done) override { return link_.read_info(std::move(done)); }
  LinkStatus write_control(Bytes value) override { return link_.write_control(value); }
  LinkStatus write_data(Bytes value) override { return link_.write_data(value); }
  CallCounts calls() const override { return link_.calls(); }

 private:
  static BluezLink::Options options() {
    BluezLink::Options options;
    options.device_id_of = device_id_in_info;
    return options;
  }

  std::unique_ptr<dbus::Connection> bus_;
  bluez::ObjectTree tree_;
  BluezLink link_;
};

}  // namespace

std::string device_id_in_info(Bytes value) {
  protocol::Info info;
  return protocol::decode_info(value, &info).ok() ? hex(info.device_id) : "";
}

Sighting sighting_of(bluez::Candidate candidate, const std::string& adapter) {
  Sighting sighting;
  sighting.address = "ble:" + (adapter.empty() ? "" : adapter + "/") + candidate.address;
  sighting.name = std::move(candidate.name);
  sighting.service_data = std::move(candidate.service_data);
  if (candidate.rssi && *candidate.rssi != kRssiUnknown) sighting.rssi = *candidate.rssi;
  return sighting;
}

std::string default_bus() {
  const char* bus = getenv("ROOST_BUS");
  return bus && *bus ? bus : "system";
}

std::unique_ptr<Link> open_bluez_link(Loop& loop, const std::string& target, std::string* error) {
  auto bus = dbus::Connection::open(loop, default_bus(), error);
  return bus ? std::make_unique<StandaloneBluezLink>(std::move(bus), target) : nullptr;
}

bluez::Failure scan_bluetooth(const std::string& adapter, uint32_t duration_ms, std::vector<Sighting>* found) {
  Loop loop;
  bluez::Failure outcome;
  auto bus = dbus::Connection::open(loop, default_bus(), &outcome.sentence);
  if (!bus) return outcome;
  bluez::ObjectTree tree(*bus);
  bluez::Scan scan(tree, adapter);
  scan.start(duration_ms, [&](const bluez::Failure& failure, std::vector<bluez::Candidate> candidates) {
    outcome = failure;
    for (bluez::Candidate& candidate : candidates) found->push_back(sighting_of(std::move(candidate), adapter));
    loop.stop(0);
  });
  loop.run();
  return outcome;
}

}  // namespace roost::host
