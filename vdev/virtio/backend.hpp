// SPDX-License-Identifier: BSD-3-Clause
//
// Backend: runs a virtio device on an Asio context, whatever the transport. The transport knows
// messages or registers, translates them into the calls below, and owns the guest's memory; the
// backend runs the queues, one Runner for each, and keeps the promise of device.hpp about requests
// in flight.
//
// A queue has two independent states (vhost-user, "Ring states"), and is served while both are
// high:
//
// - started or stopped: start_queue(), stop_queue();
// - enabled or disabled: set_enabled(), remembered while it is stopped. Disabled at first. A ring
//   that is disabled is left alone, except that what is in flight is completed. The device may want
//   it otherwise for a ring that was disabled by set_enabled(): its requests are returned unseen
//   (Device::discards_when_disabled()).
//
// When a queue begins to be served, what is available is served without a kick. A kick before that
// is not lost. A queue whose ring is broken stops alone: its observer is called once, it is logged
// once, and it recovers when it is stopped and started.
//
// Memory may come and go while queues run. A queue waits while a part of its ring is away, and
// continues where it was once it is there (again), wherever that is mapped now. Before a region
// goes, all requests in flight are completed: the listener of DmaSpace::on_revoke waits for that,
// and so the loop; pause() is there for a transport that must not block its loop.
//
// All on the thread that runs the context, which must be one only. A backend that is dropped waits
// for the requests in flight, too.
//
// Source: docs/semantics.md, 50, 53 to 57, 63 to 66 and 69; virtio 1.2, sections 2.1 to 2.6.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vdev/core/dma_space.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/core/registration.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/virtio/device.hpp"
#include "vdev/virtio/ring_words.hpp"
#include "vdev/virtio/tap.hpp"
#include "vdev/virtio/virtqueue.hpp"
#include "vdev/virtio/watch.hpp"

namespace bellwire::virtio {

struct BackendOptions {
  Polling polling = Polling::off;
  std::chrono::nanoseconds moderate{0};          ///< least time between two interrupts of a queue
  bool packed = true;                            ///< whether packed rings are offered
  std::shared_ptr<FaultTally> faults = nullptr;  ///< what goes wrong on purpose; null: nothing
  std::shared_ptr<Watch> watch = nullptr;        ///< of all queues; null: nobody watches
  BackendTap* tap = nullptr;  ///< sees what crosses; null: nobody. It must outlive the backend
  unsigned first_queue = 0;  ///< of faults and watch: which of their queues is this backend's first
};

/// Called for each step of a queue's requests, for what a transport has to note in memory that
/// others read: requests in flight, dirty pages. Called on the loop's thread, in this order.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  /// A request was taken from the ring; the device has not seen it yet.
  virtual void taken(const Chain& chain) noexcept { (void)chain; }
  /// It is about to be returned; the driver can't see that yet. `written` bytes were written.
  virtual void returning(const Chain& chain, std::uint32_t written) noexcept {
    (void)chain, (void)written;
  }
  /// What was returned is about to become visible, all at once.
  virtual void publishing(const QueuePosition& position) noexcept { (void)position; }
  /// Everything returned before is visible to the driver; it may not have been interrupted yet.
  virtual void published(const QueuePosition& position) noexcept { (void)position; }
  /// The ring's own words are impossible. Nothing more is taken from it.
  virtual void broken(const Error& why) noexcept { (void)why; }
};

/// Descriptors of one chain of a packed ring, in their order.
using DescriptorList = std::vector<vring_packed_desc>;

struct QueueSetup {
  QueueLayout layout;
  QueuePosition position = {};
  /// The driver rings it. None: the queue is polled all the time.
  std::optional<os::EventFd> kick = std::nullopt;
  /// Raised when the driver wants to know of used buffers. Its line may be bound to another eventfd
  /// at any time, or to none.
  Interrupt call;
  QueueObserver* observer = nullptr;  ///< must live until the queue has stopped
  /// Requests that an earlier process had taken and not returned, in the order in which they were
  /// taken. They are served first. Split: the indexes of their first descriptors; packed: their
  /// descriptors, as they were when they were taken.
  std::vector<std::uint16_t> in_flight = {};
  std::vector<DescriptorList> packed_in_flight = {};
};

/// What has happened on a queue since it was started first.
struct QueueCounts {
  std::uint64_t requests = 0;   ///< taken, without the malformed ones
  std::uint64_t completed = 0;  ///< returned, likewise
  std::uint64_t malformed = 0;  ///< chains returned unseen
  std::uint64_t kicks = 0;      ///< drained from the kick's count
  std::uint64_t calls = 0;      ///< interrupts raised
};

class Backend {
 public:
  /// All must outlive the backend. EMFILE, ENFILE; ENOSPC, ENOMEM: the kernel watches no more
  /// descriptors for this user.
  [[nodiscard]] static Result<Backend> create(boost::asio::io_context& context, Device& device,
                                              DmaSpace& memory, BackendOptions options = {});
  Backend(Backend&&) noexcept;
  Backend& operator=(Backend&&) = delete;
  ~Backend();

  [[nodiscard]] const Traits& traits() const noexcept;

  // Features, status, config space.

  /// The device's and the rings': VERSION_1, RING_EVENT_IDX, RING_INDIRECT_DESC, and RING_PACKED
  /// unless the options say otherwise. A transport adds its own to what it shows, and takes them
  /// away from what the driver accepts.
  [[nodiscard]] std::uint64_t device_features() const noexcept;
  [[nodiscard]] std::uint64_t driver_features() const noexcept;
  /// EINVAL: features that were not offered. EBUSY: a queue is served, and these are others. If no
  /// queue is served, other features end the device's session; the next queue begins another.
  [[nodiscard]] Result<void> set_driver_features(std::uint64_t features);

  /// The status byte, of VIRTIO_CONFIG_S_… bits. After a write of 0 it reads as before until the
  /// reset is done, then as 0. FEATURES_OK stays off if the features were refused. NEEDS_RESET: the
  /// device could not be started.
  [[nodiscard]] std::uint8_t status() const noexcept;
  void set_status(std::uint8_t status);

  /// EINVAL: not all within the config space, or, when writing, read-only.
  [[nodiscard]] Result<void> read_config(std::size_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write_config(std::size_t offset, std::span<const std::byte> from);
  /// Called when the device has changed its config space, until the registration is dropped.
  [[nodiscard]] Registration on_config_change(std::function<void()> listener);

  // Queues. `index` is below traits().queues.

  /// EINVAL: the layout or the position is impossible. EBUSY: it is started already, or about to
  /// stop. EMFILE and the like; the device's own errors. A ring outside of memory is no error: the
  /// queue waits for the memory.
  [[nodiscard]] Result<void> start_queue(unsigned index, QueueSetup setup);

  /// Called once, perhaps before the call returns, with the position to continue at.
  using Stopped = std::function<void(const QueuePosition&)>;
  /// Stops serving it, waits until its requests in flight are completed, and calls `done`. That of
  /// a queue that is stopped already is called at once; the position is the last one, or zero.
  void stop_queue(unsigned index, Stopped done);

  /// Errors of start_queue(); then it is enabled and not served, until the next call that serves
  /// it.
  [[nodiscard]] Result<void> set_enabled(unsigned index, bool enabled);
  [[nodiscard]] bool started(unsigned index) const noexcept;
  [[nodiscard]] bool enabled(unsigned index) const noexcept;
  [[nodiscard]] QueueCounts counts(unsigned index) const noexcept;

  /// Changes the wires of a queue that is started, without losing a ring of either. A call whose
  /// eventfd alone changes is better bound anew at its InterruptLine. Errors as set_enabled();
  /// EINVAL: the queue is not started.
  [[nodiscard]] Result<void> set_kick(unsigned index, std::optional<os::EventFd> kick);
  [[nodiscard]] Result<void> set_call(unsigned index, Interrupt call);

  // The whole device.

  /// Called once, perhaps before the call returns.
  using Done = std::function<void()>;
  /// Stops serving all queues, and calls `done` when nothing is in flight. They stay started; for a
  /// transport that is about to change the memory.
  void pause(Done done);
  /// Goes on where they were. Their ring's addresses are looked up anew.
  void resume();

  /// Stops all queues and the device, disables the queues, forgets features and status, and calls
  /// `done`. Positions can be asked for by stop_queue() until a queue is started again.
  void reset(Done done);
  /// The same, and waits for requests in flight.
  void reset_now();

 private:
  class Impl;
  explicit Backend(std::shared_ptr<Impl> impl) noexcept;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bellwire::virtio
