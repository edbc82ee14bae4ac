// What a delivery looks like while it runs: a bar on a terminal, JSON lines for programs, plain lines for logs.
#pragma once

#include <cstdint>
#include <string>

namespace roost::host {

enum class Phase { kConnect, kOffer, kErase, kSend, kVerify, kActivate, kConfirm };

const char* phase_name(Phase phase);

struct Progress {
  Phase phase = Phase::kConnect;
  uint64_t bytes_done = 0;     // durable on the device
  uint64_t bytes_total = 0;    // of the payload
  uint64_t bytes_resumed = 0;  // of bytes_done: already there when the transfer began
};

class ProgressView {
 public:
  enum class Mode { kBar, kJson, kPlain };
  // kBar when stderr is a terminal, else kPlain.
  static Mode mode_for_stderr();

  explicit ProgressView(Mode mode) : mode_(mode) {}
  ~ProgressView() { finish(); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  // At most ten lines a second; every change of phase is shown.
  void show(const Progress& progress, uint32_t now_ms);
  // Ends the bar's line, so that what is printed next starts a line of its own.
  void finish();

 private:
  void draw(const Progress& progress, double bytes_per_second);

  Mode mode_;
  bool drawn_ = false;
  bool line_open_ = false;
  Progress last_;
  uint32_t last_shown_ms_ = 0;
  uint32_t send_began_ms_ = 0;
  uint64_t send_began_bytes_ = 0;
};

// "12.3 kB", in units of 1000.
std::string human_bytes(double bytes);

}  // namespace roost::host
