// SPDX-License-Identifier: BSD-3-Clause
//
// InProcess: a device and its driver in one process, on a machine that need not be real. The
// doorbells are ioeventfds and the interrupts irqfds of that machine, the memory a memfd. Its
// guest sends requests through the first queue; a test may play the guest itself instead.
//
// The device's end is one thread's, the guest's another's.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "vdev/core/transport.hpp"
#include "vdev/machine/model/card.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/runner/register_port.hpp"

namespace bellwire::in_process {

struct Options {
  unsigned queues = 1;             ///< with a doorbell and an interrupt each
  std::uint64_t memory = 1 << 20;  ///< bytes; formatted already
  machine::MachineFactory machine = machine::SoftMachine::create;
};

class InProcess final : public Transport, private Guest {
 public:
  /// Where registers are, in the guest's physical memory.
  static constexpr std::uint64_t register_window = 0xd010'0000;

  /// `context` runs the device. EINVAL: the memory is too small for the queues.
  [[nodiscard]] static Result<std::unique_ptr<InProcess>> create(boost::asio::io_context& context,
                                                                 const Options& options);

  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  [[nodiscard]] Guest* guest() noexcept override { return this; }

  // The guest's end.
  [[nodiscard]] machine::Card& card() noexcept { return *card_; }
  [[nodiscard]] const MemoryView& memory() const noexcept { return memory_; }
  std::uint64_t read_register(std::uint64_t offset, unsigned size);
  void write_register(std::uint64_t offset, unsigned size, std::uint64_t value);

 private:
  InProcess(boost::asio::io_context& context, std::unique_ptr<machine::Machine> machine,
            MemoryView memory)
      : context_(context), machine_(std::move(machine)), memory_(std::move(memory)) {}
  Result<void> wire(unsigned queues);
  Result<GuestReport> run(const GuestPlan& plan) override;
  void stop() noexcept override { stopped_ = true; }

  boost::asio::io_context& context_;
  std::unique_ptr<machine::Machine> machine_;
  MemoryView memory_;
  std::vector<os::EventFd> doorbells_;  // the device's duplicates come from these
  std::vector<os::EventFd> interrupts_;
  std::optional<machine::Card> card_;
  std::optional<RegisterPort> registers_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace bellwire::in_process
