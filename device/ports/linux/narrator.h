// Says what the simulated device does: in plain words for people, or as JSON lines for programs. To stdout, one
// line at a time, flushed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "device/agent/delivery_agent.h"

namespace roost::device {

class Narrator {
 public:
  struct Options {
    bool json = false;
    bool each_inference = false;  // a line for every inference, not only a summary
    uint32_t summary_ms = 2000;
  };

  explicit Narrator(const Options& options);

  void say(const std::string& text);  // plain words only
  void note(const AgentNote& note, const std::string& model);
  void inference(uint64_t number, const std::string& truth, DeliveryAgent& agent,
                 const std::vector<std::string>& labels, uint64_t started_us);
  // What the device is busy with beside inferring: the time until the next inference counts for the busiest of it.
  enum class Doing { kNothing, kReceiving, kSwapping };
  void doing(Doing what) { doing_ = std::max(doing_, what); }
  // There is no model to infer with: the time until there is one is no gap.
  void pause() { last_number_ = 0; }
  void summary_if_due();
  void summary();
  // The longest time between the starts of two inferences, in words; and forgets them.
  void say_gaps();

 private:
  double seconds() const;
  void line(const std::string& text);

  Options options_;
  uint64_t started_us_;
  uint64_t summary_at_us_;
  Doing doing_ = Doing::kNothing;
  uint64_t last_inference_us_ = 0;
  uint64_t last_number_ = 0;
  std::array<uint64_t, 3> longest_gap_us_{};
  uint64_t missed_ = 0;
  uint64_t first_in_summary_ = 0, in_summary_ = 0;
  std::map<std::string, std::map<std::string, int>> seen_;  // what was shown -> what was recognised -> how often
};

}  // namespace roost::device
