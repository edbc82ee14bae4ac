#include "tests/bluez/private_bus.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace roost::test {

namespace {

void write_configuration(const std::string& path, const std::string& folder) {
  std::ofstream(path) << "<busconfig><type>custom</type><listen>unix:path=" << folder << "/bus</listen>"
                      << "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
                      << "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n";
}

}  // namespace

PrivateBus::PrivateBus() {
  std::string pattern = (std::filesystem::temp_directory_path() / "roost-bus-XXXXXX").string();
  if (!mkdtemp(pattern.data())) return;
  folder_ = pattern;
  const std::string configuration = folder_ + "/bus.conf";
  write_configuration(configuration, folder_);
  int ends[2];
  if (pipe(ends) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], 1);
    if (!getenv("ROOST_BUS_LOG")) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);  // it grumbles of limits
    close(ends[0]);
    close(ends[1]);
    execlp("dbus-daemon", "dbus-daemon", ("--config-file=" + configuration).c_str(), "--print-address=1",
           "--nofork", nullptr);
    _exit(127);
  }
  close(ends[1]);
  char text[512];
  const ssize_t size = read(ends[0], text, sizeof text);
  close(ends[0]);
  if (size > 0) address_.assign(text, static_cast<size_t>(size));
  while (!address_.empty() && address_.back() == '\n') address_.pop_back();
}

PrivateBus::~PrivateBus() {
  stop();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

void PrivateBus::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace roost::test
