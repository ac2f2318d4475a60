// SPDX-License-Identifier: BSD-3-Clause
//
// bell ring: every combination of the chosen parameters is a run of Traffic; or, with --steps and
// --step, single rings.
#include "guest-kmod/bell/commands.hpp"

#include "guest-kmod/bell/report/run_report.hpp"
#include "guest-kmod/bell/ring/steps.hpp"

namespace bell {
namespace {

std::vector<TrafficOptions> combinations(const RingOptions& options) {
  std::vector<TrafficOptions> runs;
  TrafficOptions one = options.traffic;
  const auto& [hop, number] = options.drop;
  if (number > 0) one.loss = {chosen<LostHop>({hop}).front(), number};
  for (const auto& device : chosen_devices(options.devices))
    for (const auto depth : options.depths)
      for (const auto worker : chosen<bellwire_worker>(options.workers))
        for (const auto kick : chosen<Kick>(options.kicks))
          for (const auto wait : chosen<Wait>(options.waits))
            for (const auto poll : chosen<bellwire::Polling>(options.polls)) {
              one.claim = {device, worker, kick, wait, poll, options.recover};
              one.depth = depth;
              runs.push_back(one);
            }
  return runs;
}

}  // namespace

Result<bool> run_ring(const RingOptions& options) {
  const auto runs = combinations(options);
  if (!options.slow.by.empty()) {
    const auto rung = ring_slowly(runs.front().claim, options.slow);
    return rung ? Result<bool>(true) : rung.error();
  }
  if (options.steps > 0) {
    const auto shown = print_steps(runs.front().claim, options.steps);
    return shown ? Result<bool>(true) : shown.error();
  }
  const auto report = options.ktap ? make_ktap_report(runs.size()) : make_table_report(runs);
  for (const auto& one : runs) report->add(one, run_traffic(one));
  return report->good();
}

}  // namespace bell
