// A BluezLink with the bus connection and the mirror that it needs, for programs that have one link and no more.
#pragma once

#include <memory>
#include <string>

#include "host/bluez/bluez_link.h"
#include "host/bluez/target.h"

namespace roost::host {

// The bus to use: $ROOST_BUS (an address, for tests), else the system bus.
std::string default_bus();

// The device id in an Info value; empty when it does not decode.
std::string device_id_in_info(Bytes value);

// As --to takes it; `adapter` is named in the address unless it is empty.
Sighting sighting_of(bluez::Candidate candidate, const std::string& adapter);

// Null with a sentence when there is no bus; all else is told by the link's `closed`.
std::unique_ptr<Link> open_bluez_link(Loop& loop, const std::string& target, std::string* error);

// The Roost devices that are heard within `duration_ms`, as --to takes them. Runs a loop of its own for as long.
// What kept from listening, if anything, is told by the failure.
bluez::Failure scan_bluetooth(const std::string& adapter, uint32_t duration_ms, std::vector<Sighting>* found);

}  // namespace roost::host
