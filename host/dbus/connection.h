// A connection to a message bus, driven by the host's loop through libdbus' watches and timeouts. Nothing blocks
// after open(); every callback comes from the loop, never from inside a call. Single-threaded.
//
//   std::string error;
//   auto bus = Connection::open(loop, "system", &error);
//   PendingCall pending = bus->call(Message::call(...), 5000, [](const Message& reply) { ... });
//   Match match = bus->match({.interface = "org.bluez.Device1"}, [](const Message& signal) { ... });
//
// The handles (PendingCall, Match, Export) may outlive the connection; they are then silent.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "host/dbus/message.h"
#include "host/loop.h"

struct DBusPendingCall;

namespace roost::host::dbus {

class Core;

// A call whose reply is awaited. Destroying it forgets the reply: the handler does not run any more.
class PendingCall {
 public:
  PendingCall() = default;
  explicit PendingCall(DBusPendingCall* call) : call_(call) {}
  // A call that could not even be sent: `failure` tells the handler so from the loop.
  explicit PendingCall(Loop::Source failure) : failure_(std::move(failure)) {}
  PendingCall(PendingCall&& other) noexcept
      : call_(std::exchange(other.call_, nullptr)), failure_(std::move(other.failure_)) {}
  PendingCall& operator=(PendingCall&& other) noexcept;
  ~PendingCall() { cancel(); }
  void cancel();

 private:
  DBusPendingCall* call_ = nullptr;
  Loop::Source failure_;
};

// What a signal must look like; an empty field matches anything.
struct MatchRule {
  std::string sender = {};
  std::string path = {};
  std::string path_namespace = {};
  std::string interface = {};
  std::string member = {};
  std::string arg0 = {};

  std::string text() const;
  // Everything but the sender, which the bus checks (a signal carries the unique name, a rule the well-known one).
  bool matches(const Message& signal) const;
};

// A subscription to signals; destroying it ends it, also from inside its own handler.
class Match {
 public:
  Match() = default;
  Match(std::weak_ptr<Core> core, uint64_t id) : core_(std::move(core)), id_(id) {}
  Match(Match&& other) noexcept : core_(std::move(other.core_)), id_(std::exchange(other.id_, 0)) {}
  Match& operator=(Match&& other) noexcept;
  ~Match() { cancel(); }
  void cancel();

 private:
  std::weak_ptr<Core> core_;
  uint64_t id_ = 0;
};

// An object path that answers method calls; destroying it unregisters the path.
class Export {
 public:
  Export() = default;
  Export(std::weak_ptr<Core> core, uint64_t id) : core_(std::move(core)), id_(id) {}
  Export(Export&& other) noexcept : core_(std::move(other.core_)), id_(std::exchange(other.id_, 0)) {}
  Export& operator=(Export&& other) noexcept;
  ~Export() { cancel(); }
  void cancel();

 private:
  std::weak_ptr<Core> core_;
  uint64_t id_ = 0;
};

class Connection {
 public:
  using Handler = std::function<void(const Message&)>;
  static constexpr uint32_t kNoTimeout = 0xFFFFFFFF;

  // `bus` is "system", "session", or a D-Bus address. Blocks for the handshake. Null with a sentence when there is
  // no such bus. The loop must outlive the connection.
  static std::unique_ptr<Connection> open(Loop& loop, const std::string& bus, std::string* error);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `handler` gets the reply or an error: also org.freedesktop.DBus.Error.NoReply after `timeout_ms`, and
  // org.freedesktop.DBus.Error.Disconnected when the bus is gone.
  [[nodiscard]] PendingCall call(const Message& message, uint32_t timeout_ms, Handler handler);
  // Sends without awaiting a reply: a signal, a reply, or a call whose outcome does not matter.
  void send(const Message& message);
  [[nodiscard]] Match match(const MatchRule& rule, Handler handler);
  // `handler` answers every method call on that path, now or later, by send(). False handle when the path is taken.
  [[nodiscard]] Export serve(const std::string& path, Handler handler);
  // Asks for a well-known name; `done` hears whether we own it.
  [[nodiscard]] PendingCall request_name(const std::string& name, std::function<void(bool owned)> done);

  // Called once when the bus hung up.
  void on_lost(std::function<void()> callback);
  // Our own name on the bus, such as ":1.42".
  std::string unique_name() const;
  Loop& loop() const;

 private:
  explicit Connection(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;
};

}  // namespace roost::host::dbus
