#include "host/dbus/core.h"

#include <sys/epoll.h>

#include <algorithm>

namespace roost::host::dbus {

namespace {

// So many messages are dispatched before the loop looks at others.
constexpr int kDispatchMax = 64;

Core* core_of(void* self) {
  return static_cast<Core*>(self);
}

uint32_t epoll_events(unsigned flags) {
  uint32_t events = 0;
  if (flags & DBUS_WATCH_READABLE) events |= EPOLLIN;
  if (flags & DBUS_WATCH_WRITABLE) events |= EPOLLOUT;
  return events;
}

unsigned watch_flags(uint32_t events) {
  unsigned flags = 0;
  if (events & EPOLLIN) flags |= DBUS_WATCH_READABLE;
  if (events & EPOLLOUT) flags |= DBUS_WATCH_WRITABLE;
  if (events & EPOLLHUP) flags |= DBUS_WATCH_HANGUP;
  if (events & EPOLLERR) flags |= DBUS_WATCH_ERROR;
  return flags;
}

}  // namespace

Core::Core(Loop& loop, DBusConnection* connection) : loop_(loop), connection_(connection) {}

Core::~Core() {
  alive_.reset();
  watches_.clear();
  sources_.clear();
  while (!served_.empty()) remove_export(served_.begin()->first);
  listeners_.clear();
  dbus_connection_remove_filter(connection_, filter, this);
  dbus_connection_set_dispatch_status_function(connection_, nullptr, nullptr, nullptr);
  dbus_connection_set_watch_functions(connection_, nullptr, nullptr, nullptr, nullptr, nullptr);
  dbus_connection_set_timeout_functions(connection_, nullptr, nullptr, nullptr, nullptr, nullptr);
  dbus_connection_close(connection_);
  dbus_connection_unref(connection_);
}

bool Core::start() {
  dbus_connection_set_exit_on_disconnect(connection_, false);
  dbus_connection_set_dispatch_status_function(connection_, dispatch_status, this, nullptr);
  bool ready =
      dbus_connection_set_watch_functions(connection_, add_watch, remove_watch, toggle_watch, this, nullptr) &&
      dbus_connection_set_timeout_functions(connection_, add_timeout, remove_timeout, toggle_timeout, this,
                                            nullptr) &&
      dbus_connection_add_filter(connection_, filter, this, nullptr);
  schedule_dispatch();
  return ready;
}

// ---- the loop

dbus_bool_t Core::add_watch(DBusWatch* watch, void* self) {
  core_of(self)->watches_.push_back(watch);
  core_of(self)->refresh_fd(dbus_watch_get_unix_fd(watch));
  return true;
}

void Core::remove_watch(DBusWatch* watch, void* self) {
  std::erase(core_of(self)->watches_, watch);
  core_of(self)->refresh_fd(dbus_watch_get_unix_fd(watch));
}

void Core::toggle_watch(DBusWatch* watch, void* self) {
  core_of(self)->refresh_fd(dbus_watch_get_unix_fd(watch));
}

void Core::refresh_fd(int fd) {
  unsigned flags = 0;
  for (DBusWatch* watch : watches_) {
    if (dbus_watch_get_unix_fd(watch) == fd && dbus_watch_get_enabled(watch)) flags |= dbus_watch_get_flags(watch);
  }
  auto found = sources_.find(fd);
  if (flags == 0) {
    if (found != sources_.end()) sources_.erase(found);
  } else if (found != sources_.end()) {
    found->second.set_events(epoll_events(flags));
  } else {
    sources_[fd] = loop_.watch(fd, epoll_events(flags), [this, fd](uint32_t events) { handle_fd(fd, events); });
  }
}

void Core::handle_fd(int fd, uint32_t events) {
  const std::vector<DBusWatch*> watches = watches_;  // handling one may remove another
  for (DBusWatch* watch : watches) {
    if (std::find(watches_.begin(), watches_.end(), watch) == watches_.end()) continue;
    if (dbus_watch_get_unix_fd(watch) != fd || !dbus_watch_get_enabled(watch)) continue;
    unsigned flags = watch_flags(events) & (dbus_watch_get_flags(watch) | DBUS_WATCH_HANGUP | DBUS_WATCH_ERROR);
    if (flags) dbus_watch_handle(watch, flags);
  }
  schedule_dispatch();
}

dbus_bool_t Core::add_timeout(DBusTimeout* timeout, void* self) {
  core_of(self)->arm_timeout(timeout);
  return true;
}

void Core::remove_timeout(DBusTimeout* timeout, void* self) {
  core_of(self)->timeouts_.erase(timeout);
}

void Core::toggle_timeout(DBusTimeout* timeout, void* self) {
  core_of(self)->arm_timeout(timeout);
}

// libdbus' timeouts repeat until removed.
void Core::arm_timeout(DBusTimeout* timeout) {
  if (!dbus_timeout_get_enabled(timeout)) {
    timeouts_.erase(timeout);
    return;
  }
  const uint32_t interval_ms = static_cast<uint32_t>(std::max(dbus_timeout_get_interval(timeout), 0));
  timeouts_[timeout] = loop_.after(interval_ms, [this, timeout] {
    arm_timeout(timeout);
    dbus_timeout_handle(timeout);
  });
}

void Core::dispatch_status(DBusConnection*, DBusDispatchStatus status, void* self) {
  if (status == DBUS_DISPATCH_DATA_REMAINS) core_of(self)->schedule_dispatch();
}

void Core::schedule_dispatch() {
  if (dbus_connection_get_dispatch_status(connection_) != DBUS_DISPATCH_DATA_REMAINS || dispatching_) return;
  dispatching_ = loop_.after(0, [this] { dispatch(); });
}

void Core::dispatch() {
  dispatching_ = {};
  // A handler may destroy the Connection; libdbus' own reference must outlast dbus_connection_dispatch().
  DBusConnection* connection = dbus_connection_ref(connection_);
  std::weak_ptr<bool> alive = alive_;
  for (int i = 0; i < kDispatchMax && !alive.expired(); ++i) {
    if (dbus_connection_dispatch(connection) != DBUS_DISPATCH_DATA_REMAINS) break;
  }
  if (!alive.expired()) schedule_dispatch();
  dbus_connection_unref(connection);
}

// ---- signals

uint64_t Core::add_match(const MatchRule& rule, Connection::Handler handler) {
  const uint64_t id = next_id_++;
  listeners_[id] = {rule, std::make_shared<Connection::Handler>(std::move(handler))};
  dbus_bus_add_match(connection_, rule.text().c_str(), nullptr);  // without an error: does not block
  return id;
}

void Core::remove_match(uint64_t id) {
  auto found = listeners_.find(id);
  if (found == listeners_.end()) return;
  dbus_bus_remove_match(connection_, found->second.rule.text().c_str(), nullptr);
  listeners_.erase(found);
}

DBusHandlerResult Core::filter(DBusConnection*, DBusMessage* raw, void* self) {
  if (dbus_message_get_type(raw) != DBUS_MESSAGE_TYPE_SIGNAL) return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
  Core* core = core_of(self);
  std::weak_ptr<bool> alive = core->alive_;
  const Message signal(dbus_message_ref(raw));
  if (dbus_message_is_signal(raw, DBUS_INTERFACE_LOCAL, "Disconnected")) {
    auto lost = std::exchange(core->lost_, nullptr);
    if (lost) lost();
    return DBUS_HANDLER_RESULT_HANDLED;
  }
  std::vector<std::pair<uint64_t, std::shared_ptr<Connection::Handler>>> matching;
  for (const auto& [id, listener] : core->listeners_) {
    if (listener.rule.matches(signal)) matching.emplace_back(id, listener.handler);
  }
  for (const auto& [id, handler] : matching) {
    if (alive.expired()) break;
    if (core->listeners_.count(id)) (*handler)(signal);
  }
  return DBUS_HANDLER_RESULT_HANDLED;
}

// ---- objects

uint64_t Core::add_export(const std::string& path, Connection::Handler handler) {
  static const DBusObjectPathVTable kTable = {nullptr, answer, nullptr, nullptr, nullptr, nullptr};
  auto served = std::make_unique<Served>(Served{path, std::make_shared<Connection::Handler>(std::move(handler))});
  if (!dbus_connection_try_register_object_path(connection_, path.c_str(), &kTable, served.get(), nullptr))
    return 0;
  const uint64_t id = next_id_++;
  served_[id] = std::move(served);
  return id;
}

void Core::remove_export(uint64_t id) {
  auto found = served_.find(id);
  if (found == served_.end()) return;
  dbus_connection_unregister_object_path(connection_, found->second->path.c_str());
  served_.erase(found);
}

DBusHandlerResult Core::answer(DBusConnection*, DBusMessage* raw, void* served) {
  if (dbus_message_get_type(raw) != DBUS_MESSAGE_TYPE_METHOD_CALL) return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
  auto handler = static_cast<Served*>(served)->handler;  // it may unregister its own path
  (*handler)(Message(dbus_message_ref(raw)));
  return DBUS_HANDLER_RESULT_HANDLED;
}

}  // namespace roost::host::dbus
