// SPDX-License-Identifier: BSD-3-Clause
#include "host/simulate/report.hpp"

#include <boost/json.hpp>

#include "host/output/json_text.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::host {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string counts_text(const simulate::Counts& counts) {
  return text(
      "{} requests, each answered once, in {} generations; {} more were ended by resets\n"
      "{} starts of devices; {} resets of guests, {} of them killed; {} freezes\n"
      "interrupts: {} times masked, {} times given another eventfd\n"
      "recovered: {} doorbells, {} interrupts that had not come\n",
      grouped(counts.answered), grouped(counts.generations), grouped(counts.abandoned),
      grouped(counts.starts), grouped(counts.resets + counts.killed_guests),
      grouped(counts.killed_guests), grouped(counts.freezes), grouped(counts.masks),
      grouped(counts.swaps), grouped(counts.recovered_doorbells),
      grouped(counts.recovered_interrupts));
}

std::string switchboard_text(const simulate::BoardCounts& counts) {
  return text(
      "switchboard: {} starts, {} freezes; devices and guests joined {} times, and were refused {} "
      "times;\n{} connections of strangers\n",
      grouped(counts.starts), grouped(counts.freezes), grouped(counts.joined),
      grouped(counts.refused), grouped(counts.strangers));
}

std::string failure_text(const Simulated& simulated) {
  std::string lines = "\n";
  for (const auto& note : simulated.outcome.notes) lines += note + "\n";
  return lines + text("\nseed {}: {}\nAgain: {}\n", simulated.choice.seed,
                      simulated.outcome.failure, simulated.again);
}

boost::json::object counts_json(const simulate::Counts& counts) {
  return {{"answered", counts.answered},
          {"generations", counts.generations},
          {"abandoned", counts.abandoned},
          {"doorbells", counts.doorbells},
          {"interrupts", counts.interrupts},
          {"recovered_doorbells", counts.recovered_doorbells},
          {"recovered_interrupts", counts.recovered_interrupts},
          {"starts", counts.starts},
          {"resets", counts.resets},
          {"killed_guests", counts.killed_guests},
          {"freezes", counts.freezes},
          {"masks", counts.masks},
          {"swaps", counts.swaps}};
}

boost::json::value switchboard_json(const std::optional<simulate::BoardCounts>& counts) {
  if (!counts) return nullptr;
  return boost::json::object{{"starts", counts->starts},
                             {"freezes", counts->freezes},
                             {"joined", counts->joined},
                             {"refused", counts->refused},
                             {"strangers", counts->strangers}};
}

}  // namespace

std::string as_text(const Simulated& simulated) {
  const auto& outcome = simulated.outcome;
  std::string lines = text("seed {}\n", simulated.choice.seed);
  for (std::size_t number = 0; number < outcome.pairs.size(); ++number) {
    const auto& pair = outcome.pairs[number];
    lines += text("device {}: {}\n", number, simulate::describe(pair.setup));
    if (!pair.faults.empty()) lines += text("  faults: {}\n", pair.faults);
  }
  lines += counts_text(outcome.counts);
  if (outcome.switchboard) lines += switchboard_text(*outcome.switchboard);
  const auto time = seconds(outcome.time);
  lines += text("digest {:016x}\n", outcome.digest);
  lines += text("{:.3f} s of the simulation's clock took {:.2f} s: {} requests per second\n", time,
                simulated.took.count(),
                grouped(static_cast<std::uint64_t>(static_cast<double>(outcome.counts.answered) /
                                                   simulated.took.count())));
  return outcome.failure.empty() ? lines : lines + failure_text(simulated);
}

std::string as_json(const Simulated& simulated) {
  const auto& outcome = simulated.outcome;
  boost::json::array pairs;
  for (const auto& pair : outcome.pairs)
    pairs.push_back({{"setup", simulate::describe(pair.setup)},
                     {"counts", counts_json(pair.counts)},
                     {"faults", pair.faults}});
  boost::json::array notes(outcome.notes.begin(), outcome.notes.end());
  boost::json::object all = {{"seed", simulated.choice.seed},
                             {"devices", std::move(pairs)},
                             {"counts", counts_json(outcome.counts)},
                             {"switchboard", switchboard_json(outcome.switchboard)},
                             {"simulated_seconds", seconds(outcome.time)},
                             {"seconds", simulated.took.count()},
                             {"digest", text("{:016x}", outcome.digest)},
                             {"failure", nullptr}};
  if (!outcome.failure.empty())
    all["failure"] = {{"why", outcome.failure}, {"again", simulated.again}, {"notes", notes}};
  return json_text(all) + "\n";
}

}  // namespace bellwire::host
