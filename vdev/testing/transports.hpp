// SPDX-License-Identifier: BSD-3-Clause
//
// Every transport, with both its ends in this process, for the contracts and for tests of what must
// hold on all of them.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "vdev/core/attachment.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/machine/model/endpoint.hpp"

namespace bellwire::testing {

/// A transport with both its ends in this process. A device is attached to it by the transport's
/// own means; the test plays the guest, on a machine.
class TransportFixture {
 public:
  virtual ~TransportFixture() = default;

  /// The device's end; again for each incarnation of the device.
  [[nodiscard]] virtual Result<Attachment> attach() = 0;
  /// The device has gone, until it attaches again.
  virtual void detach() {}
  /// The guest's end.
  [[nodiscard]] virtual machine::Endpoint& endpoint() = 0;
  [[nodiscard]] virtual MemoryView memory() = 0;

  Polling polling = Polling::off;  ///< how to run its devices
};

struct TestedTransport {
  std::string_view name;
  /// The error says why this machine can't run the transport.
  Result<std::unique_ptr<TransportFixture>> (*create)(unsigned queues);
};

/// Every transport that this layer knows. To add one, add a line to transports.cpp.
[[nodiscard]] std::span<const TestedTransport> transports() noexcept;

/// The in-process transport on a machine of the caller's choice.
[[nodiscard]] Result<std::unique_ptr<TransportFixture>> make_in_process_fixture(
    unsigned queues, machine::MachineFactory machine);

}  // namespace bellwire::testing
