// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the text of a FaultPlan. What is read is written back and read again, and the
// same comes of it; what is refused is refused with a place in the text.

#include "vdev/faults/tally.hpp"
#include "vdev/fuzz/check.hpp"

using namespace bellwire;

namespace {

using fuzz::require;

void check_rules(const FaultPlan& plan) {
  for (const auto& rule : plan.rules) {
    require(rule.number >= 1 && rule.of >= 1);
    require(rule.least <= rule.most && rule.most <= FaultPlan::longest);
    const auto time = rule.time(~std::uint64_t{0});
    require(time >= rule.least && time <= rule.most);
  }
}

void use(const FaultPlan& plan) {
  FaultTally tally(plan);
  for (unsigned ring = 0; ring < 8; ++ring)
    if (const auto fault = tally.arrived(static_cast<FaultWire>(ring % 2), ring / 2))
      require(fault->rule < plan.rules.size());
  require(plan.empty() || tally.check().has_error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string words(data, data + size);
  const auto plan = FaultPlan::parse(words);
  if (!plan) {
    require(plan.error().code == std::errc::invalid_argument && !plan.error().message.empty());
    return 0;
  }
  check_rules(*plan);
  use(*plan);
  require(FaultPlan::parse(describe(*plan)).value() == *plan);
  return 0;
}
