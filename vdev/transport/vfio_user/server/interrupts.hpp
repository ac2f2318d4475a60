// SPDX-License-Identifier: BSD-3-Clause
//
// IrqTable: what GET_IRQ_INFO answers and SET_IRQS does, on a function's Interrupts. vfio has five
// indexes. Two of them, for errors and for requests to let go of the device, have one interrupt
// each that no device here ever raises: clients ask for them, and QEMU warns where they are
// missing.
//
// Source: the specification's VFIO_USER_DEVICE_SET_IRQS; docs/semantics.md, 51. One thing is by
// <linux/vfio.h>, which QEMU follows with KVM: an eventfd given for unmasking INTx is one that the
// client rings to have it unmasked.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>

#include "vdev/pci/interrupts.hpp"
#include "vdev/transport/vfio_user/protocol/framing.hpp"

namespace bellwire::vfio_user {

/// Has INTx unmasked when the eventfd is rung, in place of the one before; none: no more.
using UnmaskBy = std::function<Result<void>(std::optional<os::EventFd>)>;

class IrqTable {
 public:
  /// Without `unmask_by`, INTx can't be unmasked by an eventfd.
  explicit IrqTable(pci::Interrupts& interrupts, UnmaskBy unmask_by = {}) noexcept
      : interrupts_(interrupts), unmask_by_(std::move(unmask_by)) {}

  /// EINVAL: there is no such index.
  [[nodiscard]] Result<vfio_irq_info> info(std::uint32_t index) const;

  /// Does it, or nothing. `data` is what follows the structure. EINVAL; ENOTSUP: an eventfd that
  /// masks, or unmasks anything but INTx.
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
