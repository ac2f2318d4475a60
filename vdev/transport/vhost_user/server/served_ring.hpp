// SPDX-License-Identifier: BSD-3-Clause
//
// ServedRing: what a front-end has said about one ring, in whatever order it said it, and whether
// that is enough to start the backend's queue. SET_VRING_KICK starts a ring; it is served from the
// moment on at which its size and its addresses are known and lie in memory. Whenever one of these
// changes, update() stops the queue and starts it where it was.
//
// On the device's thread. Source: vhost-user, "ServedRing states"; docs/semantics.md, 53 to 57, 63
// to 66.
#pragma once

#include <functional>
#include <optional>

#include "vdev/core/interrupt.hpp"
#include "vdev/transport/vhost_user/server/ring_observer.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::vhost_user {

class ServedRing {
 public:
  using Done = std::function<void(Result<void>)>;

  /// All must outlive the ring.
  ServedRing(virtio::Backend& backend, unsigned index, const MemorySlots& memory,
             Tracking& tracking)
      : backend_(backend), memory_(memory), observer_(tracking, memory), index_(index) {}

  // What messages say. EINVAL: it can't be. Each takes effect with the next update().

  [[nodiscard]] Result<void> set_size(std::uint32_t size);
  [[nodiscard]] Result<void> set_addresses(const vhost_vring_addr& addresses);
  void set_base(std::uint32_t base) noexcept;
  /// Starts the ring. None: it is polled.
  [[nodiscard]] Result<void> set_kick(std::optional<os::EventFd> kick);
  /// None: nobody is called, until there is one.
  void set_call(std::optional<os::EventFd> call);
  void set_error(std::optional<os::EventFd> event) { observer_.set_error_event(std::move(event)); }

  /// Brings the backend's queue in line with all that; `done` may be called before it returns.
  void update(Done done);

  /// GET_VRING_BASE: stops the ring, waits for its requests in flight, and says where it continues.
  void stop(std::function<void(std::uint32_t base)> done);

  /// The same without waiting: the backend is being reset. take_over() follows when it has been.
  void abandon() noexcept;
  /// The backend was reset: where its queue stopped is what a later GET_VRING_BASE answers.
  void take_over();

 private:
  [[nodiscard]] std::optional<virtio::QueueLayout> layout() const;
  [[nodiscard]] Result<void> start(const virtio::QueueLayout& layout);
  [[nodiscard]] Result<virtio::QueuePosition> position(const virtio::QueueLayout& layout) const;
  void stopped_at(const virtio::QueuePosition& position) noexcept;
  void report_place(bool known);

  virtio::Backend& backend_;
  const MemorySlots& memory_;
  InterruptLine call_;
  RingObserver observer_;
  unsigned index_;
  bool started_ = false;
  std::uint16_t size_ = 0;
  std::optional<vhost_vring_addr> addresses_;  // the user's
  std::optional<os::EventFd> kick_;
  std::uint32_t base_ = 0;                      // while the queue is stopped
  bool nowhere_ = false;                        // its memory is not shared, which was reported
  bool moved_ = false;                          // by SET_VRING_BASE, since the queue was started
  std::optional<virtio::QueueLayout> running_;  // the backend's queue is started
};

}  // namespace bellwire::vhost_user
