#include "device/ports/linux/narrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "device/ports/linux/clock.h"
#include "protocol/reason.h"

namespace roost::device {
namespace {

const char* event_name(AgentEvent event) {
  switch (event) {
    case AgentEvent::kModelRuns:
      return "model_runs";
    case AgentEvent::kNoModel:
      return "no_model";
    case AgentEvent::kSafeMode:
      return "safe_mode";
    case AgentEvent::kModelUnfit:
      return "model_unfit";
    case AgentEvent::kAccepted:
      return "accepted";
    case AgentEvent::kRefused:
      return "refused";
    case AgentEvent::kPageRewound:
      return "page_rewound";
    case AgentEvent::kStored:
      return "stored";
    case AgentEvent::kVerified:
      return "verified";
    case AgentEvent::kGivenUp:
      return "given_up";
    case AgentEvent::kAttempt:
      return "attempt";
    case AgentEvent::kTrial:
      return "trial";
    case AgentEvent::kConfirmed:
      return "confirmed";
    case AgentEvent::kRolledBack:
      return "rolled_back";
    case AgentEvent::kModelsErased:
      return "models_erased";
    case AgentEvent::kInvokeFailed:
      return "invoke_failed";
    case AgentEvent::kFlashTrouble:
      return "flash_trouble";
  }
  return "";
}

std::string words(const AgentNote& note, const std::string& model) {
  switch (note.event) {
    case AgentEvent::kModelRuns:
      return fmt::format("{} runs", model);
    case AgentEvent::kNoModel:
      return "there is no model to run yet: waiting for one";
    case AgentEvent::kSafeMode:
      return "the last resets were all by watchdog: no model is invoked, but I can be reached";
    case AgentEvent::kModelUnfit:
      return fmt::format("{} cannot be run by this firmware; it is kept", model);
    case AgentEvent::kAccepted:
      return note.value == 0 ? "a package comes"
                             : fmt::format("a package comes; {} of its pages are here already", note.value);
    case AgentEvent::kRefused:
      return "an offer is refused";
    case AgentEvent::kPageRewound:
      return fmt::format("a page is not as it should be; it is sent again from {}", note.value);
    case AgentEvent::kStored:
      return fmt::format("{} is stored: every byte reads back as promised", model);
    case AgentEvent::kVerified:
      return fmt::format("{} is verified and sealed", model);
    case AgentEvent::kGivenUp:
      return "the transfer ended early";
    case AgentEvent::kAttempt:
      return fmt::format("{} is prepared and tested", model);
    case AgentEvent::kTrial:
      return fmt::format("{} is active, on trial", model);
    case AgentEvent::kConfirmed:
      return fmt::format("{} is confirmed", model);
    case AgentEvent::kRolledBack:
      return fmt::format("{} is taken back", model);
    case AgentEvent::kModelsErased:
      return "all models are forgotten, and their flash is being erased";
    case AgentEvent::kInvokeFailed:
      return fmt::format("an inference of {} failed", model);
    case AgentEvent::kFlashTrouble:
      return "the flash refused an operation; it will be tried again";
  }
  return "";
}

// The likeliest class of the first output, when it looks like scores.
struct Top {
  bool known = false;
  size_t index = 0;
  double score = 0;
};

Top top_of(const runtime::IoTensor& output) {
  Top top;
  const bool floats = output.type == runtime::TensorType::FLOAT32;
  if (!floats && output.type != runtime::TensorType::INT8) return top;
  const size_t count = output.bytes.size() / (floats ? 4 : 1);
  for (size_t i = 0; i < count; ++i) {
    double value = 0;
    if (floats) {
      float f;
      memcpy(&f, output.bytes.data() + 4 * i, 4);
      value = f;
    } else {
      value = (static_cast<int8_t>(output.bytes[i]) - output.zero_point) * static_cast<double>(output.scale);
    }
    if (top.known && value <= top.score) continue;
    top = {true, i, value};
  }
  return top;
}

}  // namespace

Narrator::Narrator(const Options& options)
    : options_(options), started_us_(now_us()), summary_at_us_(started_us_ + options.summary_ms * 1000ull) {}

double Narrator::seconds() const {
  return static_cast<double>(now_us() - started_us_) / 1e6;
}

void Narrator::line(const std::string& text) {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Narrator::say(const std::string& text) {
  if (!options_.json) line(fmt::format("[{:8.3f}] {}", seconds(), text));
}

void Narrator::note(const AgentNote& note, const std::string& model) {
  const protocol::Description why = protocol::describe(note.cause.reason());
  if (options_.json) {
    nlohmann::ordered_json json = {{"event", event_name(note.event)},
                                   {"t", seconds()},
                                   {"package", fmt::format("{:08x}", note.package_id)},
                                   {"model", model},
                                   {"value", note.value}};
    if (note.slot != storage::kNoSlot) json["slot"] = note.slot;
    if (!note.cause.ok()) json["reason"] = why.name, json["detail"] = note.cause.detail();
    return line(json.dump());
  }
  std::string text = words(note, model);
  if (!note.cause.ok()) text += fmt::format(": {} ({})", why.what, why.name);
  if (in_summary_ > 0) summary();
  say(text);
}

void Narrator::inference(uint64_t number, const std::string& truth, DeliveryAgent& agent,
                         const std::vector<std::string>& labels, uint64_t started_us) {
  if (last_number_ != 0) {
    missed_ += number - last_number_ - 1;
    uint64_t& longest = longest_gap_us_[static_cast<size_t>(doing_)];
    longest = std::max(longest, started_us - last_inference_us_);
  }
  last_number_ = number;
  doing_ = Doing::kNothing;
  last_inference_us_ = started_us;
  const Top top = agent.output_count() > 0 ? top_of(agent.output(0)) : Top();
  const std::string name = !top.known                  ? std::string("done")
                           : top.index < labels.size() ? labels[top.index]
                                                       : fmt::format("class {}", top.index);
  if (in_summary_++ == 0) first_in_summary_ = number;
  ++seen_[truth][name];
  if (!options_.each_inference) return;
  if (options_.json) {
    nlohmann::ordered_json json = {{"event", "inference"}, {"t", seconds()}, {"n", number}};
    if (top.known) json["top"] = top.index, json["label"] = name, json["score"] = top.score;
    if (!truth.empty()) json["truth"] = truth;
    return line(json.dump());
  }
  say(fmt::format("inference {}: {}{}{}", number, truth.empty() ? "" : truth + " -> ", name,
                  top.known ? fmt::format(" ({:.0f} %)", top.score * 100) : ""));
}

void Narrator::summary_if_due() {
  if (now_us() >= summary_at_us_) summary();
}

void Narrator::summary() {
  summary_at_us_ = now_us() + options_.summary_ms * 1000ull;
  if (in_summary_ == 0) return;
  if (!options_.each_inference && !options_.json) {
    std::string text = fmt::format("inferences {} to {}:", first_in_summary_, first_in_summary_ + in_summary_ - 1);
    const char* separator = " ";
    for (const auto& [truth, answers] : seen_) {
      for (const auto& [answer, count] : answers) {
        text += fmt::format("{}{}{} x {}", separator, truth.empty() ? "" : truth + " -> ", answer, count);
        separator = ", ";
      }
    }
    say(text);
  }
  in_summary_ = 0;
  seen_.clear();
}

void Narrator::say_gaps() {
  const auto ms = [&](Doing what) {
    return static_cast<double>(longest_gap_us_[static_cast<size_t>(what)]) / 1000;
  };
  if (options_.json) {
    line(nlohmann::ordered_json{{"event", "gaps"},
                                {"t", seconds()},
                                {"longest_ms", ms(Doing::kNothing)},
                                {"longest_receiving_ms", ms(Doing::kReceiving)},
                                {"longest_swapping_ms", ms(Doing::kSwapping)},
                                {"missed", missed_}}
             .dump());
  } else {
    say(fmt::format(
        "longest time between two inferences: {:.1f} ms undisturbed, {:.1f} ms while receiving, {:.1f} ms "
        "around the swap; inference numbers missed: {}",
        ms(Doing::kNothing), ms(Doing::kReceiving), ms(Doing::kSwapping), missed_));
  }
  longest_gap_us_ = {};
  missed_ = 0;
}

}  // namespace roost::device
