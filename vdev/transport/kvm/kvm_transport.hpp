// SPDX-License-Identifier: BSD-3-Clause
//
// KvmTransport: a virtual machine of our own around a device. Its doorbell is a KVM_IOEVENTFD, its
// interrupt a KVM_IRQFD, its memory a slot on a memfd; register accesses are exits to us. In it
// runs the ring guest (ring_guest.S), a driver of one queue.
//
// The device's end is the context's thread's; run() is another's.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "vdev/core/transport.hpp"
#include "vdev/machine/kvm/program.hpp"
#include "vdev/machine/kvm/wires.hpp"
#include "vdev/ring/standstill.hpp"
#include "vdev/runner/register_port.hpp"

extern "C" const std::byte bellwire_ring_guest[];  // GUEST_SIZE bytes

namespace bellwire::kvm {

class Exits;

struct KvmOptions {
  const std::byte* program = bellwire_ring_guest;  ///< tests have others, that go astray
};

class KvmTransport final : public Transport, private Guest {
 public:
  /// `context` runs the device. Without KVM: why, and what mends it.
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
  // EIO: the guest did what it shouldn't. EPROTO: it found that the device broke the ring.
  Result<GuestReport> run(const GuestPlan& plan) override;
  void stop() noexcept override { stopped_ = true; }
  // Or until it is given up. Notes in the report what hung.
  Result<void> run_until_done(Exits& exits, const ring::Layout& layout, GuestReport& report);

  boost::asio::io_context& context_;
  Vm vm_;
  MemoryView memory_;
  os::EventFd doorbell_;
  os::EventFd interrupt_;
  // In the order in which they are made.
  std::optional<Memory> slot_;
  std::optional<DoorbellWire> doorbell_wire_;
  std::optional<InterruptWire> interrupt_wire_;
  std::optional<Program> program_;
  std::optional<RegisterPort> registers_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace bellwire::kvm
