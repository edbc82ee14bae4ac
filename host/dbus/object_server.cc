#include "host/dbus/object_server.h"

#include <algorithm>
#include <set>

namespace roost::host::dbus {

namespace {

constexpr char kPropertiesInterface[] = "org.freedesktop.DBus.Properties";
constexpr char kManagerInterface[] = "org.freedesktop.DBus.ObjectManager";
constexpr char kIntrospectable[] = "org.freedesktop.DBus.Introspectable";
constexpr char kPeer[] = "org.freedesktop.DBus.Peer";

constexpr char kInvalidArgs[] = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr char kUnknownMethod[] = "org.freedesktop.DBus.Error.UnknownMethod";
constexpr char kUnknownInterface[] = "org.freedesktop.DBus.Error.UnknownInterface";
constexpr char kUnknownProperty[] = "org.freedesktop.DBus.Error.UnknownProperty";
constexpr char kPropertyReadOnly[] = "org.freedesktop.DBus.Error.PropertyReadOnly";
constexpr char kUnknownObject[] = "org.freedesktop.DBus.Error.UnknownObject";

constexpr char kStandardXml[] = R"(  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect"><arg name="xml" type="s" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get"><arg name="interface" type="s" direction="in"/><arg name="name" type="s" direction="in"/><arg name="value" type="v" direction="out"/></method>
    <method name="Set"><arg name="interface" type="s" direction="in"/><arg name="name" type="s" direction="in"/><arg name="value" type="v" direction="in"/></method>
    <method name="GetAll"><arg name="interface" type="s" direction="in"/><arg name="properties" type="a{sv}" direction="out"/></method>
    <signal name="PropertiesChanged"><arg name="interface" type="s"/><arg name="changed" type="a{sv}"/><arg name="invalidated" type="as"/></signal>
  </interface>
)";
constexpr char kManagerXml[] = R"(  <interface name="org.freedesktop.DBus.ObjectManager">
    <method name="GetManagedObjects"><arg name="objects" type="a{oa{sa{sv}}}" direction="out"/></method>
    <signal name="InterfacesAdded"><arg name="object" type="o"/><arg name="interfaces" type="a{sa{sv}}"/></signal>
    <signal name="InterfacesRemoved"><arg name="object" type="o"/><arg name="interfaces" type="as"/></signal>
  </interface>
)";

std::string joined(const std::vector<Argument>& arguments) {
  std::string signature;
  for (const Argument& argument : arguments) signature += argument.signature;
  return signature;
}

std::string arguments_xml(const std::vector<Argument>& arguments, const char* direction) {
  std::string xml;
  for (const Argument& argument : arguments) {
    xml += "      <arg name=\"" + argument.name + "\" type=\"" + argument.signature + "\"";
    if (*direction) xml += std::string(" direction=\"") + direction + "\"";
    xml += "/>\n";
  }
  return xml;
}

std::string interface_xml(const Interface& interface) {
  std::string xml = "  <interface name=\"" + interface.name + "\">\n";
  for (const Method& method : interface.methods) {
    xml += "    <method name=\"" + method.name + "\">\n" + arguments_xml(method.in, "in") +
           arguments_xml(method.out, "out") + "    </method>\n";
  }
  for (const Signal& signal : interface.signals) {
    xml += "    <signal name=\"" + signal.name + "\">\n" + arguments_xml(signal.arguments, "") + "    </signal>\n";
  }
  for (const Property& property : interface.properties) {
    xml += "    <property name=\"" + property.name + "\" type=\"" + property.signature + "\" access=\"" +
           (property.set ? "readwrite" : "read") + "\"/>\n";
  }
  return xml + "  </interface>\n";
}

// The first step from `parent` towards `path`; empty when it is not below.
std::string child_of(const std::string& parent, const std::string& path) {
  const std::string prefix = parent == "/" ? "/" : parent + "/";
  if (path.size() <= prefix.size() || path.compare(0, prefix.size(), prefix) != 0) return "";
  return path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size());
}

template <typename T>
auto find_named(const std::vector<T>& items, const std::string& name) {
  auto found = std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

Dict read_all(const Interface& interface) {
  Dict values;
  for (const Property& property : interface.properties) {
    Value value = property.get();
    if (!value.empty()) values[property.name] = std::move(value);
  }
  return values;
}

}  // namespace

MethodCall& MethodCall::operator=(MethodCall&& other) noexcept {
  std::swap(bus_, other.bus_);
  std::swap(message_, other.message_);
  return *this;
}

MethodCall::~MethodCall() {
  if (bus_) fail("org.freedesktop.DBus.Error.Failed", "the request was dropped");
}

void MethodCall::send(const Message& reply) {
  if (Connection* bus = std::exchange(bus_, nullptr)) bus->send(reply);
}

ObjectServer::ObjectServer(Connection& bus, std::string root) : bus_(bus), root_(std::move(root)) {
  add(root_, {});
}

bool ObjectServer::add(const std::string& path, std::vector<Interface> interfaces) {
  const bool is_root = path == root_;
  auto known = objects_.find(path);
  if (known != objects_.end() && !(is_root && known->second.interfaces.empty())) return false;
  Object& object = objects_[path];
  object.interfaces = std::move(interfaces);
  if (known == objects_.end()) {
    object.served = bus_.serve(path, [this, path](const Message& message) { handle(path, message); });
  }
  if (!is_root) emit(root_, kManagerInterface, "InterfacesAdded", ObjectPath(path), describe(object));
  return true;
}

void ObjectServer::remove(const std::string& path) {
  auto found = objects_.find(path);
  if (found == objects_.end()) return;
  std::vector<std::string> names;
  for (const Interface& interface : found->second.interfaces) names.push_back(interface.name);
  objects_.erase(found);
  emit(root_, kManagerInterface, "InterfacesRemoved", ObjectPath(path), names);
}

void ObjectServer::changed(const std::string& path, const std::string& interface_name,
                           const std::vector<std::string>& names) {
  auto found = objects_.find(path);
  if (found == objects_.end()) return;
  const Interface* interface = find_named(found->second.interfaces, interface_name);
  if (!interface) return;
  Dict values;
  std::vector<std::string> invalidated;
  for (const std::string& name : names) {
    const Property* property = find_named(interface->properties, name);
    if (!property) continue;
    Value value = property->get();
    if (value.empty()) {
      invalidated.push_back(name);
    } else {
      values[name] = std::move(value);
    }
  }
  emit(path, kPropertiesInterface, "PropertiesChanged", interface_name, values, invalidated);
}

Interfaces ObjectServer::describe(const Object& object) const {
  Interfaces described;
  for (const Interface& interface : object.interfaces) described[interface.name] = read_all(interface);
  return described;
}

std::string ObjectServer::introspect(const std::string& path) const {
  std::string xml =
      "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
      "  \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
  xml += kStandardXml;
  if (path == root_) xml += kManagerXml;
  auto found = objects_.find(path);
  if (found != objects_.end()) {
    for (const Interface& interface : found->second.interfaces) xml += interface_xml(interface);
  }
  std::set<std::string> children;
  for (const auto& [other, object] : objects_) {
    std::string child = child_of(path, other);
    if (!child.empty()) children.insert(child);
  }
  for (const std::string& child : children) xml += "  <node name=\"" + child + "\"/>\n";
  return xml + "</node>\n";
}

void ObjectServer::handle(const std::string& path, const Message& message) {
  MethodCall call(bus_, message);
  auto found = objects_.find(path);
  if (found == objects_.end()) return call.fail(kUnknownObject, "no such object: " + path);
  const std::string interface = message.interface();
  if (interface == kPropertiesInterface) return handle_properties(found->second, std::move(call));
  if (interface == kIntrospectable) return call.reply(introspect(path));
  if (interface == kPeer) return call.reply();
  if (interface == kManagerInterface && path == root_ && message.member() == "GetManagedObjects") {
    Objects managed;
    for (const auto& [other, object] : objects_) {
      if (other != root_) managed[ObjectPath(other)] = describe(object);
    }
    return call.reply(managed);
  }
  handle_own(found->second, std::move(call));
}

void ObjectServer::handle_own(const Object& object, MethodCall call) {
  const std::string interface_name = call.message().interface();
  const std::string member = call.message().member();
  for (const Interface& interface : object.interfaces) {
    if (!interface_name.empty() && interface.name != interface_name) continue;
    const Method* method = find_named(interface.methods, member);
    if (!method) continue;
    if (call.message().signature() != joined(method->in)) {
      return call.fail(kInvalidArgs,
                       member + " takes (" + joined(method->in) + "), not (" + call.message().signature() + ")");
    }
    return pass(std::move(call), method->handler);
  }
  call.fail(kUnknownMethod, "no method " + member + " in interface " + interface_name);
}

void ObjectServer::handle_properties(const Object& object, MethodCall call) {
  const std::string member = call.message().member();
  std::string interface_name, name;
  Value value;
  const bool get = member == "Get" && call.message().read(&interface_name, &name);
  const bool set = member == "Set" && call.message().read(&interface_name, &name, &value);
  const bool get_all = member == "GetAll" && call.message().read(&interface_name);
  if (!get && !set && !get_all) return call.fail(kInvalidArgs, "Properties has Get(ss), Set(ssv) and GetAll(s)");
  const Interface* interface = find_named(object.interfaces, interface_name);
  if (!interface) return call.fail(kUnknownInterface, "no interface " + interface_name);
  if (get_all) return call.reply(read_all(*interface));
  const Property* property = find_named(interface->properties, name);
  if (!property) return call.fail(kUnknownProperty, "no property " + name);
  if (get) {
    Value held = property->get();
    return held.empty() ? call.fail(kUnknownProperty, name + " has no value now") : call.reply(held);
  }
  if (!property->set) return call.fail(kPropertyReadOnly, name + " is read-only");
  const char* signature = signature_of(value);
  if (!signature || property->signature != signature) {
    return call.fail(kInvalidArgs, name + " is of type " + property->signature);
  }
  pass(std::move(call), [setter = property->set, value](MethodCall passed) {
    std::string error;
    if (!setter(value, &error)) return passed.fail(kInvalidArgs, error);
    passed.reply();
  });
}

// `proceed` is a copy: a handler may remove its own object.
void ObjectServer::pass(MethodCall call, Proceed proceed) {
  if (gate_) return gate_(std::move(call), std::move(proceed));
  proceed(std::move(call));
}

}  // namespace roost::host::dbus
