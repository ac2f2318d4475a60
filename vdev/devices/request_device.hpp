// SPDX-License-Identifier: BSD-3-Clause
//
// RequestDevice: what all devices share that answer requests from a ring: one queue a doorbell,
// the device's line in the header, restart. An author derives from it and writes traits() and
// serve(); see echo.hpp.
#pragma once

#include <optional>
#include <vector>

#include "vdev/core/device.hpp"
#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/watchdog.hpp"

namespace bellwire {

class RequestDevice : public Device, public ring::RequestHandler {
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
  [[nodiscard]] Result<void> open(Attachment& attachment);
  std::uint32_t announce() noexcept;
  void report_status(unsigned index) noexcept;
  struct ServedQueue {
    ring::DeviceQueue queue;
    ring::Watchdog watchdog;
    bellwire_queue_status reported = BELLWIRE_QUEUE_OK;
    bool unfinished = false;  // a repair left requests for the next tick
  };
  void look_after(unsigned index);
  void serve_unrung(ServedQueue& served) noexcept;

  std::optional<ring::Layout> layout_;
  std::vector<ServedQueue> queues_;
  unsigned reports_left_ = 0;  // this tick
};

}  // namespace bellwire
