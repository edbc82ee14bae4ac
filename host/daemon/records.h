// What the daemon remembers: devices, models and jobs, as they stand in the database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/exit_code.h"
#include "host/package.h"

namespace roost::host::daemon {

// Seconds since the epoch; 0: never.
using Time = int64_t;

struct DeviceRecord {
  int64_t key = 0;  // never used again; the last part of its object path
  std::string id;   // 32 hexadecimal digits; empty until the device told
  std::string address;
  std::string name;
  std::string hardware;
  std::string running;         // name and version of what runs
  std::string running_digest;  // SHA-256 of that model
  std::string running_state;   // "confirmed", "trial" ...
  Time seen_at = 0;
};

struct ModelRecord {
  std::string digest;  // SHA-256, 64 hexadecimal digits: the file's name in the store
  std::string name;
  uint32_t size_bytes = 0;
  Time added_at = 0;
};

enum class JobKind { kDeploy, kActivate, kConfirm, kRollback, kAbort, kErase };
enum class JobState { kOpen, kDone, kFailed, kCancelled };

// The words of the database and of D-Bus.
const char* kind_name(JobKind kind);
const char* state_name(JobState state);
bool parse_kind(const std::string& text, JobKind* kind);
bool parse_state(const std::string& text, JobState* state);

// What a Deploy asks for besides the model.
struct DeployOptions {
  PackageOptions package;  // but for the vectors, which are read with the model at hand
  std::string self_test;   // the text of a self-test file; empty: none
  bool activate = true;
  bool confirm = false;
  bool force = false;

  // As one line of JSON, for the database. False: not such a line.
  std::string to_json() const;
  static bool from_json(const std::string& text, DeployOptions* options);
};

struct JobRecord {
  int64_t number = 0;  // never used again; the last part of its object path
  int64_t device = 0;  // DeviceRecord::key
  JobKind kind = JobKind::kDeploy;
  std::string model;  // kDeploy: its digest
  DeployOptions options;
  JobState state = JobState::kOpen;
  Time created_at = 0;
  Time ended_at = 0;
  uint32_t retry_for_s = 0;  // tried again until so many seconds have passed without progress
  uint64_t waited_ms = 0;    // of these, over so far
  uint32_t attempts = 0;
  uint32_t about = 0;  // kRollback: the package it leads away from; 0: not known yet
  Outcome outcome;     // of the last attempt
  std::string report;  // JSON, once something was delivered

  bool open() const { return state == JobState::kOpen; }
};

}  // namespace roost::host::daemon
