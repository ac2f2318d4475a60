// SPDX-License-Identifier: BSD-3-Clause
//
// Stand: a transport with both its ends in this process, for the conformance suite. A device is
// attached to it by the transport's own means; the guest is a test's, on a machine's bus.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "vdev/core/attachment.hpp"
#include "vdev/core/poll_time.hpp"
#include "vdev/machine/model/card.hpp"

namespace bellwire::testing {

class Stand {
 public:
  virtual ~Stand() = default;

  /// The device's end; again for each of its lives.
  [[nodiscard]] virtual Result<Attachment> attach() = 0;
  /// The device went: until it attaches again there is none.
  virtual void detach() {}
  /// The guest's end.
  [[nodiscard]] virtual machine::Card& card() = 0;
  [[nodiscard]] virtual MemoryView memory() = 0;

  Polling polling = Polling::off;  ///< how its devices are run
};

struct StandEntry {
  std::string_view name;
  /// An error: this machine can't, and why.
  Result<std::unique_ptr<Stand>> (*create)(unsigned queues);
};

/// Every transport that this layer knows. A new one joins by its line in stands.cpp.
[[nodiscard]] std::span<const StandEntry> stands() noexcept;

/// A stand of the in-process transport on a machine of one's own choice.
[[nodiscard]] Result<std::unique_ptr<Stand>> make_in_process_stand(unsigned queues,
                                                                   machine::MachineFactory machine);

}  // namespace bellwire::testing
