// SPDX-License-Identifier: BSD-3-Clause
//
// The user's ends of a character device: its wait queue, its signal, its mapped page, its calls.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>

#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"

namespace bell::compare {
namespace {

class DeviceEnd : public Channel {
 public:
  explicit DeviceEnd(LabSession& lab) noexcept : lab_(lab) {}
  Result<void> open() override { return {}; }
  bool send(std::uint64_t) noexcept override { return false; }
  Received wait(Numbers) noexcept override { return {}; }

 protected:
  LabSession& lab_;
};

class DeviceRead : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  Received wait(Numbers) noexcept override {
    std::uint64_t count = 0;
    return {::read(lab_.fd(), &count, sizeof count) == sizeof count ? count : 0, 0};
  }
};

class DevicePoll final : public DeviceRead {
 public:
  using DeviceRead::DeviceRead;
  Received wait(Numbers numbers) noexcept override {
    pollfd entry{.fd = lab_.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, -1) == 1 ? DeviceRead::wait(numbers) : Received{};
  }
};

// By fasync: a real-time signal, so that it queues up, as far as there is room.
class DeviceSignal final : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  Result<void> open() override {
    const int signal = SIGRTMIN + 1;
    ::sigemptyset(&set_);
    ::sigaddset(&set_, signal);
    ::sigaddset(&set_, SIGIO);  // comes instead when there is no room
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
    if (::fcntl(lab_.fd(), F_SETOWN, ::getpid()) != 0 ||
        ::fcntl(lab_.fd(), F_SETSIG, signal) != 0 || ::fcntl(lab_.fd(), F_SETFL, O_ASYNC) != 0)
      return bellwire::system_fault("cannot ask for the device's signal");
    return {};
  }
  Received wait(Numbers) noexcept override {
    return {::sigwaitinfo(&set_, nullptr) > 0 ? 1U : 0U, 0};
  }

 private:
  sigset_t set_{};
};

class PageFromKernel final : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  void start_job() noexcept override { seen_ = 0; }
  Received wait(Numbers) noexcept override {
    constexpr unsigned patience = 1000;  // then the kernel's thread may need this CPU
    constexpr unsigned most = 1'000'000;
    std::uint64_t now = lab_.sent();
    for (unsigned looks = 1; now == seen_ && looks < most; ++looks) {
      if (looks % patience == 0) ::sched_yield();
      now = lab_.sent();
    }
    return {now - std::exchange(seen_, now), 0};
  }

 private:
  std::uint64_t seen_ = 0;
};

class PageToKernel final : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  bool send(std::uint64_t number) noexcept override {
    lab_.ring(number);
    return true;
  }
};

class PlainIoctl final : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  bool send(std::uint64_t number) noexcept override { return lab_.notify(number); }
};

class PlainWrite final : public DeviceEnd {
 public:
  using DeviceEnd::DeviceEnd;
  bool send(std::uint64_t number) noexcept override { return write_number(lab_.fd(), number); }
};

}  // namespace

std::unique_ptr<Channel> device_read(LabSession& lab) {
  return std::make_unique<DeviceRead>(lab);
}
std::unique_ptr<Channel> device_poll(LabSession& lab) {
  return std::make_unique<DevicePoll>(lab);
}
std::unique_ptr<Channel> device_signal(LabSession& lab) {
  return std::make_unique<DeviceSignal>(lab);
}
std::unique_ptr<Channel> page_from_kernel(LabSession& lab) {
  return std::make_unique<PageFromKernel>(lab);
}
std::unique_ptr<Channel> page_to_kernel(LabSession& lab) {
  return std::make_unique<PageToKernel>(lab);
}
std::unique_ptr<Channel> plain_ioctl(LabSession& lab) {
  return std::make_unique<PlainIoctl>(lab);
}
std::unique_ptr<Channel> plain_write(LabSession& lab) {
  return std::make_unique<PlainWrite>(lab);
}

}  // namespace bell::compare
