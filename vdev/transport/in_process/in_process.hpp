// SPDX-License-Identifier: BSD-3-Clause
//
// InProcess: a device and its driver in one process, on a machine that is usually a model. The
// doorbells are ioeventfds and the interrupts irqfds of that machine, the memory is a memfd. The
// guest that it includes sends requests through the first queue; a test may play the guest itself
// instead.
//
// One thread uses the device's end, another one the guest's.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "vdev/core/transport.hpp"
#include "vdev/machine/model/endpoint.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/runner/register_port.hpp"
#include "vdev/transport/in_process/request_sender.hpp"

namespace bellwire::in_process {

struct Options {
  unsigned queues = 1;             ///< each with a doorbell and an interrupt
  std::uint64_t memory = 1 << 20;  ///< bytes, already formatted
  machine::MachineFactory machine = machine::SoftMachine::create;
};

class InProcess final : public Transport, private Guest {
 public:
  /// The guest-physical address of the registers.
  static constexpr std::uint64_t register_window = 0xd010'0000;

  /// `context` runs the device. EINVAL: the memory is too small for the queues.
  [[nodiscard]] static Result<std::unique_ptr<InProcess>> create(boost::asio::io_context& context,
                                                                 const Options& options);

  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  [[nodiscard]] Guest* guest() noexcept override { return this; }

  // The guest's end.
  [[nodiscard]] machine::Endpoint& endpoint() noexcept { return *card_; }
  [[nodiscard]] const MemoryView& memory() const noexcept { return memory_; }
  std::uint64_t read_register(std::uint64_t offset, unsigned size);
  void write_register(std::uint64_t offset, unsigned size, std::uint64_t value);

 private:
  InProcess(boost::asio::io_context& context, std::unique_ptr<machine::Machine> machine,
            MemoryView memory)
      : context_(context), machine_(std::move(machine)), memory_(std::move(memory)) {}
  Result<void> wire(unsigned queues);
  Result<GuestReport> run(const GuestPlan& plan) override;
  RequestSender::Wait wait(std::chrono::nanoseconds time);
  [[nodiscard]] bool may_take(std::chrono::milliseconds most);
  void stop() noexcept override { stopped_ = true; }

  boost::asio::io_context& context_;
  std::unique_ptr<machine::Machine> machine_;
  MemoryView memory_;
  std::vector<os::EventFd> doorbells_;  // the device's duplicates come from these
  std::vector<os::EventFd> interrupts_;
  std::optional<machine::Endpoint> card_;
  std::optional<RegisterPort> registers_;
  std::atomic<bool> stopped_ = false;
  std::shared_ptr<StepGate> steps_;
};

}  // namespace bellwire::in_process
