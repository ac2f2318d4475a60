// SPDX-License-Identifier: BSD-3-Clause
//
// Commands: what a client may request of a function: a table of what each command must look like
// and which function carries it out. It does no input or output, so tests and a fuzzer can call it
// directly. On the device's thread.
#pragma once

#include "vdev/pci/function.hpp"
#include "vdev/transport/vfio_user/server/dma.hpp"
#include "vdev/transport/vfio_user/server/interrupts.hpp"
#include "vdev/transport/vfio_user/server/negotiation.hpp"
#include "vdev/transport/vfio_user/server/regions.hpp"

namespace bellwire::vfio_user {

struct Reply {
  Bytes payload;
  std::vector<int> fds;  ///< the function's
};

/// One client's commands. The function must outlive them. Dropping them removes the client's memory
/// and interrupts from the function.
class Commands {
 public:
  explicit Commands(pci::Function& function, UnmaskBy unmask_by = {}) noexcept;
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;
  ~Commands();

  /// EINVAL: the request is malformed, or not allowed at this point; ENOTSUP: it is not supported.
  /// After an error, nothing has been done.
  [[nodiscard]] Result<Reply> handle(Message request);

  /// The client's limits; empty until it has sent its version.
  [[nodiscard]] const std::optional<Capabilities>& client() const noexcept { return client_; }

 private:
  struct Rule;
  static const Rule rules[];

  /// How many descriptors a reply to this client may carry.
  [[nodiscard]] std::size_t most_fds() const noexcept;

  Result<Reply> version(Message& request);
  Result<Reply> dma_map(Message& request);
  Result<Reply> dma_unmap(Message& request);
  Result<Reply> get_info(Message& request);
  Result<Reply> get_region_info(Message& request);
  Result<Reply> get_region_io_fds(Message& request);
  Result<Reply> get_irq_info(Message& request);
  Result<Reply> set_irqs(Message& request);
  Result<Reply> region_read(Message& request);
  Result<Reply> region_write(Message& request);
  Result<Reply> write_multi(Message& request);
  Result<Reply> reset(Message& request);
  Result<Reply> not_here(Message& request);

  pci::Function& function_;
  DmaTable dma_;
  Regions regions_;
  IrqTable irqs_;
  std::optional<Capabilities> client_;
};

}  // namespace bellwire::vfio_user
