// SPDX-License-Identifier: BSD-3-Clause
//
// What tests do to their own process: keep a temporary folder, catch the log, use up the
// descriptors, limit a sleep; and PeerEvent, an eventfd in the hands of a peer that may misuse it.
#pragma once

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include "vdev/log/log.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::testing {

/// How long a test waits for something that must happen.
constexpr std::chrono::seconds patience{20};

/// A new directory among the system's temporary files, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Redirects standard error to a file of its own while it lives, so that a test can read the log.
class LogCatcher {
 public:
  LogCatcher() {
    log::flush(std::chrono::seconds(10));
    ::dup2(file_.get(), STDERR_FILENO);
  }
  LogCatcher(const LogCatcher&) = delete;
  LogCatcher& operator=(const LogCatcher&) = delete;
  ~LogCatcher() {
    log::flush(std::chrono::seconds(10));
    ::dup2(before_.get(), STDERR_FILENO);
  }

  /// Everything logged so far, including the counts of lines left out.
  [[nodiscard]] std::string text() const {
    log::flush(std::chrono::seconds(10));
    std::string all(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_CUR)), '\0');
    const auto size = ::pread(file_.get(), all.data(), all.size(), 0);
    all.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return all;
  }
  /// How often `words` occur in it.
  [[nodiscard]] unsigned count(std::string_view words) const {
    const auto all = text();
    unsigned found = 0;
    for (auto at = all.find(words); at != all.npos; at = all.find(words, at + 1)) ++found;
    return found;
  }

 private:
  os::UniqueFd before_ = os::duplicate(STDERR_FILENO);
  os::UniqueFd file_{::memfd_create("log", MFD_CLOEXEC)};
};

/// While it lives, this process can't open any more descriptors, as at its limit.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    // All descriptors below the lowest free one are in use.
    now.rlim_cur = static_cast<rlim_t>(os::UniqueFd(::open("/dev/null", O_RDONLY)).get());
    if (::setrlimit(RLIMIT_NOFILE, &now) != 0) throw std::runtime_error("cannot lower the limit");
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

/// The peer's end of an eventfd that it shares with us, blocking by default.
class PeerEvent {
 public:
  static constexpr std::uint64_t full = ~std::uint64_t{0} - 1;

  /// `flags`: EFD_SEMAPHORE, EFD_NONBLOCK.
  explicit PeerEvent(int flags = 0) : fd_(::eventfd(0, flags | EFD_CLOEXEC)) {
    if (!fd_.valid()) throw std::system_error(errno, std::system_category(), "eventfd");
  }
  /// The peer's end of an eventfd that was handed to it.
  explicit PeerEvent(const os::EventFd& ours) : fd_(os::duplicate(ours.fd())) {}

  /// Our end, as the peer hands it over.
  [[nodiscard]] os::EventFd handed_over() const {
    return os::EventFd::adopt(fd_.duplicate()).value();
  }
  void add(std::uint64_t count) const {
    [[maybe_unused]] const auto written = ::write(fd_.get(), &count, sizeof count);
  }
  void fill() const { add(full); }
  /// Takes the count, without sleeping; 0 if it is zero.
  std::uint64_t take() const { return os::take_count(fd_.get()).value_or(0); }
  [[nodiscard]] int flags() const { return ::fcntl(fd_.get(), F_GETFL); }
  void set_blocking(bool blocking) const {
    ::fcntl(fd_.get(), F_SETFL, blocking ? flags() & ~O_NONBLOCK : flags() | O_NONBLOCK);
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  os::UniqueFd fd_;
};

/// Interrupts a system call of the thread that created it if the thread sleeps for too long, so
/// that a test fails instead of hanging.
class SleepAlarm {
 public:
  SleepAlarm() {
    struct sigaction handler {};  // without SA_RESTART: the call that sleeps returns EINTR
    handler.sa_handler = [](int) { rang_ = 1; };
    ::sigaction(SIGRTMIN, &handler, nullptr);
    rang_ = 0;
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = ::gettid();
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
      throw std::system_error(errno, std::system_category(), "timer_create");
    itimerspec times{};
    times.it_value.tv_sec = 20;
    times.it_interval.tv_sec = 1;
    ::timer_settime(timer_, 0, &times, nullptr);
  }
  SleepAlarm(const SleepAlarm&) = delete;
  SleepAlarm& operator=(const SleepAlarm&) = delete;
  ~SleepAlarm() { ::timer_delete(timer_); }

  /// Whether a call slept for too long.
  [[nodiscard]] static bool rang() noexcept { return rang_ != 0; }

 private:
  static inline volatile std::sig_atomic_t rang_ = 0;
  timer_t timer_{};
};

}  // namespace bellwire::testing
