// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/driver.hpp"

#include <algorithm>
#include <stdexcept>

namespace bellwire::testing {
namespace {

std::vector<Interrupt> lines_to(const std::vector<os::EventFd>& events) {
  std::vector<Interrupt> lines;
  for (const auto& event : events)
    lines.push_back(InterruptLine(event.duplicate().value()).interrupt());
  return lines;
}

}  // namespace

GuestEnd guest_end(Attachment attachment) {
  return {std::move(attachment.interrupts), std::move(attachment.doorbells),
          std::move(attachment.memory)};
}

Wires Wires::create(unsigned queues, std::uint64_t memory) {
  const auto fd = os::create_memfd("bellwire-test", memory).value();
  MemoryView view(os::Mapping::create(fd.get(), memory).value());
  return {std::move(view), os::create_events(queues).value(), os::create_events(queues).value()};
}

Attachment Wires::device_end() const {
  return {os::duplicate(doorbells_).value(), lines_to(interrupts_), memory_};
}

GuestEnd Wires::guest_end() const {
  return {lines_to(doorbells_), os::duplicate(interrupts_).value(), memory_};
}

RunningDevice::RunningDevice(Device& device, Attachment attachment, Polling polling,
                             std::shared_ptr<FaultTally> faults)
    : faults_(Faults::start(context_, attachment, std::move(faults)).value()),
      runner_(Runner::start(context_, device, std::move(attachment), polling).value()),
      thread_([this] { context_.run(); }) {}

RunningDevice::~RunningDevice() {
  context_.stop();
  thread_.join();
  runner_.reset();
  faults_.reset();
}

namespace {
ring::Queue queue_of(const DriverEnd& end, unsigned index) {
  return ring::Layout::open(end.memory).value().queue(index);
}
}  // namespace

DriverEnd driver_end(GuestEnd end) {
  const auto shared = std::make_shared<GuestEnd>(std::move(end));
  return {.ring = [shared](unsigned index) { shared->doorbells[index].raise(); },
          .take =
              [shared](unsigned index, std::chrono::milliseconds time) {
                const auto& interrupt = shared->interrupts[index];
                return interrupt.wait(time) && interrupt.drain().has_value();
              },
          .memory = shared->memory};
}

DriverEnd driver_end(machine::Endpoint& card, MemoryView memory) {
  return {.ring = [&card](unsigned index) { card.ring(index); },
          .take = [&card](unsigned index,
                          std::chrono::milliseconds time) { return card.take(index, time); },
          .memory = std::move(memory)};
}

DriverEnd driver_end(in_process::InProcess& transport) {
  return driver_end(transport.endpoint(), transport.memory());
}

Driver::Driver(DriverEnd end, unsigned queue, Looks looks)
    : end_(std::move(end)),
      index_(queue),
      raw_(queue_of(end_, queue)),
      module_(raw_),
      queue_(raw_, module_.generation()),
      look_(ring::Layout::open(end_.memory).value(), raw_, module_.generation()),
      looks_(looks) {
  ring();
}

void Driver::ring() {
  module_.note_ring();
  look_.rung();
  end_.ring(index_);
}

bool Driver::wait_for_interrupt() {
  const bool came = end_.take(index_, patience);
  if (came) module_.note_interrupt();
  return came;
}

bool Driver::sleep() {
  if (looks_ == Looks::never) return wait_for_interrupt();
  const auto began = std::chrono::steady_clock::now();
  for (auto slept = std::chrono::nanoseconds(0); slept < patience;) {
    const bool came = end_.take(index_, std::chrono::ceil<std::chrono::milliseconds>(look_.time()));
    slept = std::chrono::steady_clock::now() - began;
    if (came) {
      look_.interrupted(slept);
      module_.note_interrupt();
      return true;
    }
    const auto missing = look_.look(&module_);
    if (missing == ring::DriverLook::Missing::interrupt) return true;
    if (missing == ring::DriverLook::Missing::doorbell) ring();
  }
  return false;
}

void Driver::wait_until_served() {
  while (!queue_.ready())
    if (!sleep()) throw std::runtime_error("the device never served the queue");
}

void Driver::publish() {
  if (queue_.publish()) ring();
}

bellwire_completion Driver::wait_for_completion() {
  for (;;) {
    if (const auto completion = queue_.take()) return *completion;
    if (queue_.device_broken()) throw std::runtime_error("the device broke the ring");
    if (!queue_.may_sleep()) continue;
    if (!sleep()) throw std::runtime_error("no completion came");
    queue_.awake();
  }
}

bellwire_completion Driver::call(const bellwire_request& request) {
  wait_until_served();
  if (!queue_.submit(request)) throw std::runtime_error("the ring is full");
  publish();
  return wait_for_completion();
}

Driver::Answer Driver::call(std::span<const std::byte> input, std::uint32_t operation) {
  wait_until_served();
  const auto room = static_cast<std::uint32_t>(input.size());
  std::ranges::copy(input, queue_.payload().begin());
  bellwire_request request{};
  request.operation = operation;
  request.input_length = room;
  request.output_offset = room;
  request.output_length = room;
  const auto completion = call(request);
  const auto output = queue_.payload().subspan(room, std::min(room, completion.length));
  return {completion, {output.begin(), output.end()}};
}

std::vector<std::byte> bytes(std::string_view text) {
  const auto raw = std::as_bytes(std::span(text));
  return {raw.begin(), raw.end()};
}

}  // namespace bellwire::testing
