// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/mechanisms/lab_session.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <atomic>
#include <cerrno>

#include "guest-kmod/bell/compare/measure/processes.hpp"

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

}  // namespace bell::compare
