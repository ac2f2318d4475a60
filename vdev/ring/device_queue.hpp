// SPDX-License-Identifier: BSD-3-Clause
//
// DeviceQueue: the device's side of a queue. It takes requests, has them served, publishes
// completions and raises interrupts. The driver is not trusted: what it writes is read once,
// checked, and at worst breaks this queue until its generation changes.
//
// Its handler either serves each request at once, or completes it later (request.hpp); it is of the
// same kind over the life of the queue.
//
// Rules: guest-kmod/uapi/bellwire.h, part 1. One thread at a time; nothing here allocates, blocks
// or loops without a bound.
#pragma once

#include <cstdint>
#include <memory>

#include "vdev/core/completion_filter.hpp"
#include "vdev/core/device.hpp"
#include "vdev/core/interrupt.hpp"
#include "vdev/core/request_tap.hpp"
#include "vdev/core/step_gate.hpp"
#include "vdev/ring/in_flight.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/request.hpp"
#include "vdev/ring/trace.hpp"

namespace bellwire::ring {

class DeviceQueue {
 public:
  /// Continues where an earlier incarnation stopped, if the memory records that plausibly.
  DeviceQueue(const Queue& queue, Interrupt interrupt, std::uint32_t incarnation) noexcept;
  /// The same for an AsyncRequestHandler, which knows the queue by its number. `completed`: rung
  /// when deliver() is to be called.
  DeviceQueue(const Queue& queue, Interrupt interrupt, std::uint32_t incarnation, unsigned number,
              std::shared_ptr<const os::EventFd> completed);

  /// What becomes of its completions, from now on; may be null.
  void filter(std::shared_ptr<CompletionFilter> filter, unsigned number) noexcept {
    filter_ = std::move(filter);
    number_ = number;
  }

  /// Who sees what crosses it, from now on; may be null.
  void tell(std::shared_ptr<RequestTap> tap, unsigned number) noexcept;

  /// What holds it in slow motion; may be null. Before the first turn, and only for a
  /// RequestHandler, without a filter.
  void hold(std::shared_ptr<StepGate> gate, unsigned number) noexcept {
    gate_ = std::move(gate);
    number_ = number;
  }

  /// Serves the requests that are there, up to a bound. `rings`: the doorbell's count.
  Turn turn(RequestHandler& handler, std::uint64_t rings) noexcept;

  /// The same without asking for a doorbell. done: there was nothing.
  Turn poll(RequestHandler& handler) noexcept;

  // The same for requests that are completed later.
  Turn turn(AsyncRequestHandler& handler, std::uint64_t rings) noexcept;
  Turn poll(AsyncRequestHandler& handler) noexcept;
  /// Publishes what has been completed, as far as everything before it has been, too. Begins the
  /// next generation if it waited for the last one's requests.
  void deliver(AsyncRequestHandler& handler) noexcept;
  /// Takes no more requests. The device stops once in_flight() is 0; until then call deliver().
  void stop(AsyncRequestHandler& handler) noexcept;
  /// Requests that the handler has; 0 for one that serves them at once.
  [[nodiscard]] std::uint32_t in_flight() const noexcept {
    return in_flight_ ? in_flight_->count() : 0;
  }
  /// Whether it waits for them to end, before it goes on with the next generation.
  [[nodiscard]] bool ending() const noexcept { return ending_ && in_flight() > 0; }

  /// Raises the interrupt of a completion again, which the driver seems not to have received.
  void raise_again() noexcept { raise(); }

  /// Counts a hop that was lost and repaired.
  void count_loss(bellwire_hop hop) noexcept;

  [[nodiscard]] bellwire_queue_status status() const noexcept { return status_; }
  [[nodiscard]] std::uint32_t offender() const noexcept { return offender_; }

 private:
  enum class Look { nothing, work, no_longer };

  // Requests per turn: enough to amortise a wake-up, few enough that other queues are not starved.
  static constexpr unsigned budget = 64;
  static constexpr std::size_t byte_budget = std::size_t{1} << 20;

  // Requests per read of `submitted`, and completions per publication: each read and each
  // publication waits for a cache line that the driver has. A completion is held back only for a
  // few others, and not for a slow one.
  static constexpr unsigned batch = 16;
  static constexpr std::uint64_t batch_ticks = 10'000;  // of timestamp(): some microseconds

  bool follow_generation() noexcept;
  void begin(std::uint32_t generation) noexcept;
  [[nodiscard]] bool same_generation() const noexcept;
  void note_rings(std::uint64_t rings) noexcept;
  // `taken`: requests that have been; of those, `completed_` are completed.
  Look look(std::uint32_t taken) noexcept;
  Look distrust(bellwire_queue_status status, std::uint32_t offender) noexcept;
  bool may_sleep(std::uint32_t taken) noexcept;
  [[nodiscard]] bellwire_completion_status check(const bellwire_request& entry) const noexcept;
  [[nodiscard]] Request request_of(const bellwire_request& entry) const noexcept;
  void complete(std::uint32_t index, std::uint64_t cookie, const Reply& reply) noexcept;
  // Before the request is served. `good`: it will be.
  void tell_taken(std::uint32_t index, const bellwire_request& entry, bool good) noexcept;

  /// Serves up to the bound; returns the last look().
  Look serve(RequestHandler& handler) noexcept;
  std::size_t serve_batch(RequestHandler& handler) noexcept;
  std::size_t serve_one(RequestHandler& handler) noexcept;

  /// Publishes what has been completed; follows the generation once nothing of the last one is in
  /// flight. False: no requests may be taken.
  bool settle(AsyncRequestHandler& handler) noexcept;
  void end_requests(AsyncRequestHandler& handler) noexcept;
  void cancel(AsyncRequestHandler& handler) noexcept;
  void publish_completed() noexcept;
  void accept(const PendingSlot& slot) noexcept;
  /// Hands over up to the bound; returns the last look().
  Look take(AsyncRequestHandler& handler) noexcept;
  std::size_t take_batch(AsyncRequestHandler& handler) noexcept;
  std::size_t take_one(AsyncRequestHandler& handler) noexcept;

  void publish(std::uint32_t before) noexcept;
  void announce(std::uint32_t before, std::uint32_t end) noexcept;
  /// Shows them to the driver. True: it wants an interrupt.
  [[nodiscard]] bool show(std::uint32_t before, std::uint32_t end) noexcept;

  // device_queue_steps.cpp
  Turn step(RequestHandler& handler) noexcept;
  bool hop(RequestHandler& handler) noexcept;
  bool step_take(RequestHandler& handler) noexcept;
  bool step_show() noexcept;
  bool step_raise() noexcept;

  // device_queue_faults.cpp
  void publish_filtered(std::uint32_t before) noexcept;
  void corrupt(std::uint32_t index, std::uint64_t random) noexcept;
  void scramble(std::uint64_t random) noexcept;
  void raise() noexcept;

  Queue queue_;
  Interrupt interrupt_;
  std::uint32_t incarnation_;
  std::uint32_t generation_;  // what follows belongs to it
  std::uint32_t completed_;
  std::uint32_t seen_ = 0;  // `submitted`, at the last look
  bellwire_queue_status status_ = BELLWIRE_QUEUE_OK;
  std::uint32_t offender_ = 0;
  TraceWriter trace_;

  unsigned number_ = 0;              // for the three below
  std::shared_ptr<RequestTap> tap_;  // only while somebody records

  // Only in slow motion.
  std::shared_ptr<StepGate> gate_;
  bellwire_stage next_hop_ = BELLWIRE_TAKEN;

  // Only while faults are injected.
  std::shared_ptr<CompletionFilter> filter_;
  bool withheld_ = false;  // a completion of this generation, and so all that follow it

  // Only for an AsyncRequestHandler.
  std::unique_ptr<InFlight> in_flight_;
  std::uint32_t taken_ = 0;  // requests that have been
  bool ending_ = false;      // takes and publishes nothing more until the next generation
  bool stopping_ = false;    // takes nothing more, for ever, and publishes what is completed
  bool cancelled_ = false;   // the handler was told so
};

// These run per request; everything else runs once for many requests.

// Whether the request may be served.
inline bellwire_completion_status DeviceQueue::check(const bellwire_request& entry) const noexcept {
  if (entry.flags != 0) return BELLWIRE_BAD_OPERATION;
  const auto inside = [size = queue_.payload.size()](std::uint32_t offset, std::uint32_t length) {
    return offset <= size && length <= size - offset;
  };
  const bool overlap =
      entry.input_length > 0 && entry.output_length > 0 &&
      entry.input_offset < std::uint64_t{entry.output_offset} + entry.output_length &&
      entry.output_offset < std::uint64_t{entry.input_offset} + entry.input_length;
  if (!inside(entry.input_offset, entry.input_length) ||
      !inside(entry.output_offset, entry.output_length) || overlap)
    return BELLWIRE_BAD_RANGE;
  if (entry.input_length > BELLWIRE_MAX_REQUEST || entry.output_length > BELLWIRE_MAX_REQUEST)
    return BELLWIRE_BAD_LENGTH;
  return BELLWIRE_DONE;
}

inline Request DeviceQueue::request_of(const bellwire_request& entry) const noexcept {
  return {entry.cookie, entry.operation,
          queue_.payload.subspan(entry.input_offset, entry.input_length),
          queue_.payload.subspan(entry.output_offset, entry.output_length)};
}

// Writes the completion of a request, which publish() shows the driver.
inline void DeviceQueue::complete(std::uint32_t index, std::uint64_t cookie,
                                  const Reply& reply) noexcept {
  bellwire_completion completion{};
  completion.cookie = cookie;
  completion.status = reply.status;
  completion.length = reply.length;
  completion.result = reply.result;
  completion.incarnation = incarnation_;
  queue_.completion(index) = completion;
}

}  // namespace bellwire::ring
