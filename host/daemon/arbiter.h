// The air of each adapter, one turn at a time: a scan and a connection attempt, or two of them, disturb each other,
// so whoever wants either asks first. Turns are given in the order asked, from the loop.
//
//   AirArbiter::Turn turn = arbiter.ask("/org/bluez/hci0", [this] { connect(); });
//   ... turn = {};   // done, or not wanted any more
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "host/loop.h"

namespace roost::host::daemon {

class AirArbiter {
 public:
  // Destroying it gives the turn back, or withdraws the request.
  using Turn = std::shared_ptr<std::function<void()>>;

  explicit AirArbiter(Loop& loop) : loop_(loop) {}

  [[nodiscard]] Turn ask(const std::string& adapter, std::function<void()> granted);

 private:
  struct Queue {
    std::list<std::weak_ptr<std::function<void()>>> waiting;
    bool taken = false;
    Loop::Source soon;
  };
  void give(const std::string& adapter);

  Loop& loop_;
  std::map<std::string, Queue> queues_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace roost::host::daemon
