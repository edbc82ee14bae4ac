// A bare link over the real bluetoothd, for tests/system: a device that only counts and echoes, and a central that
// drives it through BluezLink. Nothing of Roost's protocol is in it, so what fails here is the link's.
//
//   link_probe device hci1 [NAME] [encrypted]   until killed
//   link_probe central hci0 TARGET WRITES SIZE [descriptor|calls|requests]
//   link_probe stranger hci1                    until killed: another service, which is nobody's
//   link_probe meddler hci0                     writes junk to Control and Data of the device that is connected
//
// The device echoes control values of one byte; data, and longer control values, it counts, and notifies the number
// of bytes so far (LE32) after every eighth. The central writes without response through the descriptor, at most
// kWindow values ahead, since bluetoothd drops what its own descriptors cannot hold; `calls`: the same, by one
// D-Bus WriteValue each, answered before the next; `requests`: with response, likewise. It prints one line "probe:
// ..." and ends with 0 if every byte arrived.
#include <signal.h>
#include <string.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "device/ports/bluez/bluez_peripheral.h"
#include "host/bluez/bluez_link.h"
#include "host/bluez/names.h"
#include "host/dbus/object_server.h"
#include "protocol/uuids.h"

namespace roost {
namespace {

// What the device's socket holds of the longest values while nobody polls, with room to spare.
constexpr uint32_t kWindow = 64;
constexpr uint32_t kReportEvery = 8;
constexpr int kLostMax = 3;

class CountingPeripheral final : public device::Peripheral {
 public:
  device::Radio* radio = nullptr;

  void on_connect(uint16_t conn, uint16_t att_mtu) override { say("central %u connects, MTU %u", conn, att_mtu); }
  void on_subscribe(uint16_t conn, bool on) override { say("central %u subscribed: %u", conn, on); }
  void on_disconnect(uint16_t conn) override { say("central %u is gone (%u bytes so far)", conn, data_bytes_); }
  void on_control(uint16_t conn, Bytes value) override {
    if (value.size() > 1) return on_data(conn, value);
    data_bytes_ = data_values_ = 0;
    (void)radio->notify(conn, value);
  }
  void on_data(uint16_t conn, Bytes value) override {
    data_bytes_ += static_cast<uint32_t>(value.size());
    if (++data_values_ % kReportEvery != 0) return;
    uint8_t count[4];
    store_le32(count, data_bytes_);
    (void)radio->notify(conn, Bytes(count, sizeof count));
  }
  Bytes info(uint16_t) override {
    for (size_t i = 0; i < sizeof info_; ++i) info_[i] = static_cast<uint8_t>(i);
    return Bytes(info_, sizeof info_);
  }
  Bytes advertisement() override {
    static const uint8_t kAdvertised[] = {4, 1, 2, 3, 4};
    return Bytes(kAdvertised, sizeof kAdvertised);
  }

 private:
  template <typename... Args>
  static void say(const char* format, Args... args) {
    printf("device: ");
    printf(format, static_cast<unsigned>(args)...);
    printf("\n");
    fflush(stdout);
  }

  uint32_t data_bytes_ = 0;
  uint32_t data_values_ = 0;
  uint8_t info_[400];
};

int run_device(int argc, char** argv) {
  device::BluezPeripheral::Options options;
  options.adapter = argv[2];
  if (argc > 3) options.name = argv[3];
  options.encrypted = argc > 4 && strcmp(argv[4], "encrypted") == 0;
  options.log = [](const std::string& sentence) {
    printf("device: %s\n", sentence.c_str());
    fflush(stdout);
  };
  CountingPeripheral peripheral;
  device::BluezPeripheral radio(options, peripheral);
  peripheral.radio = &radio;
  std::string error;
  if (!radio.start(&error)) {
    fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  for (;;) radio.wait(1000);
}

class Central {
 public:
  Central(host::Loop& loop, host::Link& link, uint32_t writes, size_t size, bool by_requests)
      : loop_(loop),
        link_(link),
        writes_((writes + kReportEvery - 1) / kReportEvery * kReportEvery),
        by_requests_(by_requests),
        value_(size, 0x5A) {}

  void start() {
    began_ms_ = host::Loop::now_ms();
    guard_ = {};
    host::LinkEvents events;
    events.connected = [this] { handle_connected(); };
    events.closed = [this](host::LinkError, const std::string& why) { handle_closed(why); };
    events.notification = [this](Bytes value) { handle_notification(value); };
    events.writable = [this] { pump(); };
    link_.connect(std::move(events));
  }

 private:
  // An earlier connection's end, under way at bluetoothd, may take a new one with it: from the beginning, then.
  void handle_closed(const std::string& why) {
    printf("probe: closed: %s\n", why.c_str());
    if (++lost_ > kLostMax) return loop_.stop(2);
    written_ = arrived_ = 0;
    echoed_ = false;
    guard_ = loop_.after(500, [this] { start(); });
  }

  void handle_connected() {
    connected_ms_ = host::Loop::now_ms();
    (void)link_.read_info([this](Bytes info) {
      info_bytes_ = info.size();
      const uint8_t hello = 7;
      (void)link_.write_control(Bytes(&hello, 1));
    });
  }

  void pump() {
    while (written_ < writes_ && written_ - arrived_ < kWindow) {
      const host::LinkStatus status = by_requests_ ? link_.write_control(value_) : link_.write_data(value_);
      if (status.error() == host::LinkError::kWouldBlock) return;
      if (!status.ok()) return;  // `closed` comes
      ++written_;
    }
  }

  void handle_notification(Bytes value) {
    if (value.size() == 1) {
      echoed_ = true;
      write_began_ms_ = host::Loop::now_ms();
    } else if (value.size() == 4) {
      arrived_ = load_le32(value.data()) / static_cast<uint32_t>(value_.size());
    }
    if (arrived_ == writes_) return finish();
    pump();
    guard_ = loop_.after(10000, [this] { finish(); });
  }

  void finish() {
    const uint32_t took_ms = host::Loop::now_ms() - write_began_ms_;
    printf(
        "probe: connected in %u ms, MTU %u, Info %zu bytes, echo %d, %u of %u values of %zu in %u ms = %.1f kB/s\n",
        connected_ms_ - began_ms_, link_.att_mtu(), info_bytes_, echoed_, arrived_, writes_, value_.size(), took_ms,
        took_ms ? double(writes_) * double(value_.size()) / took_ms : 0.0);
    loop_.stop(arrived_ == writes_ && info_bytes_ == 400 ? 0 : 4);
  }

  host::Loop& loop_;
  host::Link& link_;
  const uint32_t writes_;
  const bool by_requests_;
  const std::vector<uint8_t> value_;
  uint32_t written_ = 0, arrived_ = 0;
  uint32_t began_ms_ = 0, connected_ms_ = 0, write_began_ms_ = 0;
  size_t info_bytes_ = 0;
  bool echoed_ = false;
  int lost_ = 0;
  host::Loop::Source guard_;
};

int run_central(int argc, char** argv) {
  host::Loop loop;
  std::string error;
  auto bus = host::dbus::Connection::open(loop, "system", &error);
  if (!bus) {
    fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  host::bluez::ObjectTree tree(*bus);
  host::BluezLink::Options options;
  const std::string mode = argc > 6 ? argv[6] : "";
  options.use_descriptors = mode != "calls";
  options.commands_max = 1;
  host::BluezLink link(tree, host::bluez::Target::parse(std::string(argv[2]) + "/" + argv[3]), options);
  Central central(loop, link, static_cast<uint32_t>(atoi(argv[4])), static_cast<size_t>(atoi(argv[5])),
                  mode == "requests");
  central.start();
  auto guard = loop.after(120000, [&] {
    printf("probe: timed out\n");
    loop.stop(5);
  });
  const int code = loop.run();
  printf("probe: D-Bus calls:");
  for (const auto& [member, count] : link.calls()) printf(" %s %u", member.c_str(), count);
  printf("\n");
  return code;
}

host::dbus::Value text(const char* words) {
  return host::dbus::Value(std::string(words));
}

// Asks bluetoothd to register what `server` shows at `path`, and stays.
int stay_registered(host::Loop& loop, host::dbus::Connection& bus, const char* adapter, const char* interface,
                    const char* method, const char* path) {
  host::dbus::Message call =
      host::dbus::Message::call(host::bluez::kService, std::string("/org/bluez/") + adapter, interface, method);
  call.append(host::dbus::ObjectPath(path), host::dbus::Dict());
  auto registering = bus.call(call, 10000, [&loop](const host::dbus::Message& reply) {
    printf("probe: %s\n", reply.is_error() ? reply.error_text().c_str() : "registered");
    fflush(stdout);
    if (reply.is_error()) loop.stop(1);
  });
  return loop.run();
}

// Takes attribute handles, so that what registers later gets others than it had.
int run_stranger(host::Loop& loop, host::dbus::Connection& bus, const char* adapter) {
  using host::dbus::Value;
  static constexpr char kRoot[] = "/org/roost/stranger";
  static constexpr char kPath[] = "/org/roost/stranger/service0";
  host::dbus::ObjectServer server(bus, kRoot);
  server.add(kPath, {{.name = host::bluez::kGattService,
                      .properties = {{"UUID", "s", [] { return text("0b1e55ed-0000-4000-8000-000000000001"); }},
                                     {"Primary", "b", [] { return Value(true); }}}}});
  server.add(std::string(kPath) + "/value",
             {{.name = host::bluez::kCharacteristic,
               .methods = {{"ReadValue",
                            {{"options", "a{sv}"}},
                            {{"value", "ay"}},
                            [](host::dbus::MethodCall call) { call.reply(Bytes()); }}},
               .properties = {{"UUID", "s", [] { return text("0b1e55ed-0000-4000-8000-000000000002"); }},
                              {"Service", "o", [] { return Value(host::dbus::ObjectPath(kPath)); }},
                              {"Flags", "as", [] { return Value(std::vector<std::string>{"read"}); }}}}});
  return stay_registered(loop, bus, adapter, host::bluez::kGattManager, "RegisterApplication", kRoot);
}

// Another program on the central's computer: 20 values to Control, of which bluetoothd takes one at a time, and 20 to
// Data. Ends when all are answered.
int run_meddler(host::Loop& loop, host::dbus::Connection& bus, const char* adapter) {
  host::bluez::ObjectTree tree(bus);
  std::map<std::string, int> answers;
  std::vector<host::dbus::PendingCall> calls;
  auto write = [&](const char* uuid, const char* name) {
    for (const auto& [path, interfaces] : tree.objects()) {
      if (path.text.rfind(std::string("/org/bluez/") + adapter + "/", 0) != 0 ||
          host::bluez::property<std::string>(tree, path.text, host::bluez::kCharacteristic, "UUID") != uuid)
        continue;
      const std::vector<uint8_t> junk(20, 0xEE);
      host::dbus::Message call =
          host::dbus::Message::call(host::bluez::kService, path.text, host::bluez::kCharacteristic, "WriteValue");
      call.append(Bytes(junk), host::dbus::Dict());
      calls.push_back(bus.call(call, 10000, [&, name](const host::dbus::Message& reply) {
        ++answers[std::string(name) + (reply.is_error() ? " " + reply.error_name() : " ok")];
        size_t all = 0;
        for (const auto& [what, count] : answers) all += static_cast<size_t>(count);
        if (all == calls.size()) loop.stop(0);
      }));
    }
  };
  auto begin = loop.after(1000, [&] {
    for (int i = 0; i < 20; ++i) {
      write(protocol::kControlUuid, "Control");
      write(protocol::kDataUuid, "Data");
    }
    if (calls.empty()) loop.stop(1);
  });
  const int code = loop.run();
  printf("probe:");
  for (const auto& [what, count] : answers) printf(" %s %d", what.c_str(), count);
  printf("\n");
  return code;
}

int run_with_bus(const std::string& what, const char* adapter) {
  host::Loop loop;
  std::string error;
  auto bus = host::dbus::Connection::open(loop, "system", &error);
  if (bus) return what == "meddler" ? run_meddler(loop, *bus, adapter) : run_stranger(loop, *bus, adapter);
  fprintf(stderr, "%s\n", error.c_str());
  return 1;
}

}  // namespace
}  // namespace roost

int main(int argc, char** argv) {
  if (argc >= 3 && strcmp(argv[1], "device") == 0) return roost::run_device(argc, argv);
  const std::string what = argc >= 3 ? argv[1] : "";
  if (what == "stranger" || what == "meddler") return roost::run_with_bus(what, argv[2]);
  if (argc >= 6 && strcmp(argv[1], "central") == 0) return roost::run_central(argc, argv);
  fprintf(stderr,
          "usage: link_probe device HCI [NAME] [encrypted] | central HCI TARGET WRITES SIZE "
          "[descriptor|calls|requests] | "
          "stranger HCI\n");
  return 64;
}
