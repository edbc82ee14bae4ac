#include "host/daemon/worker.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <utility>

namespace roost::host::daemon {

Worker::Worker(Loop& loop) : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_fd_ < 0) throw std::runtime_error("no eventfd can be made");
  wake_ = loop.watch(wake_fd_, EPOLLIN, [this](uint32_t) { complete(); });
  // Signals are the loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Worker::~Worker() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  posted_.notify_one();
  thread_.join();
  wake_ = {};
  ::close(wake_fd_);
}

void Worker::post(Work work) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    works_.push_back(std::move(work));
  }
  posted_.notify_one();
}

void Worker::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    posted_.wait(lock, [this] { return ending_ || !works_.empty(); });
    if (works_.empty()) return;
    Work work = std::move(works_.front());
    works_.pop_front();
    lock.unlock();
    Completion completion = work();
    work = nullptr;  // what it captured ends here
    lock.lock();
    completions_.push_back(std::move(completion));
    const uint64_t one = 1;
    (void)!::write(wake_fd_, &one, sizeof one);
  }
}

void Worker::complete() {
  uint64_t ignored;
  (void)!::read(wake_fd_, &ignored, sizeof ignored);
  std::deque<Completion> ready;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ready.swap(completions_);
  }
  for (const Completion& completion : ready) {
    if (completion) completion();
  }
}

}  // namespace roost::host::daemon
