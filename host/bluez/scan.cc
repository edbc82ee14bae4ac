#include "host/bluez/scan.h"

#include <algorithm>

namespace roost::host::bluez {

namespace {

// For bluetoothd to answer at all.
constexpr uint32_t kBeginTimeoutMs = 15000;

}  // namespace

void Scan::start(uint32_t duration_ms, Done done, std::function<void(const Candidate&)> seen) {
  duration_ms_ = duration_ms;
  done_ = std::move(done);
  seen_ = std::move(seen);
  observation_ = tree_.observe([this](const ObjectTree::Change& change) {
    if (discovery_.running()) return look();
    if (change.kind == ObjectTree::Change::Kind::kState) begin();
  });
  timer_ = tree_.bus().loop().after(0, [this] { begin(); });
}

void Scan::begin() {
  switch (tree_.state()) {
    case ObjectTree::State::kLoading:
      timer_ = tree_.bus().loop().after(kBeginTimeoutMs, [this] {
        finish({LinkError::kSystem, "Bluetooth: bluetoothd does not answer"});
      });
      return;
    case ObjectTree::State::kAbsent:
      return finish(explain_absence(tree_));
    case ObjectTree::State::kReady:
      break;
  }
  const Failure adapter = check_adapter(tree_, adapter_, &adapter_path_);
  if (adapter.error != LinkError::kNone) return finish(adapter);
  // Unfiltered: a controller with short advertisements sends the service data apart from the UUID that bluetoothd
  // filters by.
  discovery_.start(adapter_path_, false, [this](const Failure& failure) { finish(failure); });
  timer_ = tree_.bus().loop().after(duration_ms_, [this] { finish({LinkError::kNone, ""}); });
  look();
}

void Scan::look() {
  for (Candidate& candidate : candidates_of(tree_, adapter_path_)) {
    if (!candidate.advertises_roost || (!candidate.rssi && !candidate.connected)) continue;
    const bool is_new = heard_.count(candidate.address) == 0;
    Candidate& kept = heard_[candidate.address] = std::move(candidate);
    if (is_new && seen_) seen_(kept);
  }
}

void Scan::finish(const Failure& failure) {
  observation_.reset();
  timer_ = {};
  std::vector<Candidate> found;
  for (const auto& [address, candidate] : heard_) found.push_back(candidate);
  std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return a.rssi.value_or(INT16_MIN) > b.rssi.value_or(INT16_MIN);
  });
  discovery_.stop([this, failure, found] {
    auto done = std::exchange(done_, nullptr);
    if (done) done(failure, found);
  });
}

}  // namespace roost::host::bluez
