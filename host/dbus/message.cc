#include "host/dbus/message.h"

#include <dbus/dbus.h>
#include <unistd.h>

#include "base/assert.h"

namespace roost::host::dbus {

static_assert(sizeof(DBusMessageIter) <= 128);

namespace {

// libdbus says false for lack of memory only; there is nothing sensible left to do then.
void require(dbus_bool_t done) {
  ROOST_ASSERT(done);
}

std::string text_of(const char* text) {
  return text ? text : "";
}

struct SignatureVisitor {
  const char* operator()(std::monostate) const { return nullptr; }
  const char* operator()(bool) const { return "b"; }
  const char* operator()(uint8_t) const { return "y"; }
  const char* operator()(int16_t) const { return "n"; }
  const char* operator()(uint16_t) const { return "q"; }
  const char* operator()(int32_t) const { return "i"; }
  const char* operator()(uint32_t) const { return "u"; }
  const char* operator()(int64_t) const { return "x"; }
  const char* operator()(uint64_t) const { return "t"; }
  const char* operator()(double) const { return "d"; }
  const char* operator()(const std::string&) const { return "s"; }
  const char* operator()(const ObjectPath&) const { return "o"; }
  const char* operator()(const ByteString&) const { return "ay"; }
  const char* operator()(const std::vector<std::string>&) const { return "as"; }
  const char* operator()(const std::vector<ObjectPath>&) const { return "ao"; }
  const char* operator()(const Dict&) const { return "a{sv}"; }
  const char* operator()(const std::vector<Dict>&) const { return "aa{sv}"; }
};

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

const char* signature_of(const Value& value) {
  return std::visit(SignatureVisitor{}, static_cast<const Variant&>(value));
}

// ---- Writer

Writer::Writer(DBusMessage* message) : iterator_(reinterpret_cast<DBusMessageIter*>(storage_)) {
  dbus_message_iter_init_append(message, iterator_);
}

void Writer::basic(int type, const void* value) {
  require(dbus_message_iter_append_basic(iterator_, type, value));
}

template <typename Fill>
void Writer::container(int type, const char* signature, Fill fill) {
  DBusMessageIter inner;
  require(dbus_message_iter_open_container(iterator_, type, signature, &inner));
  Writer writer(&inner);
  fill(writer);
  require(dbus_message_iter_close_container(iterator_, &inner));
}

void Writer::put(bool value) {
  dbus_bool_t wide = value;
  basic(DBUS_TYPE_BOOLEAN, &wide);
}
void Writer::put(uint8_t value) {
  basic(DBUS_TYPE_BYTE, &value);
}
void Writer::put(int16_t value) {
  basic(DBUS_TYPE_INT16, &value);
}
void Writer::put(uint16_t value) {
  basic(DBUS_TYPE_UINT16, &value);
}
void Writer::put(int32_t value) {
  basic(DBUS_TYPE_INT32, &value);
}
void Writer::put(uint32_t value) {
  basic(DBUS_TYPE_UINT32, &value);
}
void Writer::put(int64_t value) {
  basic(DBUS_TYPE_INT64, &value);
}
void Writer::put(uint64_t value) {
  basic(DBUS_TYPE_UINT64, &value);
}
void Writer::put(double value) {
  basic(DBUS_TYPE_DOUBLE, &value);
}
void Writer::put(const std::string& value) {
  const char* text = value.c_str();
  // A name out of the air may be anything; the bus would cut us off for text that is not UTF-8.
  if (!dbus_validate_utf8(text, nullptr)) text = "?";
  basic(DBUS_TYPE_STRING, &text);
}
void Writer::put(const ObjectPath& value) {
  const char* text = value.text.c_str();
  basic(DBUS_TYPE_OBJECT_PATH, &text);
}
void Writer::put(const UniqueFd& value) {
  int fd = value.get();
  basic(DBUS_TYPE_UNIX_FD, &fd);
}
void Writer::put(Bytes value) {
  container(DBUS_TYPE_ARRAY, "y", [&](Writer& writer) {
    const uint8_t* data = value.data();
    require(dbus_message_iter_append_fixed_array(writer.iterator_, DBUS_TYPE_BYTE, &data,
                                                 static_cast<int>(value.size())));
  });
}
void Writer::put(const std::vector<std::string>& value) {
  container(DBUS_TYPE_ARRAY, "s", [&](Writer& writer) {
    for (const std::string& item : value) writer.put(item);
  });
}
void Writer::put(const std::vector<ObjectPath>& value) {
  container(DBUS_TYPE_ARRAY, "o", [&](Writer& writer) {
    for (const ObjectPath& item : value) writer.put(item);
  });
}
void Writer::put(const Value& value) {
  const char* signature = signature_of(value);
  ROOST_ASSERT(signature != nullptr);
  container(DBUS_TYPE_VARIANT, signature, [&](Writer& writer) {
    std::visit(
        [&](const auto& held) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) writer.put(held);
        },
        static_cast<const Variant&>(value));
  });
}

// A macro would say the same three times shorter, and a reader nothing.
void Writer::put(const Dict& value) {
  container(DBUS_TYPE_ARRAY, "{sv}", [&](Writer& array) {
    for (const auto& [name, held] : value) {
      array.container(DBUS_TYPE_DICT_ENTRY, nullptr, [&, &name = name, &held = held](Writer& entry) {
        entry.put(name);
        entry.put(held);
      });
    }
  });
}
void Writer::put(const std::vector<Dict>& value) {
  container(DBUS_TYPE_ARRAY, "a{sv}", [&](Writer& writer) {
    for (const Dict& item : value) writer.put(item);
  });
}
void Writer::put(const Interfaces& value) {
  container(DBUS_TYPE_ARRAY, "{sa{sv}}", [&](Writer& array) {
    for (const auto& [name, properties] : value) {
      array.container(DBUS_TYPE_DICT_ENTRY, nullptr, [&, &name = name, &properties = properties](Writer& entry) {
        entry.put(name);
        entry.put(properties);
      });
    }
  });
}
void Writer::put(const Objects& value) {
  container(DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", [&](Writer& array) {
    for (const auto& [path, interfaces] : value) {
      array.container(DBUS_TYPE_DICT_ENTRY, nullptr, [&, &path = path, &interfaces = interfaces](Writer& entry) {
        entry.put(path);
        entry.put(interfaces);
      });
    }
  });
}

// ---- Reader

Reader::Reader(DBusMessage* message) : iterator_(reinterpret_cast<DBusMessageIter*>(storage_)) {
  dbus_message_iter_init(message, iterator_);  // false when there are no arguments: the type is then INVALID
}

template <typename T>
bool Reader::basic(int type, T* value) {
  if (dbus_message_iter_get_arg_type(iterator_) != type) return false;
  dbus_message_iter_get_basic(iterator_, value);
  dbus_message_iter_next(iterator_);
  return true;
}

// Calls `each` with a reader on every element; for dictionaries, inside the entry.
template <typename Each>
bool Reader::array(const char* signature, Each each) {
  if (dbus_message_iter_get_arg_type(iterator_) != DBUS_TYPE_ARRAY) return false;
  char* actual = dbus_message_iter_get_signature(iterator_);
  bool same = std::string(signature) == actual;
  dbus_free(actual);
  if (!same) return false;
  DBusMessageIter element;
  dbus_message_iter_recurse(iterator_, &element);
  int type;
  while ((type = dbus_message_iter_get_arg_type(&element)) != DBUS_TYPE_INVALID) {
    if (type == DBUS_TYPE_DICT_ENTRY) {
      DBusMessageIter entry;
      dbus_message_iter_recurse(&element, &entry);
      Reader reader(&entry);
      each(reader);
      dbus_message_iter_next(&element);
    } else {
      Reader reader(&element);
      each(reader);
    }
  }
  dbus_message_iter_next(iterator_);
  return true;
}

bool Reader::take(bool* value) {
  dbus_bool_t wide = 0;
  if (!basic(DBUS_TYPE_BOOLEAN, &wide)) return false;
  *value = wide != 0;
  return true;
}
bool Reader::take(uint8_t* value) {
  return basic(DBUS_TYPE_BYTE, value);
}
bool Reader::take(int16_t* value) {
  return basic(DBUS_TYPE_INT16, value);
}
bool Reader::take(uint16_t* value) {
  return basic(DBUS_TYPE_UINT16, value);
}
bool Reader::take(int32_t* value) {
  return basic(DBUS_TYPE_INT32, value);
}
bool Reader::take(uint32_t* value) {
  return basic(DBUS_TYPE_UINT32, value);
}
bool Reader::take(int64_t* value) {
  return basic(DBUS_TYPE_INT64, value);
}
bool Reader::take(uint64_t* value) {
  return basic(DBUS_TYPE_UINT64, value);
}
bool Reader::take(double* value) {
  return basic(DBUS_TYPE_DOUBLE, value);
}
bool Reader::take(std::string* value) {
  const char* text = nullptr;
  if (!basic(DBUS_TYPE_STRING, &text)) return false;
  *value = text;
  return true;
}
bool Reader::take(ObjectPath* value) {
  const char* text = nullptr;
  if (!basic(DBUS_TYPE_OBJECT_PATH, &text)) return false;
  value->text = text;
  return true;
}
bool Reader::take(UniqueFd* value) {
  int fd = -1;
  if (!basic(DBUS_TYPE_UNIX_FD, &fd)) return false;
  value->reset(fd);
  return true;
}
bool Reader::take(ByteString* value) {
  if (dbus_message_iter_get_arg_type(iterator_) != DBUS_TYPE_ARRAY ||
      dbus_message_iter_get_element_type(iterator_) != DBUS_TYPE_BYTE) {
    return false;
  }
  DBusMessageIter bytes;
  dbus_message_iter_recurse(iterator_, &bytes);
  const uint8_t* data = nullptr;
  int size = 0;
  dbus_message_iter_get_fixed_array(&bytes, &data, &size);
  value->assign(data, data + size);
  dbus_message_iter_next(iterator_);
  return true;
}
bool Reader::take(std::vector<std::string>* value) {
  value->clear();
  return array("as", [&](Reader& element) { element.take(&value->emplace_back()); });
}
bool Reader::take(std::vector<ObjectPath>* value) {
  value->clear();
  return array("ao", [&](Reader& element) { element.take(&value->emplace_back()); });
}

bool Reader::take(Value* value) {
  if (dbus_message_iter_get_arg_type(iterator_) != DBUS_TYPE_VARIANT) return false;
  DBusMessageIter inner;
  dbus_message_iter_recurse(iterator_, &inner);
  Reader reader(&inner);
  if (!reader.take_any(value)) *value = Value();
  dbus_message_iter_next(iterator_);
  return true;
}

template <typename T>
static bool try_take(Reader& reader, Value* value) {
  T held{};
  if (!reader.take(&held)) return false;
  *value = std::move(held);
  return true;
}

bool Reader::take_any(Value* value) {
  return try_take<bool>(*this, value) || try_take<uint8_t>(*this, value) || try_take<int16_t>(*this, value) ||
         try_take<uint16_t>(*this, value) || try_take<int32_t>(*this, value) || try_take<uint32_t>(*this, value) ||
         try_take<int64_t>(*this, value) || try_take<uint64_t>(*this, value) || try_take<double>(*this, value) ||
         try_take<std::string>(*this, value) || try_take<ObjectPath>(*this, value) ||
         try_take<ByteString>(*this, value) || try_take<std::vector<std::string>>(*this, value) ||
         try_take<std::vector<ObjectPath>>(*this, value) || try_take<Dict>(*this, value) ||
         try_take<std::vector<Dict>>(*this, value);
}

bool Reader::take(Dict* value) {
  value->clear();
  return array("a{sv}", [&](Reader& entry) {
    std::string name;
    if (entry.take(&name)) entry.take(&(*value)[name]);
  });
}
bool Reader::take(std::vector<Dict>* value) {
  value->clear();
  return array("aa{sv}", [&](Reader& element) { element.take(&value->emplace_back()); });
}
bool Reader::take(Interfaces* value) {
  value->clear();
  return array("a{sa{sv}}", [&](Reader& entry) {
    std::string name;
    if (entry.take(&name)) entry.take(&(*value)[name]);
  });
}
bool Reader::take(Objects* value) {
  value->clear();
  return array("a{oa{sa{sv}}}", [&](Reader& entry) {
    ObjectPath path;
    if (entry.take(&path)) entry.take(&(*value)[path]);
  });
}

// ---- Message

Message::Message(const Message& other) : message_(other.message_) {
  if (message_) dbus_message_ref(message_);
}
Message::~Message() {
  if (message_) dbus_message_unref(message_);
}

Message Message::call(const std::string& destination, const std::string& path, const std::string& interface,
                      const std::string& member) {
  return Message(
      dbus_message_new_method_call(destination.c_str(), path.c_str(), interface.c_str(), member.c_str()));
}
Message Message::signal(const std::string& path, const std::string& interface, const std::string& member) {
  return Message(dbus_message_new_signal(path.c_str(), interface.c_str(), member.c_str()));
}
Message Message::make_reply() const {
  return Message(dbus_message_new_method_return(message_));
}
Message Message::make_error(const std::string& name, const std::string& text) const {
  return Message(dbus_message_new_error(message_, name.c_str(), text.c_str()));
}

bool Message::is_error() const {
  return dbus_message_get_type(message_) == DBUS_MESSAGE_TYPE_ERROR;
}
std::string Message::error_name() const {
  return text_of(dbus_message_get_error_name(message_));
}
std::string Message::error_text() const {
  std::string text;
  return is_error() && read(&text) ? text : std::string();
}
std::string Message::path() const {
  return text_of(dbus_message_get_path(message_));
}
std::string Message::interface() const {
  return text_of(dbus_message_get_interface(message_));
}
std::string Message::member() const {
  return text_of(dbus_message_get_member(message_));
}
std::string Message::sender() const {
  return text_of(dbus_message_get_sender(message_));
}
std::string Message::signature() const {
  return text_of(dbus_message_get_signature(message_));
}

}  // namespace roost::host::dbus
