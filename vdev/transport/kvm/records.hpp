// SPDX-License-Identifier: BSD-3-Clause
//
// Records: the ring guest's memory of its requests, one after another. We write the inputs before
// it runs, it writes the rest; afterwards they become a report.
#pragma once

#include "vdev/core/guest.hpp"
#include "vdev/machine/kvm/vm.hpp"

namespace bellwire::kvm {

constexpr std::uint32_t most_requests = 1'000'000;

class Records {
 public:
  /// Gives the guest memory for `requests` of them, in slot `slot`, with random inputs. EINVAL.
  [[nodiscard]] static Result<Records> create(Vm& vm, std::uint32_t slot, std::uint32_t requests);

  [[nodiscard]] std::vector<Exchange> exchanges(double ns_per_tick) const;

 private:
  struct Record;
  Records(Memory memory, std::uint32_t requests) noexcept
      : memory_(std::move(memory)), requests_(requests) {}
  [[nodiscard]] std::span<Record> all() const noexcept;
  Memory memory_;
  std::uint32_t requests_;
};

}  // namespace bellwire::kvm
