#include "host/daemon/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <vector>

namespace roost::host::daemon {

namespace {

constexpr char kIdentifier[] = "roostd";

bool journal = false;  // set once, before there is a second thread

// JOURNAL_STREAM names the journal's socket, and is inherited by children whose stderr is another: see systemd.exec(5).
bool stderr_is_journal() {
  const char* stream = getenv("JOURNAL_STREAM");
  struct stat status;
  if (!stream || fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

void set_up_log(bool verbose) {
  journal = stderr_is_journal();
  if (journal) {
    auto sink = std::make_shared<spdlog::sinks::systemd_sink_mt>(kIdentifier);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(kIdentifier, std::move(sink)));
  } else {
    spdlog::set_default_logger(spdlog::stderr_color_mt(kIdentifier));
  }
  spdlog::set_pattern("%v");
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
}

void log_job(int64_t number, const DeviceRecord* device, const std::string& text) {
  const std::string who = !device ? "" : device->id.empty() ? device->address : device->id;
  const std::string line = number != 0 ? fmt::format("job {}: {}", number, text) : fmt::format("{}: {}", who, text);
  if (!journal) return spdlog::info("{}", line);
  std::vector<std::string> fields = {"MESSAGE=" + line, fmt::format("PRIORITY={}", LOG_INFO),
                                     fmt::format("SYSLOG_IDENTIFIER={}", kIdentifier)};
  if (number != 0) fields.push_back(fmt::format("ROOST_JOB={}", number));
  if (!who.empty()) fields.push_back("ROOST_DEVICE=" + who);
  std::vector<iovec> parts;
  for (std::string& field : fields) parts.push_back({field.data(), field.size()});
  (void)sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace roost::host::daemon
