// SPDX-License-Identifier: BSD-3-Clause
//
// Guest: the driver's side of a transport that includes a guest. It sends requests through the ring
// and keeps the answers, for the caller, who knows the device, to check.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/core/device.hpp"
#include "vdev/core/registration.hpp"
#include "vdev/os/result.hpp"

namespace bellwire {

struct GuestPlan {
  std::uint32_t requests = 10'000;
  std::uint32_t depth = 1;  ///< requests in flight
  bool recover = true;      ///< whether a guest that can looks for what did not come
  /// Holds the guest's own hops in slow motion, if it can be held; null: nothing does.
  std::shared_ptr<StepGate> steps = {};
};

/// One request and its answer.
struct Exchange {
  std::array<std::byte, 64> input;
  std::array<std::byte, 64> output;  ///< `length` bytes of it are the device's
  bool answered = false;             ///< the members below are valid only then
  std::uint32_t status;              ///< enum bellwire_completion_status
  std::uint32_t length;
  std::uint64_t result;
  std::uint64_t ns;  ///< from its submission until its completion was taken
};

struct GuestReport {
  std::vector<Exchange> exchanges;  ///< all planned requests, in the order of submission
  std::uint64_t submitted = 0;      ///< how many were submitted; fewer if it gave up
  std::uint64_t hung = 0;           ///< requests that hung; the unanswered ones were abandoned
  std::vector<std::string> hangs;   ///< a description of each hang
  std::uint64_t unexpected = 0;     ///< completions of no request, or of one already answered
  std::uint64_t doorbells = 0;      ///< written by the guest
  std::uint64_t interrupts = 0;     ///< taken by the guest
  std::uint64_t recovered_doorbells = 0;   ///< that had not come, and were replaced
  std::uint64_t recovered_interrupts = 0;  ///< likewise
  std::uint64_t register_exits = 0;        ///< accesses that reached user space: registers …
  std::uint64_t doorbell_exits = 0;        ///< … and doorbells, which never should
};

class Guest {
 public:
  virtual ~Guest() = default;

  /// Runs the guest to its end, on the caller's thread; the device runs on another. A guest whose
  /// requests hang gives up and reports that. ECANCELED: stop().
  [[nodiscard]] virtual Result<GuestReport> run(const GuestPlan& plan) = 0;
  /// Makes run() return soon. Any thread.
  virtual void stop() noexcept = 0;
};

// Transport: the connection between a device and its guest, whatever its kind. It gives the device
// an Attachment.

/// Callbacks of whoever runs a device, called on the context's thread.
struct Runs {
  /// A driver provides an attachment: the device runs on it when this returns. On an error it does
  /// not; then the transport logs that, informs the driver, and waits for the next attachment.
  std::function<Result<void>(Attachment)> attach;
  /// The driver takes the attachment back: nothing uses it any more when this returns.
  std::function<void()> detach;
  /// After a detach: no attachment will follow, for this reason. Most transports never call it.
  std::function<void(Error)> end = nullptr;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// The attachment for a device to start on; again for a device that is restarted. The transport
  /// must outlive its use. `registers` may be null; otherwise a transport with trapped accesses
  /// forwards those to it. EAGAIN: no driver has provided an attachment yet.
  [[nodiscard]] virtual Result<Attachment> attach(RegisterBlock* registers) = 0;

  /// Calls `runs` for each attachment, one after the other, until the registration is dropped. Most
  /// transports have one attachment, at once; its error is then returned here.
  [[nodiscard]] virtual Result<Registration> serve(RegisterBlock* registers, Runs runs) {
    auto attachment = attach(registers);
    if (!attachment) return attachment.error();
    if (auto attached = runs.attach(std::move(*attachment)); !attached) return attached.error();
    return Registration();
  }

  /// The guest that the transport includes; null if guests come from elsewhere.
  [[nodiscard]] virtual Guest* guest() noexcept { return nullptr; }
};

}  // namespace bellwire
