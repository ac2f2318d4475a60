// SPDX-License-Identifier: BSD-3-Clause
//
// dice: a virtio entropy device whose bytes follow from a seed, so that a guest that draws on it
// can be run again with the same luck. It takes its time: each request is completed a moment later.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <random>

#include "vdev/virtio/device.hpp"

class Dice final : public bellwire::virtio::Device {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}

  [[nodiscard]] bellwire::virtio::Traits traits() const noexcept override;
  [[nodiscard]] bellwire::Result<void> start(bellwire::virtio::Session session) override;
  void handle(bellwire::virtio::Request request) noexcept override;
  void cancel(unsigned queue) noexcept override;
  void stop() noexcept override { timer_.reset(); }

 private:
  void throw_all() noexcept;

  std::mt19937 random_;
  std::deque<bellwire::virtio::Request> waiting_;
  std::optional<boost::asio::steady_timer> timer_;
};
