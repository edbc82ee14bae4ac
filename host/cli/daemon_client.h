// A running roostd as the command line sees it. Every call runs a loop of its own until the answer is there.
//
//   auto daemon = DaemonClient::find();          // null: none runs, work alone
//   const dbus::Message reply = daemon->call(kRootPath, kManagerInterface, "Scan", uint32_t{4});
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/daemon/names.h"
#include "host/dbus/connection.h"
#include "host/exit_code.h"
#include "host/progress.h"

namespace roost::host {

class DaemonClient {
 public:
  // Null when there is no bus, or no daemon on it: neither is an error.
  static std::unique_ptr<DaemonClient> find();

  template <typename... Args>
  dbus::Message call(const std::string& path, const std::string& interface, const std::string& member,
                     const Args&... args) {
    dbus::Message message = dbus::Message::call(daemon::kBusName, path, interface, member);
    message.append(args...);
    return send(message);
  }
  // The outcome that an error reply stands for.
  static Outcome failure(const dbus::Message& reply);

  // The object of the device that --to names; empty when the daemon does not know it.
  std::string device(const std::string& to);
  // The same, made known by its address if it is not; empty with the outcome when --to is neither.
  std::string device_or_new(const std::string& to, Outcome* outcome);
  // What --to says, with a socket's whole path: the daemon has another idea of where they are.
  static std::string absolute(const std::string& to);

  dbus::Dict properties(const std::string& path, const std::string& interface);

  // Follows jobs until each has ended. The daemon may stop and come back meanwhile. `interrupted`: the user stopped
  // watching, and the jobs go on.
  struct Ended {
    std::string path;
    Outcome outcome;
    std::string report;  // JSON; may be empty
  };
  using Seen = std::function<void(const std::string& path, const dbus::Dict& job)>;
  std::vector<Ended> watch(const std::vector<std::string>& jobs, const Seen& seen, bool* interrupted);

  // For commands that listen for good.
  dbus::Connection& bus() { return *bus_; }
  Loop& loop() { return loop_; }

 private:
  dbus::Message send(const dbus::Message& message);

  Loop loop_;
  std::unique_ptr<dbus::Connection> bus_;
};

// What a job's properties say of its progress.
Progress progress_of(const dbus::Dict& job);

}  // namespace roost::host
