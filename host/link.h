// The seam between a delivery session and whatever carries GATT operations: a socket to a simulated device now,
// BlueZ later. Single-threaded: every callback comes from the event loop, never from inside a call.
//
// Contract, proved by tests/host/link_contract_test.cc for each implementation:
//  - connect() ends in exactly one `connected`, or one `closed` with the reason; after `connected`, notifications
//    are on. After `closed` nothing more comes until connect() is called again.
//  - write_data() never blocks; kWouldBlock means: wait for `writable`. A successful write says nothing about the
//    air, so nobody paces by it.
//  - one write_control() at a time is under way; more are queued in order.
//  - destroying a Link disconnects and silences it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/span.h"

namespace roost::host {

class Loop;

enum class LinkError : uint8_t {
  kNone = 0,
  kNotFound,      // no such device: check the name, power it on
  kNotConnected,  // a call that needs a connection, without one: connect first
  kRefused,       // the device serves another central: try later
  kNoService,     // it is there, but is not a Roost device
  kLost,          // the connection ended: reconnect and resume
  kWouldBlock,    // write_data only: wait for `writable`
  kTooLong,       // the value is longer than the ATT MTU allows: our own mistake, or a device that lies
  kSystem,        // the operating system refused: the text says what
  kNotPermitted,  // policy or pairing forbids it: the text says what to do
};

using LinkStatus = roost::Status<LinkError>;

struct LinkEvents {
  std::function<void()> connected;
  std::function<void(LinkError, const std::string& why)> closed;
  std::function<void(Bytes)> notification;
  std::function<void()> writable;
};

// Calls to another process by method name: what a link cost beside the air.
using CallCounts = std::map<std::string, uint32_t>;

class Link {
 public:
  virtual ~Link() = default;
  virtual void connect(LinkEvents events) = 0;
  virtual void disconnect() = 0;
  // The ATT MTU (23 to 517) of this connection.
  virtual uint16_t att_mtu() const = 0;
  // Reads the Info characteristic; the bytes live during the callback. Not called when the link closes first.
  virtual LinkStatus read_info(std::function<void(Bytes)> done) = 0;
  virtual LinkStatus write_control(Bytes value) = 0;
  virtual LinkStatus write_data(Bytes value) = 0;
  // Since the link was made; none where no other process is asked.
  virtual CallCounts calls() const { return {}; }
};

// What a scan tells of a device without connecting.
struct Sighting {
  std::string address;  // what --to takes, such as sim:/run/user/1000/roost/left.sock
  std::string name;
  std::vector<uint8_t> service_data;  // protocol::decode_advertised reads it; empty where the radio has no room
  std::optional<int> rssi = {};       // dBm, over a radio
};

}  // namespace roost::host
