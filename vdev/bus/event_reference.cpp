// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/bus/event_reference.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

namespace bellwire::bus {
namespace {

// The descriptors that references own: these keep nothing open.
struct Own {
  std::mutex mutex;
  std::set<int> numbers;  // protected by mutex

  bool has(int number) {
    const std::lock_guard lock(mutex);
    return numbers.contains(number);
  }
};

Own& own() {
  static Own instance;
  return instance;
}

std::optional<std::uint64_t> id_of(int fd) {
  constexpr std::string_view key = "eventfd-id:";
  std::ifstream info(text("/proc/self/fdinfo/{}", fd));
  for (std::string word; info >> word;) {
    std::uint64_t id = 0;
    if (word == key && info >> id) return id;
  }
  return std::nullopt;
}

bool ready(int fd, short events) noexcept {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & events) != 0;
}

}  // namespace

EventReference::EventReference(int number, os::UniqueFd descriptor, std::uint64_t id) noexcept
    : number_(number), own_(std::move(descriptor)), id_(id) {
  const std::lock_guard lock(own().mutex);
  own().numbers.insert(own_.get());
}

EventReference::~EventReference() {
  if (!own_.valid()) return;
  const std::lock_guard lock(own().mutex);
  own().numbers.erase(own_.get());
  own_.reset();
}

Result<EventReference> EventReference::create(int fd) {
  os::UniqueFd copy = os::duplicate(fd);
  if (!copy.valid()) return system_fault("cannot refer to descriptor {}", fd);
  const auto id = id_of(copy.get());
  if (!id) return fault(std::errc::invalid_argument, "descriptor {} is not an eventfd", fd);
  return EventReference(fd, std::move(copy), *id);
}

void EventReference::signal() const noexcept {
  constexpr std::uint64_t one = 1;
  if (ready(own_.get(), POLLOUT)) [[maybe_unused]]
    const auto ignored = ::write(own_.get(), &one, sizeof one);
}

std::optional<std::uint64_t> EventReference::take() const noexcept {
  std::uint64_t count = 0;
  const iovec room{.iov_base = &count, .iov_len = sizeof count};
  // It may be a blocking one, and somebody else may read it first.
  if (::preadv2(own_.get(), &room, 1, -1, RWF_NOWAIT) != sizeof count) return std::nullopt;
  return count;
}

bool EventReference::pending() const noexcept {
  return ready(own_.get(), POLLIN);
}

bool EventReference::open() const {
  const auto has_it = [this](int fd) { return !own().has(fd) && id_of(fd) == id_; };
  if (has_it(number_)) return true;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    if (has_it(std::stoi(entry.path().filename()))) return true;
  return false;
}

}  // namespace bellwire::bus
