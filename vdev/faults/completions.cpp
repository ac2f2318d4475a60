// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/completions.hpp"

#include "vdev/log/log.hpp"

namespace bellwire {
namespace {

using Kind = CompletionFate::Kind;

Kind kind_of(FaultAction action) noexcept {
  switch (action) {
    case FaultAction::drop:
      return Kind::never;
    case FaultAction::double_:
      return Kind::twice;
    case FaultAction::misroute:
      return Kind::wrong;
    case FaultAction::corrupt:
      return Kind::corrupted;
    case FaultAction::scramble:
      return Kind::scrambled;
    default:
      return Kind::as_it_is;  // stalled, that is: late
  }
}

}  // namespace

CompletionFate CompletionFaults::fate_of(unsigned queue, std::uint32_t request) noexcept {
  const auto fault = tally_->arrived(FaultWire::completion, queue);
  if (!fault) return {};
  const auto action = tally_->rule(fault->rule).action;
  const CompletionFate fate{.kind = kind_of(action), .random = fault->random};
  tally_->injected(*fault, queue, FaultVictim{request});
  log::warning("fault: {} completion {} on wire {}, request {}{}", name_of_action(action),
               fault->number, queue, request,
               fate.kind == Kind::scrambled
                   ? text(": {}", CompletionFate::words[fate.random % CompletionFate::words.size()])
                   : "");
  if (action == FaultAction::stall) tally_->stall(fault->time);
  if (action == FaultAction::crash) crash_process(*tally_);
  return fate;
}

}  // namespace bellwire
