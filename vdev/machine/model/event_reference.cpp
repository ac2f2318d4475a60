// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/model/event_reference.hpp"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::machine {
namespace {

Result<std::uint64_t> id_of(int fd) {
  constexpr std::string_view key = "eventfd-id:";
  if (::fcntl(fd, F_GETFD) < 0) return system_fault("cannot refer to descriptor {}", fd);
  std::ifstream info(text("/proc/self/fdinfo/{}", fd));
  if (!info) return system_fault("cannot ask what descriptor {} is", fd);
  for (std::string word; info >> word;) {
    std::uint64_t id = 0;
    if (word == key && info >> id) return id;
  }
  return fault(std::errc::invalid_argument, "descriptor {} is not an eventfd", fd);
}

}  // namespace

struct EventReference::Held {
  Held(os::UniqueFd descriptor, std::uint64_t number) : own(std::move(descriptor)), id(number) {}
  ~Held();
  os::UniqueFd own;
  std::uint64_t id;
};

namespace {

// The files that references hold; the descriptors here keep nothing open.
struct Registry {
  std::mutex mutex;
  std::map<std::uint64_t, std::weak_ptr<const void>> by_id;  // protected by mutex
  std::set<int> descriptors;                                 // protected by mutex

  bool has(int descriptor) {
    const std::lock_guard lock(mutex);
    return descriptors.contains(descriptor);
  }
};

Registry& all() {
  static Registry instance;
  return instance;
}

}  // namespace

EventReference::Held::~Held() {
  const std::lock_guard lock(all().mutex);
  all().descriptors.erase(own.get());
  const auto entry = all().by_id.find(id);
  if (entry != all().by_id.end() && entry->second.expired()) all().by_id.erase(entry);
}

Result<EventReference> EventReference::create(int fd) {
  const auto id = id_of(fd);
  if (!id) return id.error();
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  const std::lock_guard lock(all().mutex);
  auto& known = all().by_id[*id];
  if (auto held = std::static_pointer_cast<const Held>(known.lock()))
    return EventReference(fd, std::move(held));
  os::UniqueFd copy = os::duplicate(fd);
  if (!copy.valid()) return system_fault("cannot refer to descriptor {}", fd);
  all().descriptors.insert(copy.get());
  const auto held = std::make_shared<const Held>(std::move(copy), *id);
  known = held;
  return EventReference(fd, held);
}

std::uint64_t EventReference::id() const noexcept {
  return held_->id;
}

int EventReference::fd() const noexcept {
  return held_->own.get();
}

void EventReference::signal() const noexcept {
  os::signal_event(fd());
}

std::optional<std::uint64_t> EventReference::take() const noexcept {
  return os::take_count(fd());
}

bool EventReference::pending() const noexcept {
  return os::wait_readable(fd(), std::chrono::milliseconds(0));
}

bool EventReference::open() const {
  const auto has_it = [this](int fd) {
    const auto id = id_of(fd);
    return id && *id == held_->id && !all().has(fd);
  };
  if (has_it(number_)) return true;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    if (has_it(std::stoi(entry.path().filename()))) return true;
  return false;
}

}  // namespace bellwire::machine
