// org.roost1 on the bus: what the registry and the dispatcher hold, as objects. README.md describes the interfaces.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "host/daemon/dispatcher.h"
#include "host/daemon/pairing_desk.h"
#include "host/dbus/object_server.h"

namespace roost::host::daemon {

class Service {
 public:
  // Borrows everything. Takes over the registry's events and the dispatcher's.
  Service(dbus::Connection& bus, Registry& registry, Dispatcher& dispatcher, Links& links, ModelStore& models);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Asks for the bus name; `done` hears whether we have it: only one daemon serves a bus.
  void claim(std::function<void(bool owned)> done);

 private:
  std::vector<dbus::Interface> manager();
  std::vector<dbus::Interface> device_object(int64_t key);
  std::vector<dbus::Interface> job_object(int64_t number);
  dbus::Method request_method(const std::string& name, int64_t device, JobKind kind);

  void add_model(dbus::MethodCall call);
  void remove_model(dbus::MethodCall call);
  void list_models(dbus::MethodCall call);
  void deploy(dbus::MethodCall call);
  void list_jobs(dbus::MethodCall call);
  void history(dbus::MethodCall call);
  void add_device(dbus::MethodCall call);
  void find_device(dbus::MethodCall call);
  void scan(dbus::MethodCall call);
  void pair(int64_t device, PairingDesk::Act act, dbus::MethodCall call);
  void answer_pairing(int64_t device, dbus::MethodCall call);
  void read_info(int64_t device, dbus::MethodCall call);
  void forget_device(int64_t device, dbus::MethodCall call);
  void cancel(int64_t job, dbus::MethodCall call);
  void answer_cancels(const JobRecord& job);
  void file_jobs(std::vector<JobRecord> jobs,
                 std::function<void(const std::string& error, const std::vector<dbus::ObjectPath>&)> done);

  // The device that a text names, or 0 with the error's name and sentence. An address that is new becomes a device,
  // unless it is to be a `known` one: who may only look adds nothing.
  int64_t resolve(const std::string& text, std::string* error_name, std::string* error, bool known = false);
  bool may_file(size_t more, dbus::MethodCall& call) const;

  void show_device(const DeviceRecord& device);
  void show_job(const JobRecord& job);
  void show_activity(int64_t number);
  dbus::Dict describe_job(const JobRecord& job) const;

  dbus::Connection& bus_;
  Registry& registry_;
  Dispatcher& dispatcher_;
  Links& links_;
  ModelStore& models_;
  dbus::ObjectServer server_;
  PairingDesk pairing_;
  dbus::PendingCall claiming_;
  std::map<int64_t, int> rssi_;                       // by device, as last heard
  std::set<int64_t> ended_told_;                      // jobs whose Ended signal went out
  std::multimap<int64_t, dbus::MethodCall> cancels_;  // by job, until its end is recorded
};

}  // namespace roost::host::daemon
