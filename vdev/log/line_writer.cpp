// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/log/line_writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "vdev/os/text.hpp"

namespace bellwire::log {
namespace {

constexpr std::size_t most_waiting = 512;

// Another process may have made the file non-blocking. If the reader is gone, its lines are lost.
void write_all(int fd, std::string_view line) {
  while (!line.empty()) {
    const auto size = ::write(fd, line.data(), line.size());
    if (size > 0) {
      line.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno == EAGAIN) {
      pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&entry, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

// The program's signals are for its own threads; those that a fault raises can't be blocked.
sigset_t signals_of_others() {
  sigset_t set;
  ::sigfillset(&set);
  for (const int fault : {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS})
    ::sigdelset(&set, fault);
  return set;
}

}  // namespace

void write_at_once(int fd, std::string_view line, std::chrono::milliseconds patience) noexcept {
  pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&entry, 1, static_cast<int>(patience.count())) != 1) return;
  [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
}

LineWriter::LineWriter(Clerk& clerk, int fd) : clerk_(clerk), fd_(fd) {
  const auto blocked = signals_of_others();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  try {
    std::thread([this] { run(); }).detach();
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LineWriter::put(std::string line, bool important) {
  const std::lock_guard lock(mutex_);
  if (lines_.size() >= most_waiting && !important) {
    ++dropped_;
    return;
  }
  lines_.push_back(std::move(line));
  changed_.notify_all();
}

void LineWriter::call_at(Clock::time_point time) {
  const std::lock_guard lock(mutex_);
  next_call_ = std::min(next_call_, time);
  changed_.notify_all();
}

bool LineWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience,
                           [this] { return lines_.empty() && dropped_ == 0 && !writing_; });
}

// The clerk is called, and lines are written, while the lock is free.
void LineWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (lines_.empty() && dropped_ > 0) report_dropped();
    if (!lines_.empty()) {
      const auto line = std::move(lines_.front());
      lines_.pop_front();
      writing_ = true;
      lock.unlock();
      write_all(fd_, line);
      lock.lock();
      writing_ = false;
      changed_.notify_all();
    } else if (next_call_ <= Clock::now()) {
      next_call_ = Clock::time_point::max();
      lock.unlock();
      clerk_.on_time();
      lock.lock();
    } else if (next_call_ == Clock::time_point::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, next_call_);
    }
  }
}

void LineWriter::report_dropped() {
  lines_.push_back(
      text("bellwire: warning: … and {} more lines, which were dropped because nobody read "
           "standard error\n",
           std::exchange(dropped_, 0)));
}

}  // namespace bellwire::log
