// A bare link over the real bluetoothd, for tests/system: a device that only counts and echoes, and a central that
// drives it through BluezLink. Nothing of Roost's protocol is in it, so what fails here is the link's.
//
//   link_probe device hci1 [NAME] [encrypted]   until killed
//   link_probe central hci0 TARGET WRITES SIZE  [calls|requests]
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

namespace roost {
namespace {

// What the device's socket holds of the longest values while nobody polls, with room to spare.
constexpr uint32_t kWindow = 64;
constexpr uint32_t kReportEvery = 8;

class CountingPeripheral final : public device::Peripheral {
 public:
  device::Radio* radio = nullptr;

  void on_connect(uint16_t conn, uint16_t att_mtu) override { say("central %u connects, MTU %u", conn, att_mtu); }
  void on_subscribe(uint16_t conn, bool on) override { say("central %u subscribed: %u", conn, on); }
  void on_disconnect(uint16_t conn) override { say("central %u is gone (%u bytes so far)", conn, data_bytes_); }
  void on_control(uint16_t conn, Bytes value) override {
    if (value.size() > 1) return on_data(conn, value);
    data_bytes_ = 0;
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
    host::LinkEvents events;
    events.connected = [this] { handle_connected(); };
    events.closed = [this](host::LinkError, const std::string& why) {
      printf("probe: closed: %s\n", why.c_str());
      loop_.stop(2);
    };
    events.notification = [this](Bytes value) { handle_notification(value); };
    events.writable = [this] { pump(); };
    link_.connect(std::move(events));
  }

 private:
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
      if (!status.ok()) return loop_.stop(3);
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

}  // namespace
}  // namespace roost

int main(int argc, char** argv) {
  if (argc >= 3 && strcmp(argv[1], "device") == 0) return roost::run_device(argc, argv);
  if (argc >= 6 && strcmp(argv[1], "central") == 0) return roost::run_central(argc, argv);
  fprintf(stderr, "usage: link_probe device HCI [NAME] [encrypted] | central HCI TARGET WRITES SIZE [calls]\n");
  return 64;
}
