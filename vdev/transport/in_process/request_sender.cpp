// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/in_process/request_sender.hpp"

#include <algorithm>

namespace bellwire::in_process {
namespace {

constexpr std::uint32_t piece = sizeof(Exchange::input);

// A request under way has its own room: input, then output.
std::uint32_t input_of(std::uint32_t number, std::uint32_t depth) {
  return number % depth * 2 * piece;
}

Error stopped() {
  return fault(std::errc::operation_canceled, "the guest was stopped");
}

}  // namespace

RequestSender::RequestSender(const ring::Layout& layout, Hooks wires, unsigned queue)
    : raw_(layout.queue(queue)),
      hooks_(std::move(wires)),
      module_(raw_),
      queue_(raw_, module_.generation()),
      look_(layout, raw_, module_.generation()),
      stall_(layout, queue) {}

Result<GuestReport> RequestSender::run(const GuestPlan& plan) {
  const auto depth = std::min(plan.depth, raw_.entries);
  submitted_.resize(plan.requests);
  answered_.resize(plan.requests);
  report_.exchanges.resize(plan.requests);
  recover_ = plan.recover;
  steps_ = plan.steps;
  ring();
  const auto served = wait_until_served();
  if (!served) return served.error();
  bool goes_on = *served;
  if (steps_ && report_.interrupts == 0)  // the generation's own: it isn't shown as the ring's
    if (const auto woken = sleep(); !woken) return woken.error();
  for (std::uint32_t taken = 0; goes_on && taken < plan.requests; ++taken) {
    while (report_.submitted < plan.requests && queue_.in_flight() < depth)
      submit(static_cast<std::uint32_t>(report_.submitted++), depth);
    if (auto published = publish_in_time(); !published) return published.error();
    const auto completion = wait_for_completion();
    if (!completion) return completion.error();
    goes_on = completion->has_value();
    if (goes_on) keep(**completion, depth);
  }
  ring::end_generation(raw_);
  report_.recovered_doorbells = look_.recovered_doorbells();
  report_.recovered_interrupts = look_.recovered_interrupts();
  return std::move(report_);
}

// Whether to go on as if the interrupt had come.
bool RequestSender::recovers() {
  if (clock::now() < look_at_) return false;
  const auto missing = recover_ ? look_.look(&module_) : ring::DriverLook::Missing::nothing;
  look_at_ = clock::now() + look_.time();
  if (missing == ring::DriverLook::Missing::doorbell) ring();
  return missing == ring::DriverLook::Missing::interrupt;
}

// Whether waiting on is of no use. What may still be recovered does not hang yet.
bool RequestSender::gives_up() {
  const auto found = stall_.look(clock::now());
  const bool hopeless = found == ring::StallDetector::Finding::hopeless;
  const bool hangs = found == ring::StallDetector::Finding::hangs && !recover_;
  if (hangs || (hopeless && (recover_ || !stall_.reported()))) {
    report_.hung += queue_.in_flight();
    report_.hangs.push_back(stall_.describe());
  }
  return hopeless;
}

// False: waiting on is of no use.
Result<bool> RequestSender::sleep() {
  const auto began = clock::now();
  auto left = look_.time();
  look_at_ = began + left;
  for (;; left = look_at_ - clock::now()) {
    const auto came = hooks_.wait(left);
    if (came == Wait::stopped) return stopped();
    if (came == Wait::interrupt) break;
    if (recovers()) return true;
    if (gives_up()) return false;
  }
  look_.interrupted(clock::now() - began);
  module_.note(BELLWIRE_INTERRUPTED);
  ++report_.interrupts;
  return true;
}

Result<bool> RequestSender::wait_until_served() {
  while (!queue_.ready())
    if (const auto woken = sleep(); !woken || !*woken) return woken;
  return true;
}

// Empty: waiting on is of no use.
Result<std::optional<bellwire_completion>> RequestSender::wait_for_completion() {
  for (;;) {
    if (queue_.has_completion() && !may(BELLWIRE_CONSUMED, "take")) return stopped();
    if (const auto completion = queue_.take()) return completion;
    if (queue_.device_broken())
      return fault(std::errc::protocol_error,
                   "the device completed a request that was never submitted");
    if (queue_.status() != BELLWIRE_QUEUE_OK)
      return fault(std::errc::protocol_error, "the ring broke: status {}, offending value {}",
                   static_cast<unsigned>(queue_.status()),
                   ring::load(raw_.control->status.offender, ring::relaxed));
    if (!queue_.may_sleep()) continue;
    const auto woken = sleep();
    if (!woken) return woken.error();
    if (!*woken) return std::optional<bellwire_completion>();
    queue_.awake();
  }
}

void RequestSender::submit(std::uint32_t number, std::uint32_t depth) {
  auto& input = report_.exchanges[number].input;
  std::ranges::generate(input, [this] { return static_cast<std::byte>(random_()); });
  bellwire_request request{};
  request.cookie = number;
  request.input_offset = input_of(number, depth);
  request.output_offset = request.input_offset + piece;
  request.input_length = request.output_length = piece;
  std::ranges::copy(input, &raw_.payload[request.input_offset]);
  std::ranges::fill(raw_.payload.subspan(request.output_offset, piece), std::byte{0});
  submitted_[number] = clock::now();
  queue_.submit(request);
}

bool RequestSender::may(bellwire_stage stage, std::string_view function, SourceLine line) {
  return !steps_ || steps_->waits({0, stage, function, line});
}

Result<void> RequestSender::publish_in_time() {
  if (!may(BELLWIRE_SUBMITTED, "publish")) return stopped();
  if (!queue_.publish()) return {};
  ++report_.doorbells;
  if (!may(BELLWIRE_RUNG, "ring")) return stopped();
  ring();
  return {};
}

void RequestSender::ring() {
  module_.note(BELLWIRE_RUNG);
  look_.rung();
  hooks_.ring();
}

void RequestSender::keep(const bellwire_completion& completion, std::uint32_t depth) {
  const auto number = completion.cookie;
  if (number >= answered_.size() || answered_[number] ||
      submitted_[number] == clock::time_point{}) {
    ++report_.unexpected;
    return;
  }
  answered_[number] = true;
  auto& exchange = report_.exchanges[number];
  exchange.answered = true;
  exchange.status = completion.status;
  exchange.length = completion.length;
  exchange.result = completion.result;
  exchange.ns = static_cast<std::uint64_t>((clock::now() - submitted_[number]).count());
  const auto output = input_of(static_cast<std::uint32_t>(number), depth) + piece;
  std::ranges::copy(raw_.payload.subspan(output, piece), exchange.output.begin());
}

}  // namespace bellwire::in_process
