// What a Connection and its handles share: libdbus' connection, its watches and timeouts in the loop, and who
// listens. Private to this folder.
#pragma once

#include <dbus/dbus.h>

#include <map>
#include <memory>
#include <vector>

#include "host/dbus/connection.h"

namespace roost::host::dbus {

class Core {
 public:
  Core(Loop& loop, DBusConnection* connection);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  bool start();
  uint64_t add_match(const MatchRule& rule, Connection::Handler handler);
  void remove_match(uint64_t id);
  uint64_t add_export(const std::string& path, Connection::Handler handler);
  void remove_export(uint64_t id);

  DBusConnection* connection() const { return connection_; }
  Loop& loop() const { return loop_; }
  void set_lost(std::function<void()> callback) { lost_ = std::move(callback); }

 private:
  struct Listener {
    MatchRule rule;
    std::shared_ptr<Connection::Handler> handler;
  };
  struct Served {
    std::string path;
    std::shared_ptr<Connection::Handler> handler;
  };

  static dbus_bool_t add_watch(DBusWatch* watch, void* self);
  static void remove_watch(DBusWatch* watch, void* self);
  static void toggle_watch(DBusWatch* watch, void* self);
  static dbus_bool_t add_timeout(DBusTimeout* timeout, void* self);
  static void remove_timeout(DBusTimeout* timeout, void* self);
  static void toggle_timeout(DBusTimeout* timeout, void* self);
  static void dispatch_status(DBusConnection*, DBusDispatchStatus status, void* self);
  static DBusHandlerResult filter(DBusConnection*, DBusMessage* message, void* self);
  static DBusHandlerResult answer(DBusConnection*, DBusMessage* message, void* served);

  // libdbus has a watch each for reading and writing on one fd; the loop takes an fd once.
  void refresh_fd(int fd);
  void handle_fd(int fd, uint32_t events);
  void arm_timeout(DBusTimeout* timeout);
  void schedule_dispatch();
  void dispatch();

  Loop& loop_;
  DBusConnection* connection_;
  std::vector<DBusWatch*> watches_;
  std::map<int, Loop::Source> sources_;
  std::map<DBusTimeout*, Loop::Source> timeouts_;
  Loop::Source dispatching_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Listener> listeners_;
  std::map<uint64_t, std::unique_ptr<Served>> served_;
  std::function<void()> lost_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // expires first: a handler may destroy us
};

}  // namespace roost::host::dbus
