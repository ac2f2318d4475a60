// SPDX-License-Identifier: BSD-3-Clause
//
// VirtioPlayer: replays a journal to a virtio device, in this process: it is the device's transport
// and its driver, with virtqueues of the recorded features and sizes in memory of its own. It gives
// the device each chain in the order in which it was taken, and compares what it returns: the
// length, and the bytes. Reads of the config space are compared, too.
//
// What was returned before a chain was taken, is returned before the device gets that chain: at the
// entry of a return, the player waits for it. What was in flight when a queue was stopped or
// paused, or the device reset, is not compared: how far the device had come then is a matter of
// time. How the driver split a chain into buffers is not kept, since it means nothing (virtio 1.2,
// section 2.7.4): a chain has at most one buffer of each kind.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "vdev/replay/difference.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::replay {

/// What of a returned chain depends on the recorded entries alone.
enum class Answers {
  determined,  ///< its length, and its bytes
  by_chance,   ///< its length
};

class VirtioPlayer final : public Player {
 public:
  static constexpr std::chrono::milliseconds usual_patience{10'000};
  static constexpr unsigned most_queues = 128;  ///< of a device; the others are not there

  /// Both must outlive it; nobody else runs the context. ENOMEM and the like; EMFILE. `patience`:
  /// how much longer than it took then, a chain may take.
  [[nodiscard]] static Result<std::unique_ptr<VirtioPlayer>> create(
      boost::asio::io_context& context, virtio::Device& device,
      Answers answers = Answers::determined, std::chrono::milliseconds patience = usual_patience);
  ~VirtioPlayer() override;

  [[nodiscard]] Result<std::optional<Difference>> play(const Entry& entry) override;
  [[nodiscard]] std::string describe(const Entry& entry) const override;
  [[nodiscard]] std::string summary() const override;

 private:
  using Played = Result<std::optional<Difference>>;
  /// Bytes of the guest's memory.
  struct Place {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
  };
  struct InFlight {
    std::uint64_t ordinal = 0;  // among all chains
    std::uint64_t ns = 0;
    Place place;  // of both buffers
    std::uint64_t readable = 0;
    bool ended_early = false;                      // the queue was stopped meanwhile
    std::optional<std::vector<std::byte>> output;  // once it is returned
  };
  struct Queue {
    std::optional<virtio::DriverVirtqueue> driver;
    std::optional<os::EventFd> kick;
    InterruptLine call;
    std::map<std::uint32_t, InFlight> chains;  // by number
  };

  VirtioPlayer(boost::asio::io_context& context, MemoryView memory, Answers answers,
               std::chrono::milliseconds patience);

  [[nodiscard]] Result<Queue*> queue_of(const Entry& entry);
  [[nodiscard]] Played set_features(const Entry& entry);
  [[nodiscard]] Played read_config(const Entry& entry);
  [[nodiscard]] Played write_config(const Entry& entry);
  [[nodiscard]] Played start_queue(const Entry& entry);
  [[nodiscard]] Played stop_queue(const Entry& entry);
  [[nodiscard]] Played pause(const Entry& entry);
  [[nodiscard]] Played reset();
  [[nodiscard]] Played submit(const Entry& entry);
  [[nodiscard]] Played compare(const Entry& entry);

  void end_early(Queue& queue);
  [[nodiscard]] std::optional<Difference> collect();
  void keep(InFlight& chain, std::uint32_t written);
  [[nodiscard]] std::optional<Place> allocate(std::uint64_t size);
  [[nodiscard]] std::span<std::byte> bytes(const Place& place) const;
  /// Until `done`, or for `time`. Empty: it is.
  template <class Done>
  [[nodiscard]] std::optional<Difference> wait(std::chrono::nanoseconds time,
                                               const Difference& else_, const Done& done);

  boost::asio::io_context& context_;
  const MemoryView memory_;
  const Answers answers_;
  const std::chrono::milliseconds patience_;
  DmaSpace space_;
  std::vector<Queue> queues_;
  std::map<std::uint64_t, std::uint64_t> taken_;  // parts of the memory for buffers: begin, end
  std::uint64_t chains_ = 0;
  std::uint64_t early_ = 0;                 // not compared
  std::optional<virtio::Backend> backend_;  // goes first
};

}  // namespace bellwire::replay
