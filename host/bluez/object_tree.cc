#include "host/bluez/object_tree.h"

#include "host/bluez/names.h"

namespace roost::host::bluez {

using dbus::Message;
using dbus::ObjectPath;

namespace {

// bluetoothd may have to be started by the bus first.
constexpr uint32_t kLoadTimeoutMs = 15000;
constexpr char kBus[] = "org.freedesktop.DBus";

}  // namespace

ObjectTree::ObjectTree(dbus::Connection& bus) : bus_(bus) {
  matches_.push_back(bus_.match({.sender = kBus, .interface = kBus, .member = "NameOwnerChanged", .arg0 = kService},
                                [this](const Message& signal) { handle_owner(signal); }));
  matches_.push_back(bus_.match({.sender = kService, .interface = kObjectManager, .member = "InterfacesAdded"},
                                [this](const Message& signal) { handle_added(signal); }));
  matches_.push_back(bus_.match({.sender = kService, .interface = kObjectManager, .member = "InterfacesRemoved"},
                                [this](const Message& signal) { handle_removed(signal); }));
  matches_.push_back(bus_.match({.sender = kService,
                                 .path_namespace = "/org/bluez",
                                 .interface = kPropertiesInterface,
                                 .member = "PropertiesChanged"},
                                [this](const Message& signal) { handle_properties(signal); }));
  load();
}

const dbus::Dict* ObjectTree::find(const std::string& path, const std::string& interface) const {
  auto object = objects_.find(ObjectPath(path));
  if (object == objects_.end()) return nullptr;
  auto properties = object->second.find(interface);
  return properties == object->second.end() ? nullptr : &properties->second;
}

ObjectTree::Observation ObjectTree::observe(Observer observer) {
  auto observation = std::make_shared<Observer>(std::move(observer));
  observers_[next_observer_++] = observation;
  return observation;
}

void ObjectTree::load() {
  owner_.clear();
  loading_ = bus_.call(Message::call(kService, "/", kObjectManager, "GetManagedObjects"), kLoadTimeoutMs,
                       [this](const Message& reply) {
                         if (reply.is_error() || !reply.read(&objects_)) {
                           why_ = reply;
                           objects_.clear();
                           return set_state(State::kAbsent);
                         }
                         owner_ = reply.sender();
                         set_state(State::kReady);
                       });
}

void ObjectTree::handle_owner(const Message& signal) {
  std::string name, before, after;
  if (signal.sender() != kBus || !signal.read(&name, &before, &after)) return;
  if (!after.empty() && after == owner_) return;  // we were the first to hear of it, through load()
  if (after.empty()) {
    owner_.clear();
    objects_.clear();
    loading_.cancel();
    why_ = Message::call(kService, "/", kObjectManager, "GetManagedObjects");  // no error: it went away
    return set_state(State::kAbsent);
  }
  objects_.clear();
  set_state(State::kLoading);
  load();
}

bool ObjectTree::is_from_bluetoothd(const Message& signal) const {
  return state_ == State::kReady && signal.sender() == owner_;
}

void ObjectTree::handle_added(const Message& signal) {
  ObjectPath path;
  dbus::Interfaces interfaces;
  if (!is_from_bluetoothd(signal) || !signal.read(&path, &interfaces)) return;
  for (auto& [name, properties] : interfaces) objects_[path][name] = std::move(properties);
  tell({Change::Kind::kAdded, path.text, ""});
}

void ObjectTree::handle_removed(const Message& signal) {
  ObjectPath path;
  std::vector<std::string> interfaces;
  if (!is_from_bluetoothd(signal) || !signal.read(&path, &interfaces)) return;
  auto object = objects_.find(path);
  if (object == objects_.end()) return;
  for (const std::string& name : interfaces) object->second.erase(name);
  if (object->second.empty()) objects_.erase(object);
  tell({Change::Kind::kRemoved, path.text, ""});
}

void ObjectTree::handle_properties(const Message& signal) {
  std::string interface;
  dbus::Dict changed;
  std::vector<std::string> invalidated;
  if (!is_from_bluetoothd(signal) || !signal.read(&interface, &changed, &invalidated)) return;
  // Signals come in any order: properties of an object that was not announced yet wait for nobody.
  auto object = objects_.find(ObjectPath(signal.path()));
  if (object == objects_.end()) return;
  dbus::Dict& known = object->second[interface];
  for (const auto& [name, value] : changed) known[name] = value;
  for (const std::string& name : invalidated) known.erase(name);
  tell({Change::Kind::kProperties, signal.path(), interface, &changed});
}

void ObjectTree::set_state(State state) {
  state_ = state;
  tell({Change::Kind::kState, "", ""});
}

// Observers may come and go while one is told.
void ObjectTree::tell(const Change& change) {
  std::vector<std::weak_ptr<Observer>> told;
  for (auto each = observers_.begin(); each != observers_.end();) {
    if (each->second.expired()) {
      each = observers_.erase(each);
    } else {
      told.push_back((each++)->second);
    }
  }
  for (const auto& weak : told) {
    if (auto observer = weak.lock()) (*observer)(change);
  }
}

}  // namespace roost::host::bluez
