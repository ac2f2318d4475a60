// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/event_fd.hpp"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string_view>

#include "vdev/os/fd.hpp"

namespace bellwire::os {
namespace {

// The kernel names an eventfd's file so in /proc; there is no other way to ask what a
// descriptor is without disturbing its count.
bool names_an_eventfd(int fd) {
  std::array<char, 64> target{};
  const auto link = text("/proc/self/fd/{}", fd);
  const auto length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) ==
                           "anon_inode:[eventfd]";
}

}  // namespace

Result<EventFd> EventFd::create(std::uint64_t count) {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return system_fault("cannot make an eventfd");
  EventFd event(std::move(fd), false);
  if (count > 0 && !event.ring(count))
    return fault(std::errc::invalid_argument, "an eventfd's count cannot start at {}", count);
  return event;
}

Result<EventFd> EventFd::create_shared() {
  auto event = create();
  if (!event) return event.error();
  if (auto prepared = prepare_signals(); !prepared) return prepared.error();
  event->shared_ = true;
  return event;
}

Result<EventFd> EventFd::adopt(UniqueFd fd) {
  if (!names_an_eventfd(fd.get()))
    return fault(std::errc::invalid_argument, "descriptor {} is not an eventfd", fd.get());
  if (auto prepared = prepare_signals(); !prepared) return prepared.error();
  return EventFd(std::move(fd), true);
}

bool EventFd::ring(std::uint64_t count) const noexcept {
  if (shared_) return signal_event(fd_.get());
  return ::write(fd_.get(), &count, sizeof count) == sizeof count;
}

std::optional<std::uint64_t> EventFd::drain() const noexcept {
  if (shared_) return take_count(fd_.get());
  std::uint64_t count = 0;
  if (::read(fd_.get(), &count, sizeof count) != sizeof count) return std::nullopt;
  return count;
}

bool EventFd::wait(std::chrono::milliseconds timeout) const noexcept {
  return wait_readable(fd_.get(), timeout);
}

bool EventFd::replace(const EventFd& other) noexcept {
  return shared_ == other.shared_ && ::dup3(other.fd_.get(), fd_.get(), O_CLOEXEC) >= 0;
}

Result<EventFd> EventFd::duplicate() const {
  UniqueFd copy = fd_.duplicate();
  if (!copy.valid()) return system_fault("cannot duplicate eventfd {}", fd_.get());
  return EventFd(std::move(copy), shared_);
}

namespace {

constexpr unsigned results = 128;  // that may pile up before they are dropped together
constexpr unsigned attempts = 16;  // other threads may use up what was freed

// The process's one context of asynchronous reads, made when it is first needed.
struct Signals {
  std::mutex making;
  UniqueFd nothing;  // an empty file, to read from; protected by making until there is a context
  std::atomic<aio_context_t> context = 0;

  Result<void> make() {
    const std::lock_guard lock(making);
    if (context.load(std::memory_order_relaxed) != 0) return {};
    if (!nothing.valid()) nothing.reset(::memfd_create("bellwire-nothing", MFD_CLOEXEC));
    if (!nothing.valid()) return system_fault("cannot make an empty file");
    aio_context_t made = 0;
    if (::syscall(SYS_io_setup, results, &made) != 0)
      return system_fault(
          "a peer's eventfds are rung through the kernel's asynchronous I/O, which is not "
          "available (io_setup); allow it in the sandbox, raise fs.aio-max-nr, or use a kernel "
          "with "
          "CONFIG_AIO");
    context.store(made, std::memory_order_release);
    return {};
  }

  [[nodiscard]] bool submit(aio_context_t to, int fd) const noexcept {
    iocb read{};
    read.aio_lio_opcode = IOCB_CMD_PREAD;
    read.aio_fildes = static_cast<std::uint32_t>(nothing.get());
    read.aio_flags = IOCB_FLAG_RESFD;
    read.aio_resfd = static_cast<std::uint32_t>(fd);
    iocb* list = &read;
    return ::syscall(SYS_io_submit, to, 1L, &list) == 1;
  }

  static void throw_away_results(aio_context_t of) noexcept {
    std::array<io_event, results> events;
    timespec no_time{};
    ::syscall(SYS_io_getevents, of, 0L, static_cast<long>(events.size()), events.data(), &no_time);
  }
};

Signals& signals() {
  // Never destroyed: threads may raise interrupts until the very end. A child has no context.
  static Signals& instance = []() -> Signals& {
    ::pthread_atfork(nullptr, nullptr, [] { signals().context = 0; });
    return *new Signals;
  }();
  return instance;
}

}  // namespace

Result<void> prepare_signals() {
  auto& all = signals();
  if (all.context.load(std::memory_order_acquire) != 0) return {};
  return all.make();
}

bool signal_event(int fd) noexcept {
  auto& all = signals();
  auto context = all.context.load(std::memory_order_acquire);
  if (context == 0) {
    if (!all.make()) return false;
    context = all.context.load(std::memory_order_acquire);
  }
  for (unsigned attempt = 0; attempt < attempts; ++attempt) {
    if (all.submit(context, fd)) return true;
    if (errno != EAGAIN) return false;
    Signals::throw_away_results(context);
  }
  return false;
}

std::optional<std::uint64_t> take_count(int fd) noexcept {
  std::uint64_t count = 0;
  const iovec room{.iov_base = &count, .iov_len = sizeof count};
  if (::preadv2(fd, &room, 1, -1, RWF_NOWAIT) == sizeof count) return count;
  const bool can_read_so = errno != EOPNOTSUPP && errno != ENOSYS;
  if (can_read_so || !wait_readable(fd, std::chrono::milliseconds(0))) return std::nullopt;
  return 1;
}

bool has_count(int fd) noexcept {
  return fd >= 0 && wait_readable(fd, std::chrono::milliseconds(0));
}

}  // namespace bellwire::os
