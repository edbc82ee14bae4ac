#include "host/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace roost::host {
namespace {

constexpr uint32_t kRedrawMs = 100;
constexpr int kBarCells = 30;

}  // namespace

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::kConnect:
      return "connect";
    case Phase::kOffer:
      return "offer";
    case Phase::kErase:
      return "erase";
    case Phase::kSend:
      return "send";
    case Phase::kVerify:
      return "verify";
    case Phase::kActivate:
      return "activate";
    case Phase::kConfirm:
      return "confirm";
  }
  return "";
}

std::string human_bytes(double bytes) {
  if (bytes < 1000) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.1f} kB", bytes / 1e3);
  return fmt::format("{:.2f} MB", bytes / 1e6);
}

ProgressView::Mode ProgressView::mode_for_stderr() {
  return isatty(STDERR_FILENO) ? Mode::kBar : Mode::kPlain;
}

void ProgressView::show(const Progress& progress, uint32_t now_ms) {
  const bool new_phase = !drawn_ || progress.phase != last_.phase;
  const bool sending = progress.phase == Phase::kSend;
  if (sending && (new_phase || progress.bytes_done < send_began_bytes_)) {
    send_began_ms_ = now_ms;
    send_began_bytes_ = progress.bytes_done;
  }
  if (!new_phase && now_ms - last_shown_ms_ < kRedrawMs && progress.bytes_done != progress.bytes_total) return;
  const double seconds = (now_ms - send_began_ms_) / 1000.0;
  const double rate =
      sending && seconds > 0.05 ? static_cast<double>(progress.bytes_done - send_began_bytes_) / seconds : 0;
  if (mode_ == Mode::kPlain && !new_phase) return;
  last_ = progress;
  last_shown_ms_ = now_ms;
  drawn_ = true;
  draw(progress, rate);
}

void ProgressView::draw(const Progress& progress, double rate) {
  const double left_s = rate > 0 ? static_cast<double>(progress.bytes_total - progress.bytes_done) / rate : 0;
  switch (mode_) {
    case Mode::kJson: {
      nlohmann::ordered_json line = {{"event", "progress"},
                                     {"phase", phase_name(progress.phase)},
                                     {"bytes", progress.bytes_done},
                                     {"bytes_total", progress.bytes_total},
                                     {"bytes_resumed", progress.bytes_resumed},
                                     {"bytes_per_second", static_cast<uint64_t>(rate)}};
      if (rate > 0) line["seconds_left"] = left_s;
      fmt::print("{}\n", line.dump());
      std::fflush(stdout);
      return;
    }
    case Mode::kPlain:
      fmt::print(stderr, "{}{}\n", phase_name(progress.phase),
                 progress.phase == Phase::kSend && progress.bytes_resumed > 0
                     ? fmt::format(" (resumed: {} are already there)",
                                   human_bytes(static_cast<double>(progress.bytes_resumed)))
                     : "");
      return;
    case Mode::kBar: {
      const double part = progress.bytes_total
                              ? static_cast<double>(progress.bytes_done) / static_cast<double>(progress.bytes_total)
                              : 0;
      const int full = static_cast<int>(part * kBarCells);
      fmt::print(stderr, "\r\033[K{:<9}[{}{}] {:3.0f} %  {} of {}", phase_name(progress.phase),
                 std::string(full, '#'), std::string(kBarCells - full, '.'), part * 100,
                 human_bytes(static_cast<double>(progress.bytes_done)),
                 human_bytes(static_cast<double>(progress.bytes_total)));
      if (rate > 0) fmt::print(stderr, "  {}/s  {:.0f} s left", human_bytes(rate), left_s);
      std::fflush(stderr);
      line_open_ = true;
      return;
    }
  }
}

void ProgressView::finish() {
  if (line_open_) fmt::print(stderr, "\n");
  line_open_ = false;
}

}  // namespace roost::host
