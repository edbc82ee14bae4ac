#include "host/daemon/links.h"

#include "host/address.h"
#include "host/bluez/open_link.h"
#include "host/loopback_link.h"

namespace roost::host::daemon {

namespace {

constexpr uint32_t kSocketScanMs = 500;

}  // namespace

Links::Links(dbus::Connection& bus, Worker& worker)
    : bus_(bus), worker_(worker), arbiter_(bus.loop()), tree_(bus) {}

std::unique_ptr<Link> Links::open(const DeviceRecord& device, bool by_id, Outcome* outcome) {
  const Address address = Address::parse(device.address);
  switch (address.kind) {
    case Address::Kind::kSim:
      return std::make_unique<LoopbackLink>(bus_.loop(), address.rest);
    case Address::Kind::kBle: {
      bluez::Target target = bluez::Target::parse(address.rest);
      if (by_id && !device.id.empty()) {
        target.kind = bluez::Target::Kind::kDeviceId;
        target.text = device.id;
      }
      BluezLink::Options options;
      options.device_id_of = device_id_in_info;
      return std::make_unique<BluezLink>(tree_, target, options);
    }
    case Address::Kind::kInvalid:
      break;
  }
  *outcome = {ExitCode::kUsage, "connect", device.address + ": not an address; sim:PATH or ble:NAME is"};
  return nullptr;
}

std::string Links::adapter_of(const std::string& text) const {
  const Address address = Address::parse(text);
  if (address.kind != Address::Kind::kBle) return "";
  std::string path;
  (void)bluez::check_adapter(tree_, bluez::Target::parse(address.rest).adapter, &path);
  return path.empty() ? "the adapter that is not there" : path;
}

void Links::scan(uint32_t duration_ms, Scanned scanned) {
  const bool under_way = !scanning_.listeners.empty();
  scanning_.listeners.push_back(std::move(scanned));
  if (under_way) return;
  scanning_.parts = 2;
  worker_.post([this] {
    return [this, found = scan_loopback(sim_directory(), kSocketScanMs)] {
      scanning_.found.insert(scanning_.found.end(), found.begin(), found.end());
      finish_scan();
    };
  });
  scanning_.turn = arbiter_.ask(adapter_of("ble:"), [this, duration_ms] {
    scanning_.scan = std::make_unique<bluez::Scan>(tree_, "");
    scanning_.scan->start(duration_ms, [this](const bluez::Failure& failure, std::vector<bluez::Candidate> found) {
      if (failure.error != LinkError::kNone) scanning_.outcome = {ExitCode::kLinkLost, "scan", failure.sentence};
      for (bluez::Candidate& candidate : found) scanning_.found.push_back(sighting_of(std::move(candidate), ""));
      scanning_.turn = {};
      finish_scan();
    });
  });
}

void Links::finish_scan() {
  if (--scanning_.parts > 0) return;
  // Told from the loop: the scan that ended is still calling.
  auto ended = std::make_shared<Scanning>(std::exchange(scanning_, Scanning()));
  auto soon = std::make_shared<Loop::Source>();
  *soon = bus_.loop().after(0, [ended, soon] {
    for (const Scanned& listener : ended->listeners) listener(ended->outcome, ended->found);
    *soon = {};
  });
}

}  // namespace roost::host::daemon
