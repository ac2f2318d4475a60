// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/retry.hpp"

#include <algorithm>

#include "vdev/log/log.hpp"

namespace bellwire {
namespace {
constexpr std::chrono::milliseconds shortest_pause{20};
constexpr std::chrono::milliseconds longest_pause{1000};
}  // namespace

Retry::Retry(boost::asio::io_context& context, std::string name)
    : timer_(context), name_(std::move(name)) {}

void Retry::after(const Error& error, std::function<void()> again) {
  if (!last_ || last_ != error.code)
    log::warning("{}: {}; it is tried again until it works", name_, error.message);
  last_ = error.code;
  pause_ = std::clamp(pause_ * 2, shortest_pause, longest_pause);
  timer_.expires_after(pause_);
  timer_.async_wait([this, serial = ++serial_,
                     again = std::move(again)](const boost::system::error_code& stopped) {
    if (!stopped && serial == serial_) again();
  });
}

void Retry::worked() {
  if (!last_) return;
  log::info("{}: it works again after: {}", name_, last_.message());
  last_ = {};
  pause_ = {};
}

void Retry::stop() noexcept {
  ++serial_;
  timer_.cancel();
}

}  // namespace bellwire
