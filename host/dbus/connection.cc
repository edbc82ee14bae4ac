#include "host/dbus/connection.h"

#include <dbus/dbus.h>

#include "host/dbus/core.h"

namespace roost::host::dbus {

namespace {

struct Error : DBusError {
  Error() { dbus_error_init(this); }
  ~Error() { dbus_error_free(this); }
};

// A private connection: what we do to it concerns no other code in the process.
DBusConnection* connect_to(const std::string& bus, DBusError* error) {
  if (bus == "system") return dbus_bus_get_private(DBUS_BUS_SYSTEM, error);
  if (bus == "session") return dbus_bus_get_private(DBUS_BUS_SESSION, error);
  DBusConnection* connection = dbus_connection_open_private(bus.c_str(), error);
  if (connection && !dbus_bus_register(connection, error)) {
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
    return nullptr;
  }
  return connection;
}

void deliver_reply(DBusPendingCall* pending, void* handler) {
  const Message reply(dbus_pending_call_steal_reply(pending));
  // Copied: the handler may drop the PendingCall that owns it.
  auto copy = *static_cast<Connection::Handler*>(handler);
  copy(reply);
}

void delete_handler(void* handler) {
  delete static_cast<Connection::Handler*>(handler);
}

// What libdbus would have delivered, had there been a connection to send on.
Message disconnected_reply() {
  Message reply(dbus_message_new(DBUS_MESSAGE_TYPE_ERROR));
  dbus_message_set_error_name(reply.raw(), DBUS_ERROR_DISCONNECTED);
  reply.append("the connection to the message bus ended");
  return reply;
}

void add_clause(std::string& text, const char* key, const std::string& value) {
  if (!value.empty()) text += std::string(",") + key + "='" + value + "'";
}

}  // namespace

// ---- handles

PendingCall& PendingCall::operator=(PendingCall&& other) noexcept {
  if (this != &other) {
    cancel();
    call_ = std::exchange(other.call_, nullptr);
    failure_ = std::move(other.failure_);
  }
  return *this;
}

void PendingCall::cancel() {
  failure_ = {};
  DBusPendingCall* call = std::exchange(call_, nullptr);
  if (!call) return;
  dbus_pending_call_cancel(call);
  dbus_pending_call_unref(call);
}

Match& Match::operator=(Match&& other) noexcept {
  if (this != &other) {
    cancel();
    core_ = std::move(other.core_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void Match::cancel() {
  if (auto core = core_.lock()) core->remove_match(id_);
  id_ = 0;
}

Export& Export::operator=(Export&& other) noexcept {
  if (this != &other) {
    cancel();
    core_ = std::move(other.core_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void Export::cancel() {
  if (auto core = core_.lock()) core->remove_export(id_);
  id_ = 0;
}

// ---- rules

std::string MatchRule::text() const {
  std::string text = "type='signal'";
  add_clause(text, "sender", sender);
  add_clause(text, "path", path);
  add_clause(text, "path_namespace", path_namespace);
  add_clause(text, "interface", interface);
  add_clause(text, "member", member);
  add_clause(text, "arg0", arg0);
  return text;
}

bool MatchRule::matches(const Message& signal) const {
  auto same = [](const std::string& wanted, const std::string& actual) {
    return wanted.empty() || wanted == actual;
  };
  if (!same(interface, signal.interface()) || !same(member, signal.member()) || !same(path, signal.path())) {
    return false;
  }
  const std::string actual_path = signal.path();
  if (!path_namespace.empty() && path_namespace != "/" && actual_path != path_namespace &&
      actual_path.rfind(path_namespace + "/", 0) != 0) {
    return false;
  }
  std::string first;
  return arg0.empty() || (signal.read(&first) && first == arg0);
}

// ---- Connection

std::unique_ptr<Connection> Connection::open(Loop& loop, const std::string& bus, std::string* error) {
  Error failure;
  DBusConnection* raw = connect_to(bus, &failure);
  if (!raw) {
    *error = "no connection to the " + bus + " bus: " + (failure.message ? failure.message : "unknown reason");
    return nullptr;
  }
  auto core = std::make_shared<Core>(loop, raw);
  if (!core->start()) {
    *error = "no connection to the " + bus + " bus: out of memory";
    return nullptr;
  }
  return std::unique_ptr<Connection>(new Connection(std::move(core)));
}

Connection::~Connection() = default;

PendingCall Connection::call(const Message& message, uint32_t timeout_ms, Handler handler) {
  DBusPendingCall* pending = nullptr;
  const int timeout = timeout_ms == kNoTimeout ? DBUS_TIMEOUT_INFINITE : static_cast<int>(timeout_ms);
  if (!dbus_connection_send_with_reply(core_->connection(), message.raw(), &pending, timeout) || !pending) {
    return PendingCall(loop().after(0, [handler = std::move(handler)] { handler(disconnected_reply()); }));
  }
  dbus_pending_call_set_notify(pending, deliver_reply, new Handler(std::move(handler)), delete_handler);
  return PendingCall(pending);
}

void Connection::send(const Message& message) {
  dbus_connection_send(core_->connection(), message.raw(), nullptr);
}

Match Connection::match(const MatchRule& rule, Handler handler) {
  return Match(core_, core_->add_match(rule, std::move(handler)));
}

Export Connection::serve(const std::string& path, Handler handler) {
  return Export(core_, core_->add_export(path, std::move(handler)));
}

PendingCall Connection::request_name(const std::string& name, std::function<void(bool)> done) {
  Message request = Message::call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "RequestName");
  request.append(name, uint32_t{DBUS_NAME_FLAG_DO_NOT_QUEUE});
  return call(request, 5000, [done = std::move(done)](const Message& reply) {
    uint32_t result = 0;
    done(!reply.is_error() && reply.read(&result) &&
         (result == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER || result == DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER));
  });
}

void Connection::on_lost(std::function<void()> callback) {
  core_->set_lost(std::move(callback));
}

std::string Connection::unique_name() const {
  const char* name = dbus_bus_get_unique_name(core_->connection());
  return name ? name : "";
}

Loop& Connection::loop() const {
  return core_->loop();
}

}  // namespace roost::host::dbus
