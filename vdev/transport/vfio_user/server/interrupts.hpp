// SPDX-License-Identifier: BSD-3-Clause
//
// A client's interrupts: IrqTable carries out its commands, EventWatch waits for the eventfd with
// which it unmasks INTx. On the thread that runs the context.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "vdev/os/event_fd.hpp"
#include "vdev/pci/interrupts.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

/// Calls back when somebody rings an eventfd, until it is dropped: once each time that the kernel
/// reports a ring, whatever is left in the eventfd.
class EventWatch {
 public:
  /// EMFILE, ENOSPC, ENOMEM.
  [[nodiscard]] static Result<EventWatch> create(boost::asio::io_context& context,
                                                 const os::EventFd& event,
                                                 std::function<void()> on_ring);
  EventWatch(EventWatch&&) noexcept;
  EventWatch& operator=(EventWatch&&) = delete;
  ~EventWatch();

 private:
  struct Impl;
  explicit EventWatch(std::shared_ptr<Impl> state) noexcept;
  std::shared_ptr<Impl> state_;
};

/// Unmasks INTx whenever the eventfd is rung, in place of an earlier one; empty: no longer.
using UnmaskBy = std::function<Result<void>(std::optional<os::EventFd>)>;

/// GET_IRQ_INFO and SET_IRQS on a function's Interrupts. vfio has five indexes. Two of them, for
/// errors and for requests to release the device, have one interrupt each that no device here ever
/// raises: clients ask for them, and QEMU warns if they are missing.
///
/// Source: the specification's VFIO_USER_DEVICE_SET_IRQS; docs/semantics.md, 51. One detail follows
/// <linux/vfio.h>, as QEMU does with KVM: an eventfd for unmasking INTx is one that the client
/// rings to have it unmasked.
class IrqTable {
 public:
  /// Without `unmask_by`, INTx can't be unmasked by an eventfd.
  explicit IrqTable(pci::Interrupts& interrupts, UnmaskBy unmask_by = {}) noexcept
      : interrupts_(interrupts), unmask_by_(std::move(unmask_by)) {}

  /// EINVAL: there is no such index.
  [[nodiscard]] Result<vfio_irq_info> info(std::uint32_t index) const;

  /// Carries it out, or does nothing. `data` follows the structure in the message. EINVAL; ENOTSUP:
  /// an eventfd that masks, or that unmasks anything but INTx.
  [[nodiscard]] Result<void> set(const IrqSet& request, std::span<const std::byte> data,
                                 std::vector<os::UniqueFd> fds);

  /// Drops the client's eventfds.
  void disconnect() noexcept;

 private:
  [[nodiscard]] unsigned count(std::uint32_t index) const noexcept;
  [[nodiscard]] std::uint32_t flags(std::uint32_t index) const noexcept;
  [[nodiscard]] Result<void> check(const IrqSet& request, std::span<const std::byte> data,
                                   std::size_t fds) const;
  [[nodiscard]] Result<void> connect(const IrqSet& request, std::vector<os::UniqueFd> fds);
  [[nodiscard]] Result<void> bind_unmask(const IrqSet& request, std::vector<os::UniqueFd> fds);
  void disconnect(std::uint32_t index) noexcept;
  void act(const IrqSet& request, unsigned vector) noexcept;

  pci::Interrupts& interrupts_;
  UnmaskBy unmask_by_;
  std::array<std::optional<os::EventFd>, 2> notices_;  // of errors, and to let go
};

}  // namespace bellwire::vfio_user
