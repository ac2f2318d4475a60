// SPDX-License-Identifier: BSD-3-Clause
//
// The lab's device: its session, and the user's ends that only it has: a character device's wait
// queue, signal, mapped page and calls.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "guest-kmod/bell/compare/measure/processes.hpp"
#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"

namespace bell::compare {
namespace {

constexpr const char* device_file = "/dev/notify_lab";

std::uint64_t load(__u64& word) noexcept {
  return std::atomic_ref(word).load(std::memory_order_acquire);
}
void store(__u64& word, std::uint64_t value) noexcept {
  std::atomic_ref(word).store(value, std::memory_order_release);
}

}  // namespace

bellwire::Result<void> LabSession::open() {
  fd_.reset(::open(device_file, O_RDWR | O_CLOEXEC));
  if (!fd_.valid())
    return bellwire::system_fault("cannot open {}; load notify_lab.ko, as root", device_file);
  auto mapping = bellwire::os::Mapping::create(fd_.get(), sizeof(notify_lab_map));
  if (!mapping) return mapping.error();
  map_.emplace(std::move(*mapping));
  return {};
}

bellwire::Result<void> LabSession::start(const notify_lab_job& job) const {
  if (::ioctl(fd_.get(), NOTIFY_LAB_START, &job) != 0)
    return bellwire::system_fault("{}: cannot start a job that sends by {} and receives by {}",
                                  device_file, job.send, job.receive);
  return {};
}

bool LabSession::notify(std::uint64_t number) const noexcept {
  const __u64 word = number;
  return ::ioctl(fd_.get(), NOTIFY_LAB_NOTIFY, &word) == 0;
}

bellwire::Result<void> LabSession::signal(int eventfd, unsigned times) const {
  const notify_lab_signal wanted{.fd = eventfd, .times = times};
  if (::ioctl(fd_.get(), NOTIFY_LAB_SIGNAL, &wanted) != 0)
    return bellwire::system_fault("{}: cannot signal eventfd {}", device_file, eventfd);
  return {};
}

void LabSession::stop() const noexcept {
  ::ioctl(fd_.get(), NOTIFY_LAB_STOP);
}
void LabSession::wait() const noexcept {
  until([this] { return ::ioctl(fd_.get(), NOTIFY_LAB_WAIT) == 0 || errno != EINTR; });
}

notify_lab_info LabSession::info() const noexcept {
  notify_lab_info info{};
  ::ioctl(fd_.get(), NOTIFY_LAB_INFO, &info);
  return info;
}

notify_lab_map& LabSession::map() const noexcept {
  return *reinterpret_cast<notify_lab_map*>(map_->data());
}
std::uint64_t LabSession::sent() const noexcept {
  return load(map().sent);
}
std::uint64_t LabSession::received() const noexcept {
  return load(map().received);
}
const notify_lab_record& LabSession::sent_record(std::uint64_t index) const noexcept {
  return map().send_records[index];
}
const notify_lab_record& LabSession::received_record(std::uint64_t index) const noexcept {
  return map().receive_records[index];
}
void LabSession::acknowledge(std::uint64_t count) noexcept {
  store(map().acknowledged, count);
}
void LabSession::ring(std::uint64_t count) noexcept {
  store(map().rung, count);
}

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
