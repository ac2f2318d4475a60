// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/ring.hpp"

#include "guest-kmod/bell/report.hpp"
#include "guest-kmod/bell/steps.hpp"

namespace bell {
namespace {

std::vector<TrafficOptions> combinations(const RingOptions& options) {
  std::vector<TrafficOptions> runs;
  TrafficOptions one = options.traffic;
  const auto& [hop, number] = options.drop;
  if (number > 0) one.loss = {chosen<Hop>({hop}).front(), number};
  for (const auto device : chosen<Load>(options.devices))
    for (const auto depth : options.depths)
      for (const auto worker : chosen<bellwire_worker>(options.workers))
        for (const auto kick : chosen<Kick>(options.kicks))
          for (const auto wait : chosen<Wait>(options.waits))
            for (const auto poll : chosen<bellwire::Polling>(options.polls)) {
              one.session = {device, worker, kick, wait, poll};
              one.depth = depth;
              runs.push_back(one);
            }
  return runs;
}

}  // namespace

Result<bool> run_ring(const RingOptions& options) {
  const auto runs = combinations(options);
  if (options.steps > 0) {
    const auto told = tell_steps(runs.front().session, options.steps);
    return told ? Result<bool>(true) : told.error();
  }
  const auto report = options.ktap ? make_ktap() : make_table();
  report->plan(runs.size());
  for (const auto& one : runs) report->run(one, run_traffic(one));
  return report->good();
}

}  // namespace bell
