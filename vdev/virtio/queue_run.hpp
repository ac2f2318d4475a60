// SPDX-License-Identifier: BSD-3-Clause
//
// QueueRun: one queue of a Backend, whose header says what is promised: its states, its ring, the
// room for its requests in flight, and the Runner that serves it. The Backend decides when it is
// served; this does it. On the loop's thread.
#pragma once

#include <memory>
#include <optional>

#include "vdev/core/completion_filter.hpp"
#include "vdev/faults/faults.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/completions.hpp"
#include "vdev/virtio/device_virtqueue.hpp"

namespace bellwire::virtio {

/// What the queues of a backend share.
class QueueHost {
 public:
  QueueHost(boost::asio::io_context& io, Device& served, DmaSpace& guest, BackendOptions chosen,
            os::EventFd event);

  /// Lets the device complete what is ready, and returns to the driver what has been completed.
  virtual void finish_turn() noexcept = 0;
  /// Returns to the driver what has been completed.
  virtual void deliver() noexcept = 0;
  /// A turn of all queues that are polled.
  virtual void poll_queues() noexcept = 0;
  /// One more queue is polled, or one less.
  virtual void polled_changed(bool polled) noexcept = 0;
  /// A queue has turned out to be broken.
  virtual void note_broken() noexcept = 0;
  [[nodiscard]] virtual QueueCounts counts_of(unsigned index) const noexcept = 0;

  boost::asio::io_context& context;
  Device& device;
  DmaSpace& memory;
  const BackendOptions options;
  const std::shared_ptr<FaultSwitch> faults;  // all queues' wires pass through it; null: none do
  const std::shared_ptr<CompletionFilter> filter;  // of all queues' completions; null: none
  Completions completions;

 protected:
  ~QueueHost() = default;
};

class QueueRun final : private bellwire::Device {
 public:
  QueueRun(QueueHost& host, unsigned index) noexcept;

  // What the transport has set.

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  [[nodiscard]] bool started() const noexcept { return setup_.has_value(); }
  [[nodiscard]] const QueueCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] Result<void> set_up(QueueSetup setup);
  void set_kick(std::optional<os::EventFd> kick) { setup_->kick = std::move(kick); }
  void set_call(Interrupt call);
  /// Stopped: nothing is in flight. Returns where to continue; so it does again when it is stopped.
  QueuePosition tear_down() noexcept;

  // Serving.

  /// A queue whose ring is not in memory is not served, without an error; so is a broken one.
  [[nodiscard]] Result<void> serve();
  [[nodiscard]] bool served() const noexcept { return parts_.has_value(); }
  /// Requests are returned unseen from now on, or no longer.
  void set_discarding(bool discarding) noexcept { discarding_ = discarding; }
  [[nodiscard]] bool discarding() const noexcept { return discarding_; }
  /// Takes nothing more. Never from within a turn.
  void rest() noexcept { parts_.reset(); }
  /// Lets go of its ring, where it is; nothing is in flight, and it is not served.
  void release() noexcept;
  /// Whether a part of its ring lies there.
  [[nodiscard]] bool uses(const AddressRange& range) const noexcept;
  [[nodiscard]] std::uint16_t in_flight() const noexcept { return in_flight_; }

  /// Why it is broken, once.
  [[nodiscard]] std::optional<Error> take_fault() noexcept;
  void report_broken(const Error& why) noexcept;

  // Turns.

  [[nodiscard]] bool polled() const noexcept { return polled_; }

  /// Takes what is available and gives it to the device. True: there may be more.
  bool take() noexcept;
  /// Returns a request to the ring; the driver sees it after publish().
  void give_back(RequestSlot& slot) noexcept;
  void publish() noexcept;

 private:
  struct Parts {
    Moderation moderation;
    Faults faults;
    Runner runner;
  };
  [[nodiscard]] Result<void> map_ring();
  [[nodiscard]] Result<Parts> make_parts();
  void make_slots(std::uint16_t count);
  Taken take_one() noexcept;
  void return_some(unsigned taken) noexcept;
  /// What an earlier process had in flight comes first.
  Taken take_into(ChainStorage& storage) noexcept;
  void hand_over(RequestSlot& slot) noexcept;
  [[nodiscard]] CompletionFate fate_of(const RequestSlot& slot) const noexcept;
  void push(const Chain& chain, std::uint32_t written, const CompletionFate& fate) noexcept;
  void set_polled(bool polled) noexcept;

  // Of the Runner.
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "virtqueue"}; }
  [[nodiscard]] Result<void> start(Attachment attachment) override;
  Turn on_doorbell(unsigned, std::uint64_t rings) noexcept override;
  Turn on_poll(unsigned) noexcept override;
  void stop() noexcept override;

  QueueHost& host_;
  const unsigned index_;
  WatchedQueue* const watched_;  // null: nobody watches
  std::optional<QueueSetup> setup_;
  QueuePosition position_;               // while there is no ring_
  std::optional<DeviceVirtqueue> ring_;  // while it is known where it is
  std::optional<Interrupt> call_;        // what is raised; as the setup's, or what stands before it
  std::optional<Parts> parts_;           // while it is served
  std::unique_ptr<RequestSlot[]> slots_;
  std::uint16_t slot_count_ = 0;
  RequestSlot* free_ = nullptr;  // last in, first out: those that have been used have their room
  ChainStorage none_free_;       // nothing is taken then; but a ring may turn out to be broken
  std::uint16_t in_flight_ = 0;
  std::size_t taken_again_ = 0;   // of the setup's in_flight
  std::uint64_t held_bytes_ = 0;  // of this turn's requests since some were returned
  bool emptied_ = true;           // the ring, by the last turn that took any
  QueueCounts counts_;
  bool discarding_ = false;
  bool broken_ = false;
  bool told_broken_ = false;
  RingError fault_;
  bool polled_ = false;
  bool worked_ = false;     // since the last poll
  bool published_ = true;   // all that was given back
  bool asks_kicks_ = true;  // the driver was asked to kick
};

}  // namespace bellwire::virtio
