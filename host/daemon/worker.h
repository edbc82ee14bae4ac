// A thread for what may block: files and the database. The loop never waits for it.
//
//   worker.post([path] {                      // on the worker's thread, one after the other
//     const bool done = write(path);
//     return [done] { tell(done); };          // on the loop's thread
//   });
//
// What `work` captures must not be shared with the loop's thread. Destroying it finishes what was posted, and runs
// no completion any more.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "host/loop.h"

namespace roost::host::daemon {

class Worker {
 public:
  using Completion = std::function<void()>;
  using Work = std::function<Completion()>;

  explicit Worker(Loop& loop);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void post(Work work);

 private:
  void run();
  void complete();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<Work> works_;              // guarded by mutex_
  std::deque<Completion> completions_;  // guarded by mutex_
  bool ending_ = false;                 // guarded by mutex_
  int wake_fd_;
  Loop::Source wake_;
  std::thread thread_;
};

}  // namespace roost::host::daemon
