// SPDX-License-Identifier: BSD-3-Clause
//
// CompletionFaults: a plan's rules about completions. On the device's thread.
#pragma once

#include <memory>

#include "vdev/core/completion_filter.hpp"
#include "vdev/faults/tally.hpp"

namespace bellwire {

class CompletionFaults final : public CompletionFilter {
 public:
  explicit CompletionFaults(std::shared_ptr<FaultTally> tally) noexcept
      : tally_(std::move(tally)) {}

  CompletionFate fate_of(unsigned queue, std::uint32_t request) noexcept override;

 private:
  const std::shared_ptr<FaultTally> tally_;
};

}  // namespace bellwire
