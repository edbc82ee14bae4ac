// What `roost scan` shows: the Roost devices in the air, with what they run, without connecting.
#pragma once

#include <functional>
#include <vector>

#include "host/bluez/discovery.h"
#include "host/bluez/target.h"

namespace roost::host::bluez {

class Scan {
 public:
  using Done = std::function<void(const Failure&, std::vector<Candidate>)>;

  // Borrows the tree. `adapter` is "hci0", or empty for the first one.
  Scan(ObjectTree& tree, std::string adapter) : tree_(tree), adapter_(std::move(adapter)), discovery_(tree) {}

  // Listens for `duration_ms`; `done` gets kNone and what was heard (the strongest first), or why nothing could be.
  // `seen` is called for each device when it is first heard, and may be null.
  void start(uint32_t duration_ms, Done done, std::function<void(const Candidate&)> seen = nullptr);

 private:
  void begin();
  void look();
  void finish(const Failure& failure);

  ObjectTree& tree_;
  const std::string adapter_;
  Discovery discovery_;
  std::string adapter_path_;
  uint32_t duration_ms_ = 0;
  Done done_;
  std::function<void(const Candidate&)> seen_;
  std::map<std::string, Candidate> heard_;  // by address, as last heard
  ObjectTree::Observation observation_;
  Loop::Source timer_;
};

}  // namespace roost::host::bluez
