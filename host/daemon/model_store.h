// Model files by content: a folder in which each file's name is its SHA-256. What is in it was a model when it came,
// and is checked against its name whenever it is used.
//
//   store.add(std::move(fd), [](const Outcome& outcome, const ModelRecord& model) { ... });
//   store.load(digest, options, [](const Outcome& outcome, std::shared_ptr<const Package> package) { ... });
//
// Reading, judging and hashing are the worker's; callbacks come from the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "host/daemon/records.h"
#include "host/daemon/worker.h"
#include "host/dbus/value.h"

namespace roost::host::daemon {

class ModelStore {
 public:
  // `folder` is made where it is missing. Borrows the worker.
  ModelStore(Worker& worker, std::string folder);

  // kFile (no regular file, too large, unreadable, or the store cannot be written), kBadModel with the gate's
  // sentence. The record has digest and size.
  using Added = std::function<void(const Outcome& outcome, const ModelRecord& model)>;
  void add(dbus::UniqueFd file, Added added);

  // The package of that model with these options; the same one as long as somebody holds it. kFile when it is not
  // there or damaged, kUsage when the options make no package.
  using Loaded = std::function<void(const Outcome& outcome, std::shared_ptr<const Package> package)>;
  void load(const std::string& digest, const DeployOptions& options, Loaded loaded);

  void remove(const std::string& digest, std::function<void()> removed);

 private:
  Worker& worker_;
  const std::string folder_;
  std::map<std::string, std::weak_ptr<const Package>> packages_;  // by digest and options
};

}  // namespace roost::host::daemon
