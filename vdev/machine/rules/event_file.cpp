// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/event_file.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "vdev/os/fd.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::rules {
namespace {

using Buffer = std::array<char, 64>;

class KernelEventFile final : public EventFile {
 public:
  explicit KernelEventFile(bool semaphore)
      : file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (semaphore ? EFD_SEMAPHORE : 0))),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event edges{.events = EPOLLIN | EPOLLET, .data = {}};
    if (!file_.valid() || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, file_.get(), &edges) != 0)
      throw std::system_error(errno, std::system_category(), "cannot make and watch an eventfd");
  }

  Read read(std::size_t size) override {
    Buffer buffer{};
    if (::read(file_.get(), buffer.data(), std::min(size, buffer.size())) < 0) return {errno, 0};
    std::uint64_t count = 0;
    std::memcpy(&count, buffer.data(), sizeof count);
    return {0, count};
  }

  int write(std::uint64_t value, std::size_t size) override {
    Buffer buffer{};
    std::memcpy(buffer.data(), &value, sizeof value);
    return ::write(file_.get(), buffer.data(), std::min(size, buffer.size())) < 0 ? errno : 0;
  }

  Poll poll() override {
    pollfd entry{.fd = file_.get(), .events = POLLIN | POLLOUT, .revents = 0};
    ::poll(&entry, 1, 0);
    const auto says = [&entry](short event) { return (entry.revents & event) != 0; };
    return {says(POLLIN), says(POLLOUT), says(POLLERR)};
  }

  bool woke() override {
    epoll_event event;
    return ::epoll_wait(epoll_.get(), &event, 1, 0) == 1;
  }

  std::string fdinfo_count() override {
    std::ifstream info(text("/proc/self/fdinfo/{}", file_.get()));
    for (std::string word; info >> word;)
      if (word == "eventfd-count:" && info >> word) return word;
    return "nothing";
  }

 private:
  os::UniqueFd file_;
  os::UniqueFd epoll_;
};

}  // namespace

std::unique_ptr<EventFile> make_kernel_event_file(bool semaphore) {
  return std::make_unique<KernelEventFile>(semaphore);
}

namespace {

constexpr std::uint64_t most = ~std::uint64_t{0};  // the count that only the kernel can reach

class ModelEventFile final : public EventFile {
 public:
  explicit ModelEventFile(bool semaphore) : semaphore_(semaphore) {}

  Read read(std::size_t size) override {
    if (size < sizeof count_) return {EINVAL, 0};
    if (count_ == 0) return {EAGAIN, 0};
    const auto taken = semaphore_ ? 1 : count_;
    count_ -= taken;
    return {0, taken};
  }

  int write(std::uint64_t value, std::size_t size) override {
    if (size != sizeof value || value == most) return EINVAL;
    if (value > most - 1 - count_) return EAGAIN;
    count_ += value;
    if (count_ > 0) woke_ = true;
    return 0;
  }

  Poll poll() override { return {count_ > 0, count_ < most - 1, count_ == most}; }
  bool woke() override { return std::exchange(woke_, false) && count_ > 0; }
  std::string fdinfo_count() override { return text("{:x}", count_); }

 private:
  const bool semaphore_;
  std::uint64_t count_ = 0;
  bool woke_ = false;
};

}  // namespace

std::unique_ptr<EventFile> make_model_event_file(bool semaphore) {
  return std::make_unique<ModelEventFile>(semaphore);
}

}  // namespace bellwire::rules
