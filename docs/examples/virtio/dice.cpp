// SPDX-License-Identifier: BSD-3-Clause
#include "dice.hpp"

#include <algorithm>
#include <chrono>

using namespace bellwire;

constexpr std::uint32_t most_bytes = 4096;  // for one request, so that none keeps the loop busy

virtio::Traits Dice::traits() const noexcept {
  return {.kind = "dice", .id = VIRTIO_ID_RNG};
}

Result<void> Dice::start(virtio::Session session) {
  timer_.emplace(session.context);
  return {};
}

void Dice::handle(virtio::Request request) noexcept {
  waiting_.push_back(std::move(request));
  if (waiting_.size() > 1) return;
  timer_->expires_after(std::chrono::milliseconds(1));
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) throw_all();
  });
}

// The driver wants its buffers back: whoever waits is served now.
void Dice::cancel(unsigned) noexcept {
  timer_->cancel();
  throw_all();
}

void Dice::throw_all() noexcept {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    auto& request = waiting_.front();
    std::uint32_t thrown = 0;
    for (const auto buffer : request.writable())
      for (auto& byte : buffer.first(std::min<std::size_t>(buffer.size(), most_bytes - thrown))) {
        byte = static_cast<std::byte>(random_());
        ++thrown;
      }
    std::move(request).complete(thrown);
  }
}
