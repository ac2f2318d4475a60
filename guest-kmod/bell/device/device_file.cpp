// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/device_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <thread>

namespace bell {

using bellwire::fault;
using bellwire::system_fault;
using bellwire::text;

Result<DeviceFile> DeviceFile::open(const std::string& path) {
  bellwire::os::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return system_fault("cannot open {}", path);
  return DeviceFile(path, std::move(fd));
}

Result<bellwire_info> DeviceFile::info() const {
  bellwire_info info{};
  if (::ioctl(fd_.get(), BELLWIRE_INFO, &info) == 0) return info;
  if (gone()) return gone_fault();
  return system_fault("{}: cannot ask for information", path_);
}

Error DeviceFile::gone_fault() const {
  return fault(std::errc::no_such_device,
               "{}: the device is gone: it was removed, lost its driver, or died", path_);
}

Result<bellwire_claim> DeviceFile::claim(std::uint32_t queue, std::uint32_t flags) const {
  bellwire_claim claim{};
  claim.queue = queue;
  claim.flags = flags;
  if (::ioctl(fd_.get(), BELLWIRE_CLAIM, &claim) != 0)
    return system_fault("{}: cannot claim a queue", path_);
  return claim;
}

Result<bellwire_claim> DeviceFile::reset() const {
  bellwire_claim claim{};
  if (::ioctl(fd_.get(), BELLWIRE_RESET, &claim) != 0)
    return system_fault("{}: cannot reset the queue", path_);
  return claim;
}

Result<void> DeviceFile::set_call(int eventfd) const {
  const bellwire_call call{.fd = eventfd, .flags = 0};
  if (::ioctl(fd_.get(), BELLWIRE_SET_CALL, &call) != 0)
    return system_fault("{}: call eventfd {} refused", path_, eventfd);
  return {};
}

Result<void> DeviceFile::set_kick(int eventfd, bellwire_worker worker) const {
  const bellwire_kick kick{
      .fd = eventfd, .worker = static_cast<__u32>(worker), .flags = 0, .reserved = 0};
  if (::ioctl(fd_.get(), BELLWIRE_SET_KICK, &kick) != 0)
    return system_fault("{}: kick eventfd {} refused", path_, eventfd);
  return {};
}

Result<bellwire::os::Mapping> DeviceFile::map(const bellwire_claim& claim) const {
  return bellwire::os::Mapping::create(fd_.get(), claim.map_size);
}

Result<bellwire_step> DeviceFile::step(bellwire_step_action action) const {
  bellwire_step step{};
  step.action = action;
  if (::ioctl(fd_.get(), BELLWIRE_STEP, &step) == 0) return step;
  if (gone()) return gone_fault();
  return system_fault("{}: no slow motion", path_);
}

bool DeviceFile::gone() const noexcept {
  pollfd entry{.fd = fd_.get(), .events = 0, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;  // HUP and ERR are always reported
}

bool DeviceFile::kick() const noexcept {
  return ::ioctl(fd_.get(), BELLWIRE_KICK) == 0;
}
bool DeviceFile::ring() const noexcept {
  return ::ioctl(fd_.get(), BELLWIRE_RING) == 0;
}

std::vector<std::string> device_files() {
  std::vector<std::string> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", ignored))
    if (entry.path().filename().string().starts_with("bellwire"))
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::string kind_of(const bellwire_info& info) {
  return {info.kind, std::find(info.kind, std::end(info.kind), '\0')};
}

Result<DeviceFile> find_device(const std::string& kind) {
  constexpr int tries = 100;
  constexpr std::chrono::milliseconds pause(50);
  std::string seen;
  for (int attempt = 0; attempt < tries; ++attempt) {
    seen.clear();
    for (const auto& path : device_files()) {
      auto file = DeviceFile::open(path);
      if (!file) return file.error();
      const auto info = file->info();
      if (!info) return info.error();
      if (kind_of(*info) == kind) return std::move(*file);
      seen += text(" {} ({})", path, kind_of(*info).empty() ? "no device yet" : kind_of(*info));
    }
    std::this_thread::sleep_for(pause);
  }
  return fault(std::errc::no_such_device,
               "no device '{}'; there is:{}; start one on the host (bellwire device {} --on …)",
               kind, seen.empty() ? " no /dev/bellwireN (is the module loaded?)" : seen, kind);
}

namespace {

constexpr std::chrono::milliseconds second{1000};

// A blocking read has no timeout; a signal every second gives it one.
bool interrupt_every_second() {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART: read() returns EINTR
  itimerval timer{};
  timer.it_interval.tv_sec = timer.it_value.tv_sec = 1;
  return ::sigaction(SIGALRM, &action, nullptr) == 0 &&
         ::setitimer(ITIMER_REAL, &timer, nullptr) == 0;
}

}  // namespace

bellwire::Result<CallEventFd> CallEventFd::create(Wait how) {
  const int blocking = how == Wait::read ? 0 : EFD_NONBLOCK;
  bellwire::os::UniqueFd event(::eventfd(0, EFD_CLOEXEC | blocking));
  if (!event.valid()) return bellwire::system_fault("cannot make the call eventfd");
  bellwire::os::UniqueFd epoll;
  if (how == Wait::read && !interrupt_every_second())
    return bellwire::system_fault("cannot set a timer");
  if (how == Wait::epoll) {
    epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event interest{.events = EPOLLIN, .data = {}};
    if (!epoll.valid() || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, event.get(), &interest) != 0)
      return bellwire::system_fault("cannot make an epoll set");
  }
  return CallEventFd(how, std::move(event), std::move(epoll));
}

// A read that the timer interrupts may have begun just before, so the rest of the second follows:
// no more, since the device repairs what it missed by itself after a second and a half.
bool CallEventFd::wait() noexcept {
  if (how_ == Wait::read) {
    const auto end = std::chrono::steady_clock::now() + second;
    return drain() || wait(std::chrono::ceil<std::chrono::milliseconds>(
                          end - std::chrono::steady_clock::now()));
  }
  if (how_ == Wait::poll) return wait(second);
  epoll_event happened{};
  return ::epoll_wait(epoll_.get(), &happened, 1, static_cast<int>(second.count())) > 0 && drain();
}

bool CallEventFd::wait(std::chrono::milliseconds time) noexcept {
  const auto end = std::chrono::steady_clock::now() + time;
  pollfd entry{.fd = event_.get(), .events = POLLIN, .revents = 0};
  for (auto left = time;;) {
    const auto limit = std::max<std::chrono::milliseconds::rep>(left.count(), 0);
    if (const int ready = ::poll(&entry, 1, static_cast<int>(limit)); ready >= 0)
      return ready > 0 && drain();
    left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  }
}

bool CallEventFd::take(bool completion) noexcept {
  return wait(std::chrono::milliseconds(0)) && completion;
}

bool CallEventFd::drain() noexcept {
  std::uint64_t count = 0;
  return ::read(event_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace bell
