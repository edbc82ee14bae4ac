// Objects with interfaces, methods, properties and signals on one connection, under one ObjectManager root.
// Introspection, org.freedesktop.DBus.Properties and ObjectManager come by themselves.
//
//   ObjectServer server(bus, "/org/example");
//   server.add("/org/example/thing0", {{.name = "org.example.Thing",
//       .methods = {{"Poke", {{"count", "u"}}, {{"left", "u"}}, [&](MethodCall call) { ... call.reply(left); }}},
//       .properties = {{"Name", "s", [&] { return Value(name); }}}}});
//   server.changed("/org/example/thing0", "org.example.Thing", {"Name"});
//
// A method with other arguments than declared never reaches its handler: the caller gets InvalidArgs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "host/dbus/connection.h"

namespace roost::host::dbus {

// A method call to be answered once, now or later. One that is dropped answers with an error.
class MethodCall {
 public:
  MethodCall(Connection& bus, Message message) : bus_(&bus), message_(std::move(message)) {}
  MethodCall(MethodCall&& other) noexcept : bus_(std::exchange(other.bus_, nullptr)), message_(other.message_) {}
  MethodCall& operator=(MethodCall&& other) noexcept;
  ~MethodCall();

  const Message& message() const { return message_; }
  template <typename... Args>
  void reply(const Args&... args) {
    Message reply = message_.make_reply();
    reply.append(args...);
    send(reply);
  }
  void fail(const std::string& error_name, const std::string& text) { send(message_.make_error(error_name, text)); }

 private:
  void send(const Message& reply);
  Connection* bus_;  // null once answered
  Message message_;
};

struct Argument {
  std::string name;
  std::string signature;
};

struct Method {
  std::string name;
  std::vector<Argument> in;
  std::vector<Argument> out;
  std::function<void(MethodCall)> handler;
};

struct Property {
  std::string name;
  std::string signature;
  std::function<Value()> get;  // an empty Value: the property is not there at present
  // Writable when set. False with a sentence when the value will not do.
  std::function<bool(const Value& value, std::string* error)> set = nullptr;
};

struct Signal {
  std::string name;
  std::vector<Argument> arguments;
};

struct Interface {
  std::string name;
  std::vector<Method> methods = {};
  std::vector<Property> properties = {};
  std::vector<Signal> signals = {};
};

class ObjectServer {
 public:
  // Serves ObjectManager at `root`. Borrows the connection.
  ObjectServer(Connection& bus, std::string root);

  // Adds an object and announces it. The root itself may be added too, and is not listed. False: the path is taken.
  bool add(const std::string& path, std::vector<Interface> interfaces);
  // Removes it and announces that. A call under way on it is still answered by its handler.
  void remove(const std::string& path);
  bool has(const std::string& path) const { return objects_.count(path) != 0; }
  // Announces what these properties are now.
  void changed(const std::string& path, const std::string& interface, const std::vector<std::string>& names);
  template <typename... Args>
  void emit(const std::string& path, const std::string& interface, const std::string& signal, const Args&... args) {
    Message message = Message::signal(path, interface, signal);
    message.append(args...);
    bus_.send(message);
  }
  // Stands before every method's handler and every property set: may answer the call itself (access control,
  // faults), or hand it on, now or later.
  using Proceed = std::function<void(MethodCall)>;
  using Gate = std::function<void(MethodCall call, Proceed proceed)>;
  void set_gate(Gate gate) { gate_ = std::move(gate); }

  std::string introspect(const std::string& path) const;

 private:
  struct Object {
    std::vector<Interface> interfaces;
    Export served;
  };

  void handle(const std::string& path, const Message& message);
  void handle_properties(const Object& object, MethodCall call);
  void pass(MethodCall call, Proceed proceed);
  void handle_own(const Object& object, MethodCall call);
  Interfaces describe(const Object& object) const;

  Connection& bus_;
  std::string root_;
  std::map<std::string, Object> objects_;
  Gate gate_;
};

}  // namespace roost::host::dbus
