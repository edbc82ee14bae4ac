// The double of org.bluez as a program: starts a private bus, stands on it in front of simulated devices, runs a
// command with $ROOST_BUS naming that bus, and ends as the command ends.
//
//   bluez_double --device C0:FF:EE:00:00:01=left=/run/left.sock [--device ...] -- roost push m.tflite --to ble:left
//
// SIGUSR1 kills the double's bluetoothd and starts it again a moment later; SIGUSR2 ends every link.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/bluez/bluez_double.h"
#include "tests/bluez/private_bus.h"

namespace {

using roost::host::Loop;
using roost::test::BluezDouble;
using roost::test::PrivateBus;

constexpr uint32_t kRestartMs = 200;

bool parse_device(const std::string& text, BluezDouble::DeviceOptions* device) {
  const size_t first = text.find('=');
  const size_t second = text.find('=', first + 1);
  if (first == std::string::npos || second == std::string::npos) return false;
  device->address = text.substr(0, first);
  device->name = text.substr(first + 1, second - first - 1);
  device->socket = text.substr(second + 1);
  return true;
}

int run(const std::vector<BluezDouble::DeviceOptions>& devices, char** command) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGCHLD, SIGUSR1, SIGUSR2}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  PrivateBus bus;
  Loop loop;
  BluezDouble bluez(loop, bus.address());
  for (const auto& device : devices) bluez.add_device(device);
  setenv("ROOST_BUS", bus.address().c_str(), 1);
  const pid_t child = fork();
  if (child == 0) {
    sigprocmask(SIG_UNBLOCK, &signals, nullptr);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
  }
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC);
  Loop::Source starting;
  Loop::Source watch = loop.watch(fd, EPOLLIN, [&](uint32_t) {
    signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != sizeof info) return;
    int status = 0;
    if (info.ssi_signo == SIGCHLD && waitpid(child, &status, WNOHANG) == child) {
      loop.stop(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    } else if (info.ssi_signo == SIGUSR1) {
      bluez.stop();
      starting = loop.after(kRestartMs, [&] { bluez.start(); });
    } else if (info.ssi_signo == SIGUSR2) {
      for (const auto& device : devices) bluez.drop_link(device.address);
    }
  });
  const int code = loop.run();
  close(fd);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<BluezDouble::DeviceOptions> devices;
  int next = 1;
  for (; next + 1 < argc && strcmp(argv[next], "--device") == 0; next += 2) {
    BluezDouble::DeviceOptions device;
    if (!parse_device(argv[next + 1], &device)) break;
    devices.push_back(device);
  }
  if (next + 1 >= argc || strcmp(argv[next], "--") != 0) {
    fprintf(stderr, "usage: bluez_double [--device ADDRESS=NAME=SOCKET]... -- COMMAND...\n");
    return 64;
  }
  return run(devices, argv + next + 1);
}
