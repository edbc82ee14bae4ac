#include "host/daemon/model_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "host/file.h"

namespace roost::host::daemon {

namespace {

Outcome file_error(const std::string& sentence) {
  return {ExitCode::kFile, "check", sentence};
}

// Written beside its place, synced and renamed: after a power cut the store has it whole or not at all.
Outcome keep(const std::string& folder, const std::string& digest, Bytes bytes) {
  const std::string path = folder + "/" + digest;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return {};
  const std::string partial = path + ".part";
  const dbus::UniqueFd file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  const bool written =
      file && write_all(file.get(), bytes) && fsync(file.get()) == 0 && rename(partial.c_str(), path.c_str()) == 0;
  const dbus::UniqueFd parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (written && parent && fsync(parent.get()) == 0) return {};
  const Outcome failed = file_error(fmt::format("{}: cannot be written: {}", path, strerror(errno)));
  unlink(partial.c_str());
  return failed;
}

Outcome build(const std::string& path, const std::string& digest, const DeployOptions& options, Package* package) {
  std::vector<uint8_t> model;
  std::string error;
  if (!read_file(path, kModelFileBytesMax, &model, &error)) return file_error(error);
  if (hex(sha256(model)) != digest) {
    return file_error(path + ": the stored model is damaged; remove it and add it again");
  }
  PackageOptions with_vectors = options.package;
  if (!options.self_test.empty()) {
    Outcome read = parse_vectors(options.self_test, "self-test", model, &with_vectors.body.vectors);
    if (read.code != ExitCode::kOk) return read;
  }
  return build_package(model, with_vectors, package);
}

}  // namespace

ModelStore::ModelStore(Worker& worker, std::string folder) : worker_(worker), folder_(std::move(folder)) {
  std::error_code ignored;
  std::filesystem::create_directories(folder_, ignored);
}

void ModelStore::add(dbus::UniqueFd file, Added added) {
  worker_.post(
      [folder = folder_, fd = std::make_shared<dbus::UniqueFd>(std::move(file)), added = std::move(added)] {
        ModelRecord model;
        std::vector<uint8_t> bytes;
        std::string error;
        Outcome outcome;
        if (!read_open_file(fd->get(), "the file", kModelFileBytesMax, &bytes, &error)) outcome = file_error(error);
        runtime::Judgement judgement;
        if (outcome.code == ExitCode::kOk) outcome = judge_model(bytes, &judgement);
        if (outcome.code == ExitCode::kOk) {
          model.digest = hex(sha256(bytes));
          model.size_bytes = static_cast<uint32_t>(bytes.size());
          outcome = keep(folder, model.digest, bytes);
        }
        return [added, outcome, model] { added(outcome, model); };
      });
}

void ModelStore::load(const std::string& digest, const DeployOptions& options, Loaded loaded) {
  const std::string key = digest + options.to_json();
  std::erase_if(packages_, [](const auto& entry) { return entry.second.expired(); });
  auto found = packages_.find(key);
  std::shared_ptr<const Package> at_hand = found == packages_.end() ? nullptr : found->second.lock();
  worker_.post([this, path = folder_ + "/" + digest, digest, options, key, at_hand, loaded = std::move(loaded)] {
    std::shared_ptr<const Package> package = at_hand;
    Outcome outcome;
    if (!package) {
      auto built = std::make_shared<Package>();
      outcome = build(path, digest, options, built.get());
      if (outcome.code == ExitCode::kOk) package = std::move(built);
    }
    return [this, key, outcome, package, loaded] {
      if (package) packages_[key] = package;
      loaded(outcome, package);
    };
  });
}

void ModelStore::remove(const std::string& digest, std::function<void()> removed) {
  worker_.post([path = folder_ + "/" + digest, removed = std::move(removed)] {
    unlink(path.c_str());
    return removed;
  });
}

}  // namespace roost::host::daemon
