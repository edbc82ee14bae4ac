#include "host/cli/daemon_client.h"

#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "host/address.h"
#include "host/bluez/open_link.h"

namespace roost::host {

using dbus::Message;

namespace {

// A delivery may be waited for in between (ReadInfo), so an answer may take its time.
constexpr uint32_t kCallMs = 120000;
constexpr uint32_t kLookAgainMs = 1000;  // signals may be lost with a daemon that restarts
constexpr int kAbsentMax = 60;           // looks, before the daemon is given up

constexpr char kPropertiesInterface[] = "org.freedesktop.DBus.Properties";

}  // namespace

std::unique_ptr<DaemonClient> DaemonClient::find() {
  std::unique_ptr<DaemonClient> client(new DaemonClient());
  std::string ignored;
  client->bus_ = dbus::Connection::open(client->loop_, default_bus(), &ignored);
  if (!client->bus_) return nullptr;
  Message ask =
      Message::call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner");
  ask.append(daemon::kBusName);
  bool there = false;
  return client->send(ask).read(&there) && there ? std::move(client) : nullptr;
}

Message DaemonClient::send(const Message& message) {
  std::optional<Message> answer;
  const auto pending = bus_->call(message, kCallMs, [&](const Message& reply) { answer = reply; });
  while (!answer) loop_.run_for(kCallMs);
  return *answer;
}

Outcome DaemonClient::failure(const Message& reply) {
  if (reply.error_name() == "org.freedesktop.DBus.Error.AccessDenied") {
    return {ExitCode::kRefused, "daemon",
            "roostd's bus policy does not let you do this; become a member of the group roost, or use --direct"};
  }
  return {daemon::exit_code_of(reply.error_name()), "daemon", "roostd says: " + reply.error_text()};
}

std::string DaemonClient::absolute(const std::string& to) {
  const Address address = Address::parse(to);
  return address.kind == Address::Kind::kSim ? "sim:" + std::filesystem::absolute(address.rest).string() : to;
}

std::string DaemonClient::device(const std::string& to) {
  const Message reply = call(daemon::kRootPath, daemon::kManagerInterface, "FindDevice", absolute(to));
  dbus::ObjectPath path;
  return reply.is_error() || !reply.read(&path) ? "" : path.text;
}

std::string DaemonClient::device_or_new(const std::string& to, Outcome* outcome) {
  const std::string known = device(to);
  if (!known.empty()) return known;
  const Message added = call(daemon::kRootPath, daemon::kManagerInterface, "AddDevice", absolute(to));
  dbus::ObjectPath path;
  if (!added.is_error() && added.read(&path)) return path.text;
  *outcome = failure(added);
  return "";
}

dbus::Dict DaemonClient::properties(const std::string& path, const std::string& interface) {
  dbus::Dict values;
  const Message reply = call(path, kPropertiesInterface, "GetAll", interface);
  if (!reply.is_error()) (void)reply.read(&values);
  return values;
}

// Answers and signals go through one queue, in the order in which the daemon said them: each phase is seen, however
// short, and no answer from before a signal undoes it.
std::vector<DaemonClient::Ended> DaemonClient::watch(const std::vector<std::string>& jobs, const Seen& seen,
                                                     bool* interrupted) {
  struct Told {
    std::string path;
    dbus::Dict values;
    bool whole;  // all properties, or what has changed
  };
  std::vector<Ended> ended;
  std::deque<Told> told;
  std::map<std::string, dbus::Dict> known;
  std::map<std::string, dbus::PendingCall> asked;
  std::set<std::string> open(jobs.begin(), jobs.end());
  const auto match = bus_->match({.sender = daemon::kBusName,
                                  .path_namespace = std::string(daemon::kRootPath) + "/job",
                                  .interface = kPropertiesInterface,
                                  .member = "PropertiesChanged",
                                  .arg0 = daemon::kJobInterface},
                                 [&](const Message& signal) {
                                   std::string interface;
                                   dbus::Dict changed;
                                   if (signal.read(&interface, &changed))
                                     told.push_back({signal.path(), std::move(changed), false});
                                 });
  const auto ask = [&](const std::string& path) {
    if (asked.count(path)) return;
    Message get_all = Message::call(daemon::kBusName, path, kPropertiesInterface, "GetAll");
    get_all.append(daemon::kJobInterface);
    asked[path] = bus_->call(get_all, kCallMs, [&, path](const Message& reply) {
      const auto answered = asked.extract(path);
      dbus::Dict values;
      if (!reply.is_error()) (void)reply.read(&values);
      told.push_back({path, std::move(values), true});
    });
  };
  const auto take = [&](Told& news, int* absent) {
    if (!open.count(news.path)) return;
    if (news.whole && news.values.empty()) {
      if (++*absent < kAbsentMax) return;
      ended.push_back(
          {news.path, {ExitCode::kLinkLost, "daemon", "roostd is gone, or has forgotten this job"}, ""});
      open.erase(news.path);
      return;
    }
    *absent = 0;
    if (!news.whole && !known.count(news.path)) return;
    dbus::Dict& job = known[news.path];
    if (news.whole) job.clear();
    for (auto& [name, value] : news.values) job[name] = std::move(value);
    seen(news.path, job);
    if (dbus::get<uint64_t>(job, "EndedAt") == 0) return;
    ended.push_back({news.path,
                     {static_cast<ExitCode>(dbus::get<int32_t>(job, "ExitCode")),
                      dbus::get<std::string>(job, "Stage"), dbus::get<std::string>(job, "Message")},
                     dbus::get<std::string>(job, "Report")});
    open.erase(news.path);
  };

  *interrupted = false;
  const auto terminate = loop_.on_terminate([&] { *interrupted = true; });
  int absent = 0;
  while (!open.empty() && !*interrupted) {
    bool look = false;
    const auto look_again = loop_.after(kLookAgainMs, [&] { look = true; });
    for (const std::string& path : open) ask(path);
    while (!look && !*interrupted && !open.empty()) {
      for (; !told.empty(); told.pop_front()) take(told.front(), &absent);
      if (!open.empty()) loop_.run_for(kLookAgainMs);
    }
  }
  return ended;
}

Progress progress_of(const dbus::Dict& job) {
  Progress progress;
  const std::string phase = dbus::get<std::string>(job, "Phase");
  for (int p = 0; p <= static_cast<int>(Phase::kConfirm); ++p) {
    if (phase == phase_name(static_cast<Phase>(p))) progress.phase = static_cast<Phase>(p);
  }
  progress.bytes_done = dbus::get<uint64_t>(job, "BytesDone");
  progress.bytes_total = dbus::get<uint64_t>(job, "BytesTotal");
  progress.bytes_resumed = dbus::get<uint64_t>(job, "BytesResumed");
  return progress;
}

}  // namespace roost::host
