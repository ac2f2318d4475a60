// SPDX-License-Identifier: BSD-3-Clause
//
// KvmTransport: a small virtual machine of our own. The doorbell is a KVM_IOEVENTFD, the interrupt
// a KVM_IRQFD, the memory a KVM slot on a memfd; register accesses exit to user space. In it runs
// the ring guest (ring_guest.S), a driver of one queue.
//
// The device's end belongs to the context's thread; run() is called on another one.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "vdev/core/transport.hpp"
#include "vdev/machine/kvm/eventfds.hpp"
#include "vdev/machine/kvm/program.hpp"
#include "vdev/ring/driver_watch.hpp"
#include "vdev/runner/register_port.hpp"

extern "C" const std::byte bellwire_ring_guest[];  // GUEST_SIZE bytes

namespace bellwire::kvm {

class Exits;

struct KvmOptions {
  const std::byte* program = bellwire_ring_guest;  ///< tests use others, which misbehave
};

class KvmTransport final : public Transport, private Guest {
 public:
  /// `context` runs the device. Without KVM, the error says why and what to do about it.
  [[nodiscard]] static Result<std::unique_ptr<KvmTransport>> create(
      boost::asio::io_context& context, const KvmOptions& options = {});

  [[nodiscard]] Result<Attachment> attach(RegisterBlock* registers) override;
  [[nodiscard]] Guest* guest() noexcept override { return this; }

 private:
  KvmTransport(boost::asio::io_context& context, Vm vm, MemoryView memory, os::EventFd doorbell,
               os::EventFd interrupt) noexcept
      : context_(context),
        vm_(std::move(vm)),
        memory_(std::move(memory)),
        doorbell_(std::move(doorbell)),
        interrupt_(std::move(interrupt)) {}

  Result<void> build(const std::byte* program);
  // EIO: the guest misbehaved. EPROTO: it found that the device broke the ring.
  Result<GuestReport> run(const GuestPlan& plan) override;
  void stop() noexcept override { stopped_ = true; }
  // Runs it until it is done or given up, and records in the report what hung.
  Result<void> run_until_done(Exits& exits, const ring::Layout& layout, GuestReport& report);

  boost::asio::io_context& context_;
  Vm vm_;
  MemoryView memory_;
  os::EventFd doorbell_;
  os::EventFd interrupt_;
  // In the order of their creation.
  std::optional<MemorySlot> slot_;
  std::optional<Ioeventfd> doorbell_wire_;
  std::optional<Irqfd> interrupt_wire_;
  std::optional<Program> program_;
  std::optional<RegisterPort> registers_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace bellwire::kvm
