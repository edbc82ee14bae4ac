#include "host/report.h"

#include <fmt/format.h>

namespace roost::host {

const char* binding_limit(const SessionReport& report) {
  return report.waiting_seconds > report.send_seconds / 2 ? "device" : "host";
}

nlohmann::ordered_json report_json(const Package& package, const SessionReport& report, const CallCounts& calls) {
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
          {"waiting_seconds", report.waiting_seconds},
          {"dbus_calls", calls},
          {"binding_limit", binding_limit(report)}};
}

}  // namespace roost::host
