#include "host/bluez/discovery.h"

#include "host/bluez/names.h"
#include "protocol/uuids.h"

namespace roost::host::bluez {

using dbus::Message;

namespace {

constexpr uint32_t kCallTimeoutMs = 5000;

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
  running_ = true;
  // A refused filter is no reason to stop: one then sees more than one asked for.
  tree_.bus().send(filter_call(adapter_path, roost_only));
  pending_ = tree_.bus().call(Message::call(kService, adapter_path, kAdapter, "StartDiscovery"), kCallTimeoutMs,
                              [this, failed = std::move(failed)](const Message& reply) {
                                if (!reply.is_error() || reply.error_name() == "org.bluez.Error.InProgress") return;
                                running_ = false;
                                failed(explain(reply, "looking for devices"));
                              });
}

void Discovery::stop(std::function<void()> stopped) {
  if (!running_) {
    pending_.cancel();
    soon_ = tree_.bus().loop().after(0, std::move(stopped));
    return;
  }
  running_ = false;
  pending_ = tree_.bus().call(Message::call(kService, adapter_path_, kAdapter, "StopDiscovery"), kCallTimeoutMs,
                              [stopped = std::move(stopped)](const Message&) { stopped(); });
}

}  // namespace roost::host::bluez
