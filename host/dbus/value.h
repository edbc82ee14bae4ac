// What travels on D-Bus, as C++ values: the basic types, byte strings, lists of strings, and dictionaries of
// variants. A type that Roost never meets is read as `std::monostate`.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace roost::host::dbus {

struct ObjectPath {
  std::string text;
  ObjectPath() = default;
  explicit ObjectPath(std::string path) : text(std::move(path)) {}
  auto operator<=>(const ObjectPath&) const = default;
};

// An owned file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

struct Value;
using Dict = std::map<std::string, Value>;         // a{sv}
using Interfaces = std::map<std::string, Dict>;    // a{sa{sv}}: properties by interface
using Objects = std::map<ObjectPath, Interfaces>;  // a{oa{sa{sv}}}: what an ObjectManager manages
using ByteString = std::vector<uint8_t>;           // ay

using Variant = std::variant<std::monostate, bool, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t,
                             double, std::string, ObjectPath, ByteString, std::vector<std::string>,
                             std::vector<ObjectPath>, Dict, std::vector<Dict>>;

struct Value : Variant {
  using Variant::Variant;
  bool empty() const { return std::holds_alternative<std::monostate>(*this); }
};

// The value's D-Bus signature; nullptr for std::monostate.
const char* signature_of(const Value& value);

// The property of that name if it is there and has that type, else `fallback`.
template <typename T>
T get(const Dict& dict, const std::string& name, T fallback = {}) {
  auto found = dict.find(name);
  if (found == dict.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  return value ? *value : fallback;
}

}  // namespace roost::host::dbus
