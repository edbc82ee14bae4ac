#include "host/bluez/discovery.h"

#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::host::bluez {

using dbus::Message;

namespace {

constexpr uint32_t kCallTimeoutMs = 5000;
// Controllers that filter duplicates tell of a device once a scan, and may tell before bluetoothd listens: a fresh
// scan tells again.
constexpr uint32_t kRestartMs = 4000;

Message filter_call(const std::string& adapter_path, bool roost_only) {
  dbus::Dict filter;
  filter["Transport"] = std::string("le");
  if (roost_only) filter["UUIDs"] = std::vector<std::string>{protocol::kServiceUuid};
  Message call = Message::call(kService, adapter_path, kAdapter, "SetDiscoveryFilter");
  call.append(filter);
  return call;
}

}  // namespace

Discovery::~Discovery() {
  if (running_) tree_.bus().send(Message::call(kService, adapter_path_, kAdapter, "StopDiscovery"));
}

void Discovery::start(const std::string& adapter_path, bool roost_only,
                      std::function<void(const Failure&)> failed) {
  adapter_path_ = adapter_path;
  failed_ = std::move(failed);
  running_ = true;
  // A refused filter is no reason to stop: one then sees more than one asked for.
  tree_.bus().send(filter_call(adapter_path, roost_only));
  send_start();
}

void Discovery::send_start() {
  pending_ = tree_.bus().call(Message::call(kService, adapter_path_, kAdapter, "StartDiscovery"), kCallTimeoutMs,
                              [this](const Message& reply) {
                                if (!reply.is_error() || reply.error_name() == "org.bluez.Error.InProgress") {
                                  return arm_restart();
                                }
                                running_ = false;
                                auto failed = failed_;
                                failed(explain(reply, "looking for devices"));
                              });
}

void Discovery::send_stop(std::function<void()> stopped) {
  restart_ = {};
  pending_ = tree_.bus().call(Message::call(kService, adapter_path_, kAdapter, "StopDiscovery"), kCallTimeoutMs,
                              [stopped = std::move(stopped)](const Message&) { stopped(); });
}

void Discovery::arm_restart() {
  restart_ = tree_.bus().loop().after(kRestartMs, [this] { send_stop([this] { send_start(); }); });
}

void Discovery::stop(std::function<void()> stopped) {
  if (std::exchange(running_, false)) return send_stop(std::move(stopped));
  pending_.cancel();
  soon_ = tree_.bus().loop().after(0, std::move(stopped));
}

}  // namespace roost::host::bluez
