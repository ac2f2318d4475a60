// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/runner/register_port.hpp"

#include <boost/asio/post.hpp>
#include <future>

namespace bellwire {
namespace {

constexpr std::chrono::milliseconds look{20};  // how long a stopped context goes unnoticed

// The task may outlive the wait for it, so it owns what it needs.
template <class Task>
std::uint64_t run_there(boost::asio::io_context& context, Task task) {
  auto promise = std::make_shared<std::promise<std::uint64_t>>();
  auto answer = promise->get_future();
  boost::asio::post(context, [promise, task] { promise->set_value(task()); });
  while (answer.wait_for(look) != std::future_status::ready)
    if (context.stopped()) return 0;
  return answer.get();
}

}  // namespace

std::uint64_t RegisterPort::read(std::uint64_t offset, unsigned size) const {
  if (registers_ == nullptr) return 0;
  return run_there(
      context_, [registers = registers_, offset, size] { return registers->read(offset, size); });
}

void RegisterPort::write(std::uint64_t offset, unsigned size, std::uint64_t value) const {
  if (registers_ == nullptr) return;
  run_there(context_, [registers = registers_, offset, size, value] {
    registers->write(offset, size, value);
    return std::uint64_t{0};
  });
}

}  // namespace bellwire
