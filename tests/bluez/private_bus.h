// A dbus-daemon of the test's own: no policy, no activation, gone with the object.
#pragma once

#include <string>

namespace roost::test {

class PrivateBus {
 public:
  PrivateBus();
  ~PrivateBus();
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  // Empty when dbus-daemon could not be started.
  const std::string& address() const { return address_; }
  // Kills the daemon: every connection is lost.
  void stop();

 private:
  int pid_ = -1;
  std::string folder_;
  std::string address_;
};

}  // namespace roost::test
