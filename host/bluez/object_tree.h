// bluetoothd's objects as a mirror: adapters, devices, services, characteristics and their properties. One per bus
// connection; any number of links look at it.
//
//   ObjectTree tree(bus);
//   auto watch = tree.observe([&](const ObjectTree::Change& change) { ... });
//   if (tree.state() == ObjectTree::State::kReady) tree.find(path, kDevice);
//
// It follows bluetoothd stopping and starting by itself. Single-threaded; borrows the connection.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "host/dbus/connection.h"

namespace roost::host::bluez {

class ObjectTree {
 public:
  enum class State {
    kLoading,  // asked, no answer yet
    kReady,
    kAbsent,  // bluetoothd is not there, or will not talk to us: see why()
  };

  struct Change {
    enum class Kind {
      kState,  // state() is another: after it, nothing known before holds
      kAdded,
      kRemoved,
      kProperties,
    } kind;
    std::string path = {};               // all but kState
    std::string interface = {};          // kProperties only
    const dbus::Dict* values = nullptr;  // kProperties only: what changed
  };
  using Observer = std::function<void(const Change&)>;

  // Destroying it ends the observation, also from inside the observer.
  using Observation = std::shared_ptr<Observer>;

  explicit ObjectTree(dbus::Connection& bus);
  ObjectTree(const ObjectTree&) = delete;
  ObjectTree& operator=(const ObjectTree&) = delete;

  State state() const { return state_; }
  // For kAbsent: the D-Bus error that bluetoothd, or the bus in its place, answered with.
  const dbus::Message& why() const { return why_; }
  const dbus::Objects& objects() const { return objects_; }
  // The interface's properties, or null.
  const dbus::Dict* find(const std::string& path, const std::string& interface) const;
  [[nodiscard]] Observation observe(Observer observer);
  dbus::Connection& bus() const { return bus_; }

 private:
  void load();
  void handle_owner(const dbus::Message& signal);
  void handle_added(const dbus::Message& signal);
  void handle_removed(const dbus::Message& signal);
  void handle_properties(const dbus::Message& signal);
  bool is_from_bluetoothd(const dbus::Message& signal) const;
  void set_state(State state);
  void tell(const Change& change);

  dbus::Connection& bus_;
  State state_ = State::kLoading;
  dbus::Message why_;
  std::string owner_;  // bluetoothd's unique name, while kReady
  dbus::Objects objects_;
  std::map<uint64_t, std::weak_ptr<Observer>> observers_;
  uint64_t next_observer_ = 0;
  std::vector<dbus::Match> matches_;
  dbus::PendingCall loading_;
};

// A property of an object, or `fallback` when the object, interface or property is not there.
template <typename T>
T property(const ObjectTree& tree, const std::string& path, const std::string& interface, const std::string& name,
           T fallback = {}) {
  const dbus::Dict* properties = tree.find(path, interface);
  return properties ? dbus::get<T>(*properties, name, fallback) : fallback;
}

}  // namespace roost::host::bluez
