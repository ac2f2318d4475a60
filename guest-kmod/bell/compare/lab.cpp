// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/lab.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <atomic>
#include <cerrno>

#include "guest-kmod/bell/compare/process.hpp"

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

bellwire::Result<void> Lab::open() {
  fd_.reset(::open(device_file, O_RDWR | O_CLOEXEC));
  if (!fd_.valid())
    return bellwire::system_fault("cannot open {} (insmod notify_lab.ko, and be root)",
                                  device_file);
  auto mapping = bellwire::os::Mapping::create(fd_.get(), sizeof(notify_lab_map));
  if (!mapping) return mapping.error();
  map_.emplace(std::move(*mapping));
  return {};
}

bellwire::Result<void> Lab::start(const notify_lab_job& job) const {
  if (::ioctl(fd_.get(), NOTIFY_LAB_START, &job) != 0)
    return bellwire::system_fault("{}: cannot start a job that sends by {} and receives by {}",
                                  device_file, job.send, job.receive);
  return {};
}

bool Lab::notify(std::uint64_t number) const noexcept {
  const __u64 word = number;
  return ::ioctl(fd_.get(), NOTIFY_LAB_NOTIFY, &word) == 0;
}

bellwire::Result<void> Lab::signal(int eventfd, unsigned times) const {
  const notify_lab_signal wish{.fd = eventfd, .times = times};
  if (::ioctl(fd_.get(), NOTIFY_LAB_SIGNAL, &wish) != 0)
    return bellwire::system_fault("{}: cannot signal eventfd {}", device_file, eventfd);
  return {};
}

void Lab::stop() const noexcept {
  ::ioctl(fd_.get(), NOTIFY_LAB_STOP);
}
void Lab::wait() const noexcept {
  until([this] { return ::ioctl(fd_.get(), NOTIFY_LAB_WAIT) == 0 || errno != EINTR; });
}

notify_lab_info Lab::info() const noexcept {
  notify_lab_info info{};
  ::ioctl(fd_.get(), NOTIFY_LAB_INFO, &info);
  return info;
}

notify_lab_map& Lab::map() const noexcept {
  return *reinterpret_cast<notify_lab_map*>(map_->data());
}
std::uint64_t Lab::sent() const noexcept {
  return load(map().sent);
}
std::uint64_t Lab::received() const noexcept {
  return load(map().received);
}
const notify_lab_record& Lab::sent_record(std::uint64_t index) const noexcept {
  return map().send_records[index];
}
const notify_lab_record& Lab::received_record(std::uint64_t index) const noexcept {
  return map().receive_records[index];
}
void Lab::acknowledge(std::uint64_t count) noexcept {
  store(map().acknowledged, count);
}
void Lab::ring(std::uint64_t count) noexcept {
  store(map().rung, count);
}

}  // namespace bell::compare
