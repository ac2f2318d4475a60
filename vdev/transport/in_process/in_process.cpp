// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/in_process/in_process.hpp"

#include <algorithm>

#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::in_process {
namespace {

constexpr std::chrono::milliseconds unnoticed{100};  // how long a stop goes

}  // namespace

Result<std::unique_ptr<InProcess>> InProcess::create(boost::asio::io_context& context,
                                                     const Options& options) {
  auto memory = ring::create_memory("bellwire-in-process", options.memory, options.queues);
  if (!memory) return memory.error();
  auto machine = options.machine({});
  if (!machine) return machine.error();
  std::unique_ptr<InProcess> transport(
      new InProcess(context, std::move(*machine), std::move(memory->view)));
  if (auto wired = transport->wire(options.queues); !wired) return wired.error();
  return transport;
}

Result<void> InProcess::wire(unsigned queues) {
  for (auto* const events : {&doorbells_, &interrupts_}) {
    auto made = os::create_events(queues);
    if (!made) return made.error();
    *events = std::move(*made);
  }
  auto doorbells = os::duplicate(doorbells_);
  if (!doorbells) return doorbells.error();
  auto interrupts = os::duplicate(interrupts_);
  if (!interrupts) return interrupts.error();
  auto card = machine::Endpoint::plug(*machine_, std::move(*doorbells), std::move(*interrupts));
  if (!card) return card.error();
  card_.emplace(std::move(*card));
  return {};
}

Result<Attachment> InProcess::attach(RegisterBlock* registers) {
  registers_.emplace(context_, registers);
  auto doorbells = os::duplicate(doorbells_);
  if (!doorbells) return doorbells.error();
  auto interrupts = os::duplicate(interrupts_);
  if (!interrupts) return interrupts.error();
  Attachment attachment{.doorbells = std::move(*doorbells), .interrupts = {}, .memory = memory_};
  for (auto& interrupt : *interrupts)
    attachment.interrupts.push_back(InterruptLine(std::move(interrupt)).interrupt());
  return attachment;
}

std::uint64_t InProcess::read_register(std::uint64_t offset, unsigned size) {
  const bool trapped = machine_->read(machine::Space::mmio, register_window + offset, size);
  return trapped && registers_ ? registers_->read(offset, size) : 0;
}

void InProcess::write_register(std::uint64_t offset, unsigned size, std::uint64_t value) {
  const auto trapped = machine_->write(machine::Space::mmio, register_window + offset, size, value);
  if (trapped && registers_) registers_->write(offset, size, *trapped);
}

// In slow motion. That of a generation that begins is not held.
bool InProcess::may_take(std::chrono::milliseconds most) {
  if (!interrupts_.front().wait(most)) return false;
  const auto layout = ring::Layout::open(memory_);
  const auto* const control = layout ? layout->queue(0).control : nullptr;
  if (control == nullptr || ring::load(control->complete.completed, ring::acquire) ==
                                ring::load(control->consume.consumed, ring::acquire))
    return true;
  return steps_->waits({0, BELLWIRE_INTERRUPTED, "take", SourceLine::here()});  // Endpoint::take()
}

RequestSender::Wait InProcess::wait(std::chrono::nanoseconds time) {
  if (stopped_) return RequestSender::Wait::stopped;
  const auto most = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(time), {}, unnoticed);
  if (steps_ && !may_take(most)) return RequestSender::Wait::nothing;
  return card_->take(0, most) ? RequestSender::Wait::interrupt : RequestSender::Wait::nothing;
}

Result<GuestReport> InProcess::run(const GuestPlan& plan) {
  const auto layout = ring::Layout::open(memory_);
  if (!layout) return layout.error();
  std::uint64_t exits = 0;
  steps_ = plan.steps;
  RequestSender traffic(*layout,
                        {.ring = [&] { exits += card_->ring(0) ? 0 : 1; },
                         .wait = [this](std::chrono::nanoseconds time) { return wait(time); }});
  auto report = traffic.run(plan);
  if (report) report->doorbell_exits = exits;
  return report;
}

}  // namespace bellwire::in_process
