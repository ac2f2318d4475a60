// SPDX-License-Identifier: BSD-3-Clause
//
// The figures of a trace as JSON, in the shape that figures.hpp describes.
#include <algorithm>
#include <boost/json.hpp>

#include "host/trace/view/figures.hpp"
#include "host/trace/view/marks.hpp"

namespace bellwire::view {
namespace {

namespace json = boost::json;

json::value maybe(const std::optional<std::string>& words) {
  return words ? json::value(*words) : json::value();
}

json::object ends(const Hop& hop) {
  return {{"from", stages[hop.from].name}, {"to", stages[hop.to].name}};
}

void add_times(json::object& object, const Summary& ns) {
  object["count"] = ns.count;
  object["p50_ns"] = ns.p50;
  object["p90_ns"] = ns.p90;
  object["p99_ns"] = ns.p99;
  object["max_ns"] = ns.max;
}

json::object to_json(const HopFigures& figures) {
  auto object = ends(figures.hop);
  add_times(object, figures.ns);
  object["share"] = figures.share;
  object["backwards"] = figures.backwards;
  object["crosses"] = crosses(figures.hop);
  object["uncertain"] = figures.uncertain;
  return object;
}

json::object to_json(const Summary& counts) {
  return {{"count", counts.count}, {"p50", counts.p50}, {"p99", counts.p99}, {"max", counts.max}};
}

json::object to_json(const WholeRequest& timed, const TracedRequest& request, const Hop& whole,
                     const MarksByRequest& all_marks) {
  json::array hops;
  each_hop(request, whole, [&hops](const Hop& hop, double ns) {
    auto object = ends(hop);
    object["ns"] = ns;
    hops.push_back(std::move(object));
  });
  json::array marks;
  const auto [first, end] = all_marks.equal_range(timed.request);
  for (auto each = first; each != end; ++each)
    marks.push_back({{"words", each->second.words}, {"ns", each->second.at - timed.began}});
  return {{"queue", request.queue}, {"index", request.index},  {"at_ns", timed.began},
          {"ns", timed.ns},         {"hops", std::move(hops)}, {"marks", std::move(marks)}};
}

json::object to_json(const MachineFacts& machine) {
  return {{"accelerator", maybe(machine.accelerator)},
          {"cpu", machine.cpu},
          {"kernel", machine.kernel},
          {"qemu", maybe(machine.qemu)},
          {"guest_kernel", maybe(machine.guest_kernel)}};
}

json::object to_json(const ClockInfo& clock) {
  return {{"uncertainty_ns", clock.uncertainty_ns}, {"contradictions", clock.contradictions}};
}

}  // namespace

json::object to_json(const Trace& trace, const Figures& figures, std::size_t slowest) {
  auto total = ends(figures.whole);
  add_times(total, figures.total);
  json::array hops, slow;
  const auto marks = slowest > 0 ? by_request(marks_of(trace)) : MarksByRequest();
  for (const auto& hop : figures.hops) hops.push_back(to_json(hop));
  for (std::size_t rank = 0; rank < std::min(slowest, figures.requests.size()); ++rank) {
    const auto& timed = figures.requests[rank];
    slow.push_back(to_json(timed, trace.requests[timed.request], figures.whole, marks));
  }
  json::array left_out;
  for (const auto& [queue, requests, records] : trace.left_out)
    left_out.push_back({{"queue", queue}, {"requests", requests}, {"records", records}});
  json::object lost;
  for (std::size_t side = 0; side < sides.size(); ++side)
    lost[name_of(sides[side])] = trace.lost[side];
  return {{"version", 1},
          {"device", trace.device},
          {"transport", trace.transport},
          {"began", trace.began},
          {"machine", to_json(trace.machine)},
          {"clock", to_json(trace.clock)},
          {"span_ns", figures.span_ns},
          {"total", std::move(total)},
          {"hops", std::move(hops)},
          {"slowest", std::move(slow)},
          {"depth", to_json(figures.depth)},
          {"doorbells", to_json(figures.doorbells)},
          {"interrupts", to_json(figures.interrupts)},
          {"faults", counts_in_json(trace, false)},
          {"recovered", counts_in_json(trace, true)},
          {"lost", std::move(lost)},
          {"left_out", std::move(left_out)},
          {"incomplete", figures.incomplete}};
}

}  // namespace bellwire::view
