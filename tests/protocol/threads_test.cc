// One thread is the BLE stack's, as an interrupt would be: it calls the receiver's handle_* functions and nothing else.
// Another polls and answers. Run under ThreadSanitizer (tests/protocol/CMakeLists.txt), so that a word that is shared
// without the right order fails the test even where this processor would forgive it. What goes back to the host's side
// travels under a mutex; what comes from it has only the intake's own words.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include "tests/protocol/simulation.h"

namespace roost::protocol::test {
namespace {

uint32_t now_ms() {
  using std::chrono::steady_clock;
  static const steady_clock::time_point start = steady_clock::now();
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
  return static_cast<uint32_t>(passed.count());
}

// What the device's thread sent, on its way to the host's.
class Notifications {
 public:
  void put(uint16_t conn, Bytes bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.emplace_back(conn, Buffer(bytes.begin(), bytes.end()));
  }
  bool take(uint16_t* conn, Buffer* bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.empty()) return false;
    *conn = queue_.front().first;
    *bytes = std::move(queue_.front().second);
    queue_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<uint16_t, Buffer>> queue_;
};

// The device's thread: polls without rest, and scribbles over the ring whenever nobody sends.
class DeviceThread {
 public:
  DeviceThread(const Geometry& geometry, size_t slot_bytes) : device_(geometry, slot_bytes) {
    thread_ = std::thread([this] { run(); });
  }
  ~DeviceThread() { stop(); }
  void stop() {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
  }

  Receiver& receiver() { return *device_.receiver; }  // for handle_* only
  Device& device() { return device_; }                // after stop()
  Notifications notifications;
  uint32_t rings_lent = 0;  // after stop()

 private:
  void run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
      const Asked action = ask(*device_.receiver, now_ms());
      if (action.kind == Action::kSend) {
        notifications.put(action.conn, action.bytes);
        EXPECT_TRUE(device_.receiver->sent(true).ok());
      } else if (action.kind == Action::kNone) {
        borrow_ring();
      } else {
        device_.answer(action, now_ms());
      }
    }
  }

  void borrow_ring() {
    if (!device_.receiver->lend_ring().ok()) return;
    ++rings_lent;
    for (uint8_t& byte : device_.receiver->scratch()) byte = static_cast<uint8_t>(byte + 1);
    EXPECT_TRUE(device_.receiver->return_ring().ok());
  }

  Device device_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Delivers one package from the host's thread, over as many connections as it takes; the link breaks now and then.
class Host {
 public:
  Host(DeviceThread& device, std::mt19937& random) : device_(device), random_(random) {}

  Outcome deliver(const SendPackage& package, const InfoHead& info) {
    constexpr int kConnectionsEnough = 200;
    for (int i = 0; i < kConnectionsEnough; ++i) {
      const Outcome outcome = one_connection(package, info);
      if (outcome != Outcome::kLinkLost && outcome != Outcome::kRefused) return outcome;
    }
    return Outcome::kLinkLost;
  }

 private:
  Outcome one_connection(const SendPackage& package, const InfoHead& info) {
    Receiver& receiver = device_.receiver();
    const uint16_t conn = static_cast<uint16_t>(random_() % 3);
    receiver.handle_connect(conn, 247);
    receiver.handle_subscribed(conn, true);
    SenderConfig config;
    config.att_mtu = 247;
    config.epoch_seed = static_cast<uint16_t>(random_());
    config.busy_retry_ms = 5;
    config.query_after_ms = 20;
    config.resend_after_ms = 5;
    Sender sender(package, config);
    EXPECT_TRUE(sender.handle_info(info).ok());
    const bool breaks = random_() % 2 == 0;
    uint32_t writes_left = breaks ? static_cast<uint32_t>(20 + random_() % 400) : UINT32_MAX;
    while (sender.outcome() == Outcome::kRunning) {
      uint16_t to = 0;
      Buffer frame;
      if (device_.notifications.take(&to, &frame)) {
        if (to == conn) sender.handle_notification(frame, now_ms());
        continue;
      }
      const SendAction action = sender.poll(now_ms());
      if (action.kind == SendAction::Kind::kWriteControl) {
        const ControlResult result = receiver.handle_control(conn, action.bytes);
        EXPECT_TRUE(result == ControlResult::kTaken || result == ControlResult::kFull);
      } else if (action.kind == SendAction::Kind::kWriteData) {
        receiver.handle_data(conn, action.bytes);
      } else {
        std::this_thread::yield();
        continue;
      }
      EXPECT_TRUE(sender.written().ok());
      if (--writes_left == 0) sender.handle_disconnect();
    }
    receiver.handle_disconnect(conn);
    return sender.outcome();
  }

  DeviceThread& device_;
  std::mt19937& random_;
};

TEST(Threads, DeliverWhileTheOtherPollsAndBorrowsTheRing) {
  const int kPackages = std::getenv("ROOST_NIGHTLY") ? 300 : 6;
  constexpr uint32_t kPayloadBytes = 40000;
  constexpr uint32_t kSeed = 20261127;
  std::mt19937 random(kSeed);
  DeviceThread device(Geometry(), kPayloadBytes);
  const InfoHead info = device.device().info();  // constants of its configuration
  Host host(device, random);
  Buffer payload;
  for (int i = 0; i < kPackages; ++i) {
    payload = random_bytes(random, kPayloadBytes - random() % 5000);
    const Buffer manifest = random_bytes(random, 100 + random() % 600);
    SendPackage package;
    package.manifest = manifest;
    package.payload = payload;
    package.package_id = 1 + static_cast<uint32_t>(i);
    ASSERT_EQ(host.deliver(package, info), Outcome::kVerified) << "package " << i << ", seed " << kSeed;
  }
  device.stop();
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), device.device().slot.begin()));
  EXPECT_GT(device.rings_lent, 0u);
}

}  // namespace
}  // namespace roost::protocol::test
