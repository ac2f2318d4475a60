// SPDX-License-Identifier: BSD-3-Clause
//
// RingPlayer: replays a journal to a ring device, in this process: it is the device's driver, with
// memory of the recorded format. It gives the device each request in the order in which it was
// taken, and compares each completion: cookie, status, result, length, output.
//
// What was completed before a request was taken, is completed before the device gets that request:
// at the entry of a completion, the player waits for it. So a device that completes its requests
// later has the same ones in hand as it had, or fewer. What depends on time is not compared: how
// many completions an interrupt stands for, how often a queue was rung.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/replay/difference.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::replay {

class RingPlayer final : public Player {
 public:
  static constexpr std::chrono::milliseconds usual_patience{10'000};

  /// Both must outlive it. `patience`: how much longer than it took then, a completion may take.
  RingPlayer(boost::asio::io_context& context, Device& device,
             std::chrono::milliseconds patience = usual_patience)
      : context_(context), device_(device), patience_(patience) {}
  ~RingPlayer() override { device_.stop(); }

  [[nodiscard]] Result<std::optional<Difference>> play(const Entry& entry) override;
  [[nodiscard]] std::string describe(const Entry& entry) const override;

 private:
  // A request that the device has, or whose completion is not compared yet.
  struct Slot {
    RequestBody request;
    std::uint64_t number = 0;  // among all requests
    std::uint64_t ns = 0;
    bellwire_completion completion{};
    std::vector<std::byte> output;  // copied when it was completed: the next ones may write there
  };
  struct QueueState {
    ring::Queue queue;
    bool served = false;          // it has a driver
    std::uint32_t submitted = 0;  // indices of the ring
    std::uint32_t completed = 0;
    std::uint32_t consumed = 0;
    std::vector<Slot> slots;
    [[nodiscard]] Slot& slot(std::uint32_t index) { return slots[index & (queue.entries - 1)]; }
  };

  [[nodiscard]] Result<void> attach(const Entry& entry);
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<QueueState*> queue_of(const Entry& entry);
  [[nodiscard]] Result<void> begin(const Entry& entry);
  void begin_before_start(QueueState& state, std::uint32_t generation, const GenerationBody& body);
  [[nodiscard]] Result<void> submit(const Entry& entry);
  [[nodiscard]] Result<std::optional<Difference>> compare(const Entry& entry);
  [[nodiscard]] Result<void> collect();
  void keep(QueueState& state);
  void turn();
  /// Until `done`, or for `time`. False: it is not.
  template <class Done>
  [[nodiscard]] Result<bool> wait(std::chrono::nanoseconds time, const Done& done);

  boost::asio::io_context& context_;
  Device& device_;
  const std::chrono::milliseconds patience_;
  std::optional<Attachment> attachment_;  // until the device starts on it
  std::optional<ring::Layout> layout_;
  std::vector<QueueState> queues_;
};

}  // namespace bellwire::replay
