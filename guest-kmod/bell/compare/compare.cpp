// SPDX-License-Identifier: BSD-3-Clause
//
// bell compare: measures every mechanism in turn, in several rounds, and reports the results.
#include <sched.h>

#include <array>
#include <fstream>
#include <functional>

#include "guest-kmod/bell/commands.hpp"
#include "guest-kmod/bell/compare/measure/measure.hpp"
#include "guest-kmod/bell/compare/mechanisms/ipc_objects.hpp"
#include "guest-kmod/bell/compare/mechanisms/lab_mechanisms.hpp"
#include "guest-kmod/bell/compare/report/result.hpp"
#include "guest-kmod/bell/output.hpp"

namespace bell {
namespace {

using namespace compare;  // NOLINT: this file is the front of that namespace

constexpr const char* user_to_user_name = "user → user";
// All mechanisms are measured in turn, so often: what else the machine does then affects all alike.
constexpr std::uint64_t rounds = 4;

// The notifications of one round, of `count` in all.
std::uint64_t share(std::uint64_t count, std::uint64_t round) {
  return count * (round + 1) / rounds - count * round / rounds;
}

// A result, and how to measure it.
struct Candidate {
  MechanismResult row;
  Traits traits{};
  std::function<Result<Measurement>(const RoundPlan&)> measure{};

  // A mechanism that failed once is not measured again.
  void measure_round(const RoundPlan& plan) {
    if (!measure || !row.reason.empty() || plan.burst() == 0) return;
    auto measured = measure(plan);
    if (!measured) {
      row.reason = measured.error().message;
      row.measurement.reset();
    } else if (row.measurement) {
      row.measurement->add(*measured);
    } else {
      row.measurement = std::move(*measured);
    }
  }
};

// The first two CPUs that this process may use; the same twice if there is only one.
std::array<int, 2> two_cpus() {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  std::array cpus{-1, -1};
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus[1] < 0; ++cpu)
    if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus[cpus[0] < 0 ? 0 : 1] = cpu;
  if (cpus[1] < 0) cpus[1] = cpus[0];
  return cpus;
}

// A receiver that sleeps shares the sender's CPU: then the wake-up and the switch are measured, not
// how long an idle CPU takes to wake. A receiver that spins has a CPU of its own.
class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options), cpus_(two_cpus()) {}

  std::vector<MechanismResult> run() {
    bring_up_loopback();
    auto candidates = choose();
    for (std::uint64_t round = 0; round < rounds; ++round) {
      print("Round {} of {}: {} mechanisms\n", round + 1, rounds, candidates.size());
      std::fflush(stdout);
      for (auto& candidate : candidates) candidate.measure_round(plan(candidate.traits, round));
    }
    std::vector<MechanismResult> rows;
    for (auto& candidate : candidates) rows.push_back(std::move(candidate.row));
    print_all(rows);
    return rows;
  }

 private:
  void print_all(const std::vector<MechanismResult>& rows) const {
    print("Senders run on CPU {}; receivers that sleep on CPU {}, those that spin on CPU {}{}.\n",
          cpus_[0], receiver_cpu({}), cpus_[1], cpus_[0] == cpus_[1] ? ", the only one" : "");
    print_heading();
    for (const auto& row : rows) print_result(row);
  }

  [[nodiscard]] std::vector<Candidate> choose() const {
    std::vector<Candidate> chosen;
    const auto add = [&](Candidate candidate) {
      if (wanted(candidate.row.name, candidate.row.direction))
        chosen.push_back(std::move(candidate));
    };
    for (const auto& mechanism : user_to_user()) add(between_users(mechanism));
    for (const auto& mechanism : with_kernel()) add(with_the_kernel(mechanism));
    for (const auto& mechanism : unavailable_with_kernel()) add(unavailable(mechanism));
    return chosen;
  }

  [[nodiscard]] bool wanted(std::string_view name, std::string_view direction) const {
    return name.find(options_.only) != name.npos || direction.find(options_.only) != direction.npos;
  }

  [[nodiscard]] Candidate between_users(const Mechanism& mechanism) const {
    return {.row = {.name = std::string(mechanism.name),
                    .direction = user_to_user_name,
                    .what = std::string(mechanism.what),
                    .cpus = cpus(mechanism.traits),
                    .source = std::string(mechanism.source),
                    .user_lines = lines_of_all(mechanism.source)},
            .traits = mechanism.traits,
            .measure = [mechanism](const RoundPlan& plan) { return measure(mechanism, plan); }};
  }

  [[nodiscard]] Candidate with_the_kernel(const LabMechanism& mechanism) const {
    return {
        .row = {.name = std::string(mechanism.name),
                .direction = std::string(direction_of(mechanism)),
                .what = std::string(mechanism.what),
                .cpus = cpus(mechanism.traits),
                .source = bellwire::text("{} {}", mechanism.user_source, mechanism.kernel_source),
                .user_lines = lines_of_all(mechanism.user_source),
                .kernel_lines = lines_of_all(mechanism.kernel_source)},
        .traits = mechanism.traits,
        .measure = [mechanism](const RoundPlan& plan) { return measure(mechanism, plan); }};
  }

  static Candidate unavailable(const UnavailableMechanism& mechanism) {
    return {.row = {.name = std::string(mechanism.name),
                    .direction = kernel_and_user,
                    .source = bellwire::text("{}: {}", mechanism.file, mechanism.function),
                    .reason = bellwire::text("{}: {}", mechanism.function, mechanism.reason)}};
  }

  [[nodiscard]] int receiver_cpu(Traits traits) const noexcept {
    return cpus_[options_.apart || traits.spins ? 1 : 0];
  }

  [[nodiscard]] RoundPlan plan(Traits traits, std::uint64_t round) const noexcept {
    return {share(options_.count, round), cpus_[0], receiver_cpu(traits), round == 0};
  }

  [[nodiscard]] std::string cpus(Traits traits) const {
    return bellwire::text("{},{}", cpus_[0], receiver_cpu(traits));
  }

  const CompareOptions& options_;
  std::array<int, 2> cpus_;
};

// An unavailable mechanism has a reason, too, but was never measured.
bool all_worked(const std::vector<MechanismResult>& rows) {
  bool all = true;
  for (const auto& row : rows) {
    if (row.reason.empty() || row.direction == kernel_and_user) continue;
    print("failed: {}: {}: {}\n", row.direction, row.name, row.reason);
    all = false;
  }
  return all;
}

bellwire::Result<void> write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::endl;
  if (!file) return bellwire::system_fault("cannot write {}", path);
  return {};
}

}  // namespace

bellwire::Result<bool> run_compare(const CompareOptions& options) {
  enter_own_ipc_namespace();
  remove_system_v_objects_at_signals();
  const auto rows = Comparison(options).run();
  if (rows.empty())
    return bellwire::fault(
        std::errc::invalid_argument,
        "no mechanism or direction has '{}' in its name; see the table without --only",
        options.only);
  const auto claims = judge(rows);
  print("\n");
  for (const auto& claim : claims) print_claim(claim);
  if (!options.json.empty())
    if (auto written = write(options.json, to_json(rows, claims)); !written) return written.error();
  return all_worked(rows);
}

}  // namespace bell
