// SPDX-License-Identifier: BSD-3-Clause
//
// The bases of ring devices. An author derives from one of them, and writes traits() and
//
//   RequestDevice       serve(): answers each request at once; see echo.hpp
//   AsyncRequestDevice  handle(): completes each request when it likes, from any thread; and
//                       cancel(). See delay.hpp
//
// RingDevice is what both share: one queue a doorbell, the device's line in the header, restart.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/watchdog.hpp"

namespace bellwire {

class RingDevice : public Device {
 public:
  /// Formats the memory if it is blank. EPROTO: its format is broken, or asks for more doorbells
  /// or interrupts than the attachment has.
  [[nodiscard]] Result<void> start(Attachment attachment) override;
  Turn on_doorbell(unsigned index, std::uint64_t rings) noexcept override;
  Turn on_poll(unsigned index) noexcept override;
  void on_tick() noexcept override;
  [[nodiscard]] bool waits() const noexcept override;
  void stop() noexcept override;

 private:
  friend class RequestDevice;
  friend class AsyncRequestDevice;
  RingDevice() = default;

  struct ServedQueue {
    ring::DeviceQueue queue;
    ring::Watchdog watchdog;
    bellwire_queue_status reported = BELLWIRE_QUEUE_OK;
    bool unfinished = false;    // a repair left requests for the next tick
    unsigned ending_ticks = 0;  // since a generation ended whose requests are still in flight
  };

  // What depends on the kind of handler.
  [[nodiscard]] virtual ring::DeviceQueue make_queue(unsigned index, const ring::Queue& queue,
                                                     Interrupt interrupt,
                                                     std::uint32_t incarnation) = 0;
  virtual Turn turn(ring::DeviceQueue& queue, std::uint64_t rings) noexcept = 0;
  virtual Turn poll(ring::DeviceQueue& queue) noexcept = 0;

  [[nodiscard]] Result<void> open(Attachment& attachment);
  std::uint32_t announce() noexcept;
  void report_status(unsigned index) noexcept;
  void look_after(unsigned index);
  void watch_end(unsigned index);
  [[nodiscard]] std::uint32_t in_flight() const noexcept;
  void serve_unrung(ServedQueue& served) noexcept;

  std::optional<ring::Layout> layout_;
  std::vector<ServedQueue> queues_;
  unsigned reports_left_ = 0;  // this tick
};

class RequestDevice : public RingDevice, public ring::RequestHandler {
 private:
  ring::DeviceQueue make_queue(unsigned index, const ring::Queue& queue, Interrupt interrupt,
                               std::uint32_t incarnation) final;
  Turn turn(ring::DeviceQueue& queue, std::uint64_t rings) noexcept final;
  Turn poll(ring::DeviceQueue& queue) noexcept final;
};

/// What is promised about its requests: ring::AsyncRequestHandler.
class AsyncRequestDevice : public RingDevice, public ring::AsyncRequestHandler {
 public:
  /// Errors of RingDevice; EMFILE, ENFILE.
  [[nodiscard]] Result<void> start(Attachment attachment) override;
  [[nodiscard]] const os::EventFd* ready() const noexcept final { return completed_.get(); }
  void on_ready() noexcept final;
  /// Waits for the requests in flight.
  void stop() noexcept override;

 private:
  ring::DeviceQueue make_queue(unsigned index, const ring::Queue& queue, Interrupt interrupt,
                               std::uint32_t incarnation) final;
  Turn turn(ring::DeviceQueue& queue, std::uint64_t rings) noexcept final;
  Turn poll(ring::DeviceQueue& queue) noexcept final;
  void drain() noexcept;

  std::shared_ptr<const os::EventFd> completed_;  // while it runs
};

}  // namespace bellwire
