// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/stop_on_signal.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "vdev/loop/asio.hpp"

namespace bellwire::host {
namespace {

std::atomic<int> signal_target{-1};
static_assert(std::atomic<int>::is_always_lock_free, "read in a signal's handler");

void on_signal(int) {
  const int error = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto size = ::write(signal_target.load(), &one, sizeof one);
  errno = error;
}

}  // namespace

// Without SA_RESTART: a call that blocks returns, and its caller looks at fd().
StopOnSignal::StopOnSignal(boost::asio::io_context& context)
    : came_(os::EventFd::create().value()), readable_(context) {
  watch(readable_, came_.fd()).value();
  readable_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [&context](const boost::system::error_code& error) {
                         if (!error) context.stop();
                       });
#ifdef __SANITIZE_THREAD__
  // GCC's TSan makes what it keeps of a thread's signals at the thread's first call that may block,
  // and forgets a signal that comes while it does.
  static_cast<void>(os::wait_readable(came_.fd(), {}));
#endif
  signal_target = came_.fd();
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (std::size_t index = 0; index < numbers.size(); ++index)
    ::sigaction(numbers[index], &action, &before_[index]);
}

StopOnSignal::~StopOnSignal() {
  for (std::size_t index = 0; index < numbers.size(); ++index)
    ::sigaction(numbers[index], &before_[index], nullptr);
  signal_target = -1;
}

}  // namespace bellwire::host
