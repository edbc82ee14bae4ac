// A simulated device in a thread of its own that only counts and echoes: what stands behind the double of
// org.bluez.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "device/ports/linux/tunnel_server.h"

namespace roost::test {

class EchoDevice final : private device::Peripheral {
 public:
  // `info` is the one byte of its Info.
  explicit EchoDevice(const std::string& name, uint8_t info = 1, uint16_t att_mtu = 517) : info_(info) {
    path_ = std::filesystem::temp_directory_path() / ("roost-echo-" + std::to_string(getpid()) + "-" + name);
    server_ = std::make_unique<device::TunnelServer>(device::TunnelServer::Options{path_, att_mtu, {}},
                                                     static_cast<device::Peripheral&>(*this));
    std::string error;
    if (!server_->listen(&error)) throw std::runtime_error(error);
    thread_ = std::thread([this] {
      while (!stop_) server_->wait(5);
    });
  }
  ~EchoDevice() {
    stop_ = true;
    thread_.join();
  }

  const std::string& path() const { return path_; }
  int connects() const { return connects_; }
  int disconnects() const { return disconnects_; }
  int data_bytes() const { return data_bytes_; }

 private:
  void on_connect(uint16_t, uint16_t) override { ++connects_; }
  void on_subscribe(uint16_t, bool) override {}
  void on_disconnect(uint16_t) override { ++disconnects_; }
  void on_control(uint16_t conn, Bytes value) override { server_->notify(conn, value); }
  void on_data(uint16_t, Bytes value) override { data_bytes_ += static_cast<int>(value.size()); }
  Bytes info(uint16_t) override { return Bytes(&info_, 1); }
  Bytes advertisement() override { return Bytes(); }

  const uint8_t info_;
  std::string path_;
  std::unique_ptr<device::TunnelServer> server_;
  std::atomic<int> connects_{0}, disconnects_{0}, data_bytes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace roost::test
