// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/files.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

namespace bellwire::simulate {

std::uint32_t TimerFile::ready() const noexcept {
  return due_ <= World::current()->now() ? std::uint32_t{EPOLLIN} : 0;
}

std::uint32_t Epoll::Watch::found() const noexcept {
  if ((event.events & EPOLLET) != 0 && !touched) return 0;
  return file->ready() & (event.events | EPOLLERR | EPOLLHUP);
}

// It is as new: what is ready already is reported.
void Epoll::set(int fd, File& file, const epoll_event& event) {
  remove(fd);
  watches_.push_back({.fd = fd, .file = &file, .event = event, .touched = true});
}

void Epoll::remove(int fd) noexcept {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.fd == fd; });
}

void Epoll::remove(const File& file) noexcept {
  std::erase_if(watches_, [&](const Watch& watch) { return watch.file == &file; });
}

std::vector<epoll_event> Epoll::take(std::size_t most) {
  std::vector<epoll_event> found;
  const auto count = watches_.size();
  const auto first = count > 1 ? World::current()->random().below(count) : 0;
  for (std::size_t index = 0; index < count && found.size() < most; ++index) {
    auto& watch = watches_[(first + index) % count];
    if (const auto events = watch.found(); events != 0)
      found.push_back({.events = events, .data = watch.event.data});
    watch.touched = false;
  }
  return found;
}

std::optional<Time> Epoll::next() noexcept {
  auto first = Time::max();
  for (auto& watch : watches_) {
    if (watch.found() != 0) return Time::min();
    watch.touched = false;
    first = std::min(first, watch.file->due());
  }
  return first == Time::max() ? std::nullopt : std::optional(first);
}

void Epoll::touch(const File& file) noexcept {
  for (auto& watch : watches_) {
    if (watch.file != &file) continue;
    watch.touched = true;
    process_.wake();
  }
}

Files::Descriptor& Files::at(int fd) {
  const auto place = static_cast<std::size_t>(fd);
  if (descriptors_.size() <= place) descriptors_.resize(place + 1);
  return descriptors_[place];
}

int Files::open(std::shared_ptr<File> file) {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd >= 0) open(fd, std::move(file));
  return fd;
}

void Files::open(int fd, std::shared_ptr<File> file) {
  if (file) ++file->descriptors_;
  if (auto* const epoll = dynamic_cast<Epoll*>(file.get())) epolls_.push_back(epoll);
  at(fd) = {.file = std::move(file), .open = true, .owner = world_.running()};
  ++open_;
}

void Files::duplicate(int copy, int fd) {
  open(copy, at(fd).file);
}

void Files::own(int fd) noexcept {
  if (known(fd)) at(fd).owner = world_.running();
}

void Files::disown(int fd) noexcept {
  if (known(fd)) at(fd).owner = nullptr;
}

void Files::close(int fd) {
  if (!known(fd)) return;
  const auto file = std::exchange(at(fd), {}).file;
  --open_;
  for (auto* const epoll : epolls_) epoll->remove(fd);
  if (!file || --file->descriptors_ > 0) return;
  std::erase(epolls_, file.get());
  for (auto* const epoll : epolls_) epoll->remove(*file);
  file->closed();
}

File* Files::find(int fd) const noexcept {
  return known(fd) ? descriptors_[static_cast<std::size_t>(fd)].file.get() : nullptr;
}

bool Files::known(int fd) const noexcept {
  const auto place = static_cast<std::size_t>(fd);
  return fd >= 0 && place < descriptors_.size() && descriptors_[place].open;
}

unsigned Files::open_of(const Process& owner) const noexcept {
  return static_cast<unsigned>(std::ranges::count_if(
      descriptors_, [&](const Descriptor& each) { return each.open && each.owner == &owner; }));
}

int Files::memory_of(const Process& owner) const noexcept {
  for (std::size_t fd = 0; fd < descriptors_.size(); ++fd)
    if (const auto& each = descriptors_[fd];
        each.owner == &owner && dynamic_cast<const MemoryFile*>(each.file.get()) != nullptr)
      return static_cast<int>(fd);
  return -1;
}

void Files::touch(File& file) noexcept {
  for (auto* const epoll : epolls_) epoll->touch(file);
  for (auto* const process : file.sleepers_) process->wake();
}

void Files::sleep(const std::vector<File*>& files, Time until) {
  auto* const process = world_.running();
  for (auto* const file : files) file->sleepers_.push_back(process);
  process->wait_until(until);
  for (auto* const file : files) std::erase(file->sleepers_, process);
}

Epoll* Files::epoll_of(const Process& process) const noexcept {
  const auto newest = std::find_if(epolls_.rbegin(), epolls_.rend(),
                                   [&](const Epoll* each) { return &each->process() == &process; });
  return newest != epolls_.rend() ? *newest : nullptr;
}

}  // namespace bellwire::simulate
