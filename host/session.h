// One conversation with one device, from connect to the last answer: delivers a package if there is one, then makes
// requests one after the other, and waits until what they ask for has come about. Event-driven, on the loop's
// thread.
//
// A lost link is part of the plan: it reconnects (with back-off, within a bound), reads Info to see where things
// stand, and goes on from there: a transfer resumes at the first page that is not durable, a request whose effect
// is there already is not made again.
//
//   Session session(loop, link, {.package = &package, .requests = {kActivate}}, options, events);
//   session.start();
//   loop.run();     // events.done(outcome) comes exactly once
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "host/exit_code.h"
#include "host/link.h"
#include "host/loop.h"
#include "host/package.h"
#include "host/progress.h"
#include "protocol/control.h"
#include "protocol/info.h"
#include "protocol/requester.h"
#include "protocol/sender.h"

namespace roost::host {

struct SessionPlan {
  const Package* package = nullptr;             // borrowed; null: nothing is delivered
  std::vector<protocol::MessageType> requests;  // kActivate, kConfirm, kRollback, kAbort, kEraseModels
  // For kRollback: away from this package. Another one running, or none, means that it came about before. 0: away
  // from whatever is there when the session connects.
  uint32_t roll_back_from = 0;
};

struct SessionOptions {
  bool force = false;                    // although the device rejected this package before
  uint32_t reconnect_within_ms = 30000;  // after a lost link, until something new was achieved; 0: never
  uint32_t request_within_ms = 60000;    // for a swap to come about, erases included
  std::string device_id;                 // 32 hexadecimal digits; another device is told nothing. Empty: any
};

// What a delivery cost, for its report.
struct SessionReport {
  uint64_t payload_bytes = 0;
  uint64_t bytes_resumed = 0;  // durable on the device before this session began to send
  double seconds = 0;          // from the first offer to `verified`
  double send_seconds = 0;     // from the first ACCEPT to `stored`
  // Of these, without credit from the device: either all that was sent had arrived, and the device, busy with its
  // flash, held the credit back; or some of it was still in the air, or in the queues before it, or the link was lost.
  double flash_seconds = 0, radio_seconds = 0;
  uint32_t chunks = 0;
  uint32_t chunks_resumed = 0;  // at the first ACCEPT
  uint32_t chunks_sent = 0;     // all of them, again ones included
  uint32_t fragments_sent = 0, fragments_resent = 0;
  uint64_t data_bytes = 0, control_bytes = 0, notified_bytes = 0;
  uint32_t reports = 0, queries = 0, rewinds = 0, credit_stalls = 0;
  uint32_t reconnects = 0;
  uint16_t att_mtu = 0, value_bytes = 0;
  bool already_there = false;  // the device held the sealed package: nothing was sent
};

struct SessionEvents {
  std::function<void(const Progress&)> progress;
  std::function<void(const std::string&)> log;  // a sentence for people: a reconnect, a wait
  std::function<void(const Outcome&)> done;
};

class Session {
 public:
  // Borrows loop, link and package.
  Session(Loop& loop, Link& link, SessionPlan plan, SessionOptions options, SessionEvents events);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  void cancel(const Outcome& why);

  // The device as it was last read; empty before that.
  const std::optional<protocol::Info>& info() const { return info_; }
  // The bytes of that.
  const std::vector<uint8_t>& info_value() const { return info_value_; }
  const SessionReport& report() const { return report_; }

 private:
  enum class State {
    kIdle,
    kConnecting,
    kReadingInfo,
    kSending,
    kRequesting,     // a Requester is at work
    kAwaitEffect,    // the request was answered; its effect is awaited
    kReadingEffect,  // Info is read to see whether it has come about
    kReconnecting,   // waiting to connect again
    kDone,
  };

  void connect();
  void handle_closed(LinkError error, const std::string& why);
  void expect_answer();
  void read_info(State reading);  // kReadingInfo or kReadingEffect
  void handle_info(Bytes value);
  void handle_notification(Bytes frame);
  void proceed();  // from what Info says, the next thing to do
  bool start_sending();
  void pump();
  void note_wait();
  void finish_sending();
  void account();
  void start_request();
  void pump_request();
  void finish_request();
  void await_effect();
  void handle_state_change(const protocol::StateChange& change);
  // The effect of the request under way as Info shows it: achieved, failed (with the outcome), or not yet.
  enum class Effect { kNotYet, kAchieved, kFailed };
  Effect effect_of_request(Outcome* failure) const;
  const protocol::InfoSlot* slot_of(uint32_t package_id) const;
  void request_achieved();
  void refused(const std::string& stage, protocol::Reason reason, uint16_t detail);
  void finish(const Outcome& outcome);
  void show(Phase phase);
  void at(protocol::Deadline deadline, void (Session::*next)());

  Loop& loop_;
  Link& link_;
  SessionPlan plan_;
  SessionOptions options_;
  SessionEvents events_;

  State state_ = State::kIdle;
  bool was_connected_ = false;
  bool package_verified_ = false;
  bool recovering_ = false;  // the link was lost and nothing new was achieved since
  uint32_t lost_since_ms_ = 0;
  uint32_t backoff_ms_ = 0;
  uint32_t durable_when_lost_ = 0;
  size_t next_request_ = 0;
  bool requested_ = false;  // the request under way was written at least once
  uint32_t request_began_ms_ = 0;
  uint8_t tag_ = 0;
  uint32_t target_package_ = 0;  // what the requests are about; 0 until known
  uint8_t running_before_ = 0;   // the slot that ran when a roll-back was asked for, and
  uint32_t open_before_ = 0;     // the package that was pending or on trial; 0: none

  std::optional<protocol::Info> info_;
  std::vector<uint8_t> info_value_;
  std::optional<protocol::Sender> sender_;
  std::optional<protocol::Requester> requester_;
  SessionReport report_;
  bool first_accept_seen_ = false;
  uint64_t began_us_ = 0, accepted_us_ = 0, stalled_since_us_ = 0;
  Loop::Source timer_;
  Loop::Source watchdog_;
};

// The package that a roll-back would lead away from now: what is pending or on trial, else what runs; 0: nothing.
uint32_t roll_back_candidate(const protocol::Info& info);

// The outcome for a device's no: which exit code, and the sentence with its reason.
Outcome refusal(const std::string& stage, protocol::Reason reason, uint16_t detail);

}  // namespace roost::host
