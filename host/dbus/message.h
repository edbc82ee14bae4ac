// One D-Bus message, counted by reference, with typed arguments.
//
//   Message call = Message::call("org.bluez", path, "org.bluez.Device1", "Connect");
//   call.append(std::string("x"), uint16_t{3});
//   UniqueFd fd; uint16_t mtu;
//   if (!reply.is_error() && reply.read(&fd, &mtu)) ...
#pragma once

#include <string>

#include "base/span.h"
#include "host/dbus/value.h"

struct DBusMessage;
struct DBusMessageIter;

namespace roost::host::dbus {

// Appends arguments; one overload for each type that Roost sends.
class Writer {
 public:
  explicit Writer(DBusMessage* message);
  void put(bool value);
  void put(uint8_t value);
  void put(int16_t value);
  void put(uint16_t value);
  void put(int32_t value);
  void put(uint32_t value);
  void put(int64_t value);
  void put(uint64_t value);
  void put(double value);
  void put(const std::string& value);
  void put(const char* value) { put(std::string(value)); }
  void put(const ObjectPath& value);
  void put(const UniqueFd& value);  // the message gets a duplicate
  void put(Bytes value);
  void put(const ByteString& value) { put(Bytes(value)); }
  void put(const std::vector<std::string>& value);
  void put(const std::vector<ObjectPath>& value);
  void put(const Value& value);  // as a variant
  void put(const Dict& value);
  void put(const std::vector<Dict>& value);
  void put(const Interfaces& value);
  void put(const Objects& value);

 private:
  explicit Writer(DBusMessageIter* iterator) : iterator_(iterator) {}
  template <typename Fill>
  void container(int type, const char* signature, Fill fill);
  void basic(int type, const void* value);

  alignas(8) unsigned char storage_[128];
  DBusMessageIter* iterator_;
};

// Takes arguments in order; false, and nothing taken, where the next one has another type.
class Reader {
 public:
  explicit Reader(DBusMessage* message);
  bool take(bool* value);
  bool take(uint8_t* value);
  bool take(int16_t* value);
  bool take(uint16_t* value);
  bool take(int32_t* value);
  bool take(uint32_t* value);
  bool take(int64_t* value);
  bool take(uint64_t* value);
  bool take(double* value);
  bool take(std::string* value);
  bool take(ObjectPath* value);
  bool take(UniqueFd* value);
  bool take(ByteString* value);
  bool take(std::vector<std::string>* value);
  bool take(std::vector<ObjectPath>* value);
  bool take(Value* value);  // a variant
  bool take(Dict* value);
  bool take(std::vector<Dict>* value);
  bool take(Interfaces* value);
  bool take(Objects* value);

 private:
  explicit Reader(DBusMessageIter* iterator) : iterator_(iterator) {}
  template <typename T>
  bool basic(int type, T* value);
  template <typename Each>
  bool array(const char* signature, Each each);
  bool take_any(Value* value);

  alignas(8) unsigned char storage_[128];
  DBusMessageIter* iterator_;
};

class Message {
 public:
  Message() = default;
  // Takes over the caller's reference.
  explicit Message(DBusMessage* message) : message_(message) {}
  Message(const Message& other);
  Message(Message&& other) noexcept : message_(other.message_) { other.message_ = nullptr; }
  Message& operator=(Message other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~Message();

  static Message call(const std::string& destination, const std::string& path, const std::string& interface,
                      const std::string& member);
  static Message signal(const std::string& path, const std::string& interface, const std::string& member);
  Message make_reply() const;
  Message make_error(const std::string& name, const std::string& text) const;

  template <typename... Args>
  Message& append(const Args&... args) {
    Writer writer(message_);
    (writer.put(args), ...);
    return *this;
  }
  // False when the arguments are not of these types; those before the first mismatch were stored.
  template <typename... Args>
  bool read(Args*... args) const {
    Reader reader(message_);
    return (reader.take(args) && ...);
  }

  explicit operator bool() const { return message_ != nullptr; }
  bool is_error() const;
  // "org.bluez.Error.Failed"; empty when this is no error.
  std::string error_name() const;
  std::string error_text() const;
  std::string path() const;
  std::string interface() const;
  std::string member() const;
  std::string sender() const;
  std::string signature() const;
  DBusMessage* raw() const { return message_; }

 private:
  DBusMessage* message_ = nullptr;
};

}  // namespace roost::host::dbus
