// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "vdev/machine/rules/event_file.hpp"
#include "vdev/os/text.hpp"
#include "vdev/os/unique_fd.hpp"

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

  std::string told() override {
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

}  // namespace bellwire::rules
