#include "host/daemon/arbiter.h"

namespace roost::host::daemon {

AirArbiter::Turn AirArbiter::ask(const std::string& adapter, std::function<void()> granted) {
  // The turn's end is the handle's: whether it was given is known by the mark behind it.
  auto given = std::make_shared<bool>(false);
  auto callback = [given, granted = std::move(granted)] {
    *given = true;
    granted();
  };
  Turn turn(new std::function<void()>(std::move(callback)),
            [this, adapter, given, alive = std::weak_ptr<bool>(alive_)](std::function<void()>* function) {
              delete function;
              if (alive.expired() || !*given) return;
              queues_[adapter].taken = false;
              give(adapter);
            });
  queues_[adapter].waiting.push_back(turn);
  give(adapter);
  return turn;
}

void AirArbiter::give(const std::string& adapter) {
  queues_[adapter].soon = loop_.after(0, [this, adapter] {
    Queue& queue = queues_[adapter];
    while (!queue.taken && !queue.waiting.empty()) {
      const Turn next = queue.waiting.front().lock();
      queue.waiting.pop_front();
      if (!next) continue;
      queue.taken = true;
      const auto granted = *next;  // it may give the turn back at once
      granted();
    }
  });
}

}  // namespace roost::host::daemon
