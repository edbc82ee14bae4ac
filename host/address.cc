#include "host/address.h"

#include <unistd.h>

#include <cstdlib>

namespace roost::host {

Address Address::parse(const std::string& text) {
  Address address;
  const std::string scheme = text.substr(0, 4);
  address.rest = text.size() > 4 ? text.substr(4) : "";
  if (scheme == "ble:") {
    address.kind = Kind::kBle;
  } else if (scheme == "sim:" && !address.rest.empty()) {
    address.kind = Kind::kSim;
    const bool is_path = address.rest.find_first_of("/.") != std::string::npos;
    if (!is_path) address.rest = sim_directory() + "/" + address.rest + ".sock";
  }
  return address;
}

std::string sim_directory() {
  if (const char* directory = getenv("ROOST_SIM_DIR")) return directory;
  if (const char* runtime = getenv("XDG_RUNTIME_DIR")) return std::string(runtime) + "/roost";
  return "/tmp/roost-" + std::to_string(getuid());
}

}  // namespace roost::host
