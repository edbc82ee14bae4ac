#include "host/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/progress.h"

namespace roost::host {

namespace {

// What a delivery reached of what a radio carries. eta needs to know interval and PHY, which bluetoothd does not
// tell; without them there are the bounds that hold at any interval.
struct AirReport {
  bool any = false;  // it went over a radio, and something was sent
  double bytes_per_second = 0;
  double ceiling_1m = 0, ceiling_2m = 0;  // at this value size, in an event without an end
  std::optional<double> limit;            // at the interval and PHY that the user named
  bool interval_binds = false;            // more than a tenth of the ceiling is lost to what does not fit
};

AirReport air_report(const Package& package, const SessionReport& report, std::optional<AirParameters> radio) {
  AirReport told;
  if (!radio || report.send_seconds <= 0 || report.value_bytes == 0) return told;
  AirParameters air = *radio;
  told.any = true;
  told.bytes_per_second = static_cast<double>(package.payload.size() - report.bytes_resumed) / report.send_seconds;
  air.value_bytes = report.value_bytes;
  told.ceiling_1m =
      air_bytes_per_second({.value_bytes = air.value_bytes, .phy_mbit = 1, .encrypted = air.encrypted});
  told.ceiling_2m =
      air_bytes_per_second({.value_bytes = air.value_bytes, .phy_mbit = 2, .encrypted = air.encrypted});
  if (air.interval_ms <= 0) return told;
  told.limit = air_bytes_per_second(air);
  told.interval_binds = *told.limit < 0.9 * (air.phy_mbit == 1 ? told.ceiling_1m : told.ceiling_2m);
  return told;
}

// What held the transfer back most, from where the time went; the host is what is neither waited for.
const char* binding_limit(const SessionReport& report, const AirReport& air) {
  const double host_seconds = report.send_seconds - report.flash_seconds - report.radio_seconds;
  if (report.flash_seconds >= std::max(report.radio_seconds, host_seconds)) return "flash";
  if (report.radio_seconds < host_seconds) return "host";
  return air.interval_binds ? "interval fit" : "radio";
}

nlohmann::ordered_json air_json(const AirReport& air) {
  if (!air.any) return nullptr;
  return {
      {"bytes_per_second", air.bytes_per_second},
      {"ceiling_1m_bytes_per_second", air.ceiling_1m},
      {"ceiling_2m_bytes_per_second", air.ceiling_2m},
      {"limit_bytes_per_second", air.limit ? nlohmann::ordered_json(*air.limit) : nullptr},
      {"eta", air.limit && *air.limit > 0 ? nlohmann::ordered_json(air.bytes_per_second / *air.limit) : nullptr}};
}

std::string air_text(const nlohmann::json& air) {
  if (!air.is_object()) return "";
  const double rate = air.at("bytes_per_second");
  const double ceiling_1m = air.at("ceiling_1m_bytes_per_second");
  const double ceiling_2m = air.at("ceiling_2m_bytes_per_second");
  const std::string ceilings = fmt::format(
      "  {:.0f} % of what values of this size reach on 1M at most ({}/s), {:.0f} % on 2M ({}/s); ",
      100 * rate / ceiling_1m, human_bytes(ceiling_1m), 100 * rate / ceiling_2m, human_bytes(ceiling_2m));
  if (!air.at("eta").is_number()) {
    return ceilings + "eta unknown: bluetoothd does not tell interval and PHY (--interval, --phy)\n";
  }
  return ceilings + fmt::format("eta {:.0f} % of the limit at this interval ({}/s)\n",
                                100 * air.at("eta").get<double>(), human_bytes(air.at("limit_bytes_per_second")));
}

std::string calls_text(const nlohmann::json& calls) {
  uint32_t total = 0;
  std::string kinds;
  for (const auto& [member, count] : calls.items()) {
    total += count.get<uint32_t>();
    kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", member, count.get<uint32_t>());
  }
  return total == 0 ? "" : fmt::format("  {} D-Bus calls: {}\n", total, kinds);
}

}  // namespace

nlohmann::ordered_json report_json(const Package& package, const SessionReport& report, const CallCounts& calls,
                                   std::optional<AirParameters> radio) {
  const AirReport air = air_report(package, report, radio);
  return {{"event", "report"},
          {"package", fmt::format("{:08x}", package.id)},
          {"name", package.name},
          {"version", package.version},
          {"model_bytes", package.model_bytes},
          {"model_sha256", hex(package.model_sha256)},
          {"payload_bytes", package.payload.size()},
          {"already_there", report.already_there},
          {"bytes_resumed", report.bytes_resumed},
          {"chunks", report.chunks},
          {"chunks_resumed", report.chunks_resumed},
          {"chunks_sent", report.chunks_sent},
          {"fragments_sent", report.fragments_sent},
          {"fragments_resent", report.fragments_resent},
          {"data_bytes", report.data_bytes},
          {"control_bytes", report.control_bytes},
          {"notified_bytes", report.notified_bytes},
          {"reports", report.reports},
          {"queries", report.queries},
          {"rewinds", report.rewinds},
          {"credit_stalls", report.credit_stalls},
          {"reconnects", report.reconnects},
          {"att_mtu", report.att_mtu},
          {"value_bytes", report.value_bytes},
          {"seconds", report.seconds},
          {"send_seconds", report.send_seconds},
          {"flash_seconds", report.flash_seconds},
          {"radio_seconds", report.radio_seconds},
          {"dbus_calls", calls},
          {"binding_limit", binding_limit(report, air)},
          {"air", air_json(air)}};
}

std::string report_text(const nlohmann::json& report) {
  if (report.at("already_there")) return "  the device held it already: nothing was sent\n";
  const auto number = [&](const char* name) { return report.at(name).get<double>(); };
  const auto count = [&](const char* name) { return report.at(name).get<uint64_t>(); };
  const double sent = number("payload_bytes") - number("bytes_resumed");
  const double seconds = number("send_seconds");
  std::string text = fmt::format("  {} in {:.2f} s", human_bytes(sent), seconds);
  if (seconds > 0) text += fmt::format(", {}/s", human_bytes(sent / seconds));
  text += fmt::format("; held back by the {}\n", report.at("binding_limit").get<std::string>());
  if (count("chunks_resumed") > 0) {
    text += fmt::format("  resumed: {} of {} pages were there already and were not sent again\n",
                        count("chunks_resumed"), count("chunks"));
  }
  const double overhead = number("data_bytes") + number("control_bytes") + number("notified_bytes") - sent;
  text += fmt::format(
      "  {} fragments of {} bytes (MTU {}), {} sent again; {} reports; {} waits for credit; overhead {:.2f} %{}\n",
      count("fragments_sent"), count("value_bytes"), count("att_mtu"), count("fragments_resent"), count("reports"),
      count("credit_stalls"), sent > 0 ? overhead * 100 / sent : 0.0,
      count("reconnects") > 0 ? fmt::format("; {} reconnects", count("reconnects")) : "");
  return text + air_text(report.at("air")) + calls_text(report.at("dbus_calls"));
}

}  // namespace roost::host
