// SPDX-License-Identifier: BSD-3-Clause
//
// virtio::Device: what the author of a virtio device writes. It has an id, features, config space
// and queues, and it handles requests; it never sees a ring, nor which transport it runs on. A
// Backend (backend.hpp) runs it. ../devices/rng.hpp is a short one.
//
// All calls come from one thread, the one that runs the backend's context, and none may block.
//
// When the driver or the transport stops a queue, resets the device, takes memory back or goes
// away:
//
// 1. handle() is not called any more for that queue, and cancel() is called for it.
// 2. The backend waits until each request of the queue that is in flight is completed (or dropped,
//    which completes it). Only then does it tell the driver that the queue has stopped, that the
//    device was reset, or that it may have its memory back.
// 3. From then on nothing touches the guest's memory, and no used buffer or interrupt follows. A
//    reset, and the end of the backend, call stop() after that.
//
// So the device owes one thing: after cancel(), each request of the queue is completed soon, and
// without the backend's loop, which may be waiting: in cancel() itself, in poll(), which the
// backend calls while it waits, or from a thread of the device.
#pragma once

#include <linux/virtio_ids.h>

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/result.hpp"
#include "vdev/virtio/request.hpp"

namespace bellwire::virtio {

/// Constant over the device's life.
struct Traits {
  std::string_view kind;           ///< the device's name in the catalog
  std::uint16_t id = 0;            ///< VIRTIO_ID_…, of <linux/virtio_ids.h>
  std::uint64_t features = 0;      ///< the device's own bits, 0 to 23 and 50 up; not the rings'
  unsigned queues = 1;             ///< how many it has
  std::uint16_t queue_size = 256;  ///< entries that a transport offers for each: a power of two
  std::size_t config_size = 0;     ///< bytes of its config space
};

/// A bit of a feature set, by its number in the kernel's headers.
[[nodiscard]] constexpr std::uint64_t feature(unsigned number) noexcept {
  return std::uint64_t{1} << number;
}

/// Tells the driver that the config space has changed. May be copied, and used from any thread;
/// does nothing once the session has ended.
class ConfigNotifier {
 public:
  struct Target;
  ConfigNotifier() = default;
  explicit ConfigNotifier(const std::shared_ptr<Target>& target) noexcept : target_(target) {}
  void notify() const;

 private:
  std::weak_ptr<Target> target_;
};

/// What a device gets for the time from its start() to its stop().
struct Session {
  boost::asio::io_context& context;  ///< of the backend's loop
  std::uint64_t features = 0;        ///< those that the driver accepted, of all that were offered
  ConfigNotifier config;
};

class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual Traits traits() const noexcept = 0;

  /// The whole of `into` is within the config space.
  virtual void read_config(std::size_t offset, std::span<std::byte> into) noexcept;
  /// Likewise. False: those bytes are read-only, or the value is not allowed; nothing has changed.
  [[nodiscard]] virtual bool write_config(std::size_t offset, std::span<const std::byte> from);

  /// Before the first request. After an error the device is not running, and the driver sees
  /// NEEDS_RESET.
  [[nodiscard]] virtual Result<void> start(Session session);

  /// Takes a request and completes it, before it returns or later.
  virtual void handle(Request request) noexcept = 0;

  /// What becomes of requests of a queue that the transport has disabled. True: they are returned
  /// unseen, with length 0, so that the driver does not wait for them. False: they wait in the
  /// ring.
  [[nodiscard]] virtual bool discards_when_disabled(unsigned queue) const noexcept {
    (void)queue;
    return false;
  }

  /// The transport has disabled a queue, or enabled it again. Requests that the device keeps until
  /// something comes from outside, as a network card does, wait while it is disabled.
  virtual void set_enabled(unsigned queue, bool enabled) noexcept {
    (void)queue;
    (void)enabled;
  }

  /// The queue's turn is over: there is no further request at the moment. For a device that
  /// collects requests in order to begin them together.
  virtual void end_turn(unsigned queue) noexcept { (void)queue; }

  /// Completes what has become ready, of any queue, without waiting. Called at the end of each
  /// turn, after ready() was rung, all the time while the loop polls, and while the backend waits
  /// for requests to be completed.
  virtual void poll() noexcept {}

  /// Is rung when there is something to poll(), for a device that does not complete requests from
  /// threads of its own. Constant from start() to stop(). Null: there is none.
  [[nodiscard]] virtual const os::EventFd* ready() const noexcept { return nullptr; }
  /// The loop polls from now on, so ready() need not be rung; or no longer.
  virtual void set_polled(bool polled) noexcept { (void)polled; }

  /// See the beginning of this file. Idempotent.
  virtual void cancel(unsigned queue) noexcept { (void)queue; }

  /// Something outside may have changed; the program's user says so (SIGUSR1). A disk looks whether
  /// its file has grown.
  virtual void refresh() {}

  /// No request is in flight. Another start() may follow.
  virtual void stop() noexcept {}
};

}  // namespace bellwire::virtio
