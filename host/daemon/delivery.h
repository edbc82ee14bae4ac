// One attempt at one job: gets the package, waits for its turn on the air, and holds one session with the device.
// Ends in exactly one `done`, from the loop; destroying it before that disconnects and says nothing.
//
// A device whose id is not known yet is only asked for it, and a roll-back that does not know yet what it leads away
// from only finds that out: `done` then says kLearned, and the job is to be begun again with what was learned. So
// the session that changes anything always knows whom it talks to.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "host/daemon/links.h"
#include "host/daemon/model_store.h"
#include "host/session.h"

namespace roost::host::daemon {

class Delivery {
 public:
  enum class End { kEnded, kLearned };
  struct Result {
    End end = End::kEnded;
    Outcome outcome;
    std::optional<protocol::Info> info;  // as last read
    std::vector<uint8_t> info_value;     // its bytes
    uint32_t about = 0;                  // see JobRecord
    bool progressed = false;             // something new became durable or came about on the device
    std::string report;                  // JSON; empty when nothing was delivered
  };
  struct Events {
    std::function<void(const Progress&)> progress;
    std::function<void(const std::string&)> log;
    std::function<void(const Result&)> done;
  };

  // Borrows loop, links and models. `job` null: only reads Info.
  Delivery(Loop& loop, Links& links, ModelStore& models, DeviceRecord device, const JobRecord* job, bool by_id,
           Events events);
  void start();
  void cancel(const Outcome& why);

 private:
  void load();
  void take_turn();
  void converse();
  void handle_progress(const Progress& progress);
  void handle_done(const Outcome& outcome);
  void finish(const Outcome& outcome);
  bool learns() const;

  Loop& loop_;
  Links& links_;
  ModelStore& models_;
  const DeviceRecord device_;
  const std::optional<JobRecord> job_;
  const bool by_id_;
  Events events_;
  std::shared_ptr<const Package> package_;
  AirArbiter::Turn turn_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<Session> session_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Loop::Source soon_;
  bool done_ = false;
  uint64_t bytes_seen_ = 0;  // durable, at the first progress of the transfer
  Result result_;
};

}  // namespace roost::host::daemon
