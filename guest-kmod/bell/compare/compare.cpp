// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/compare.hpp"

#include <sched.h>

#include <array>
#include <fstream>
#include <functional>

#include "guest-kmod/bell/compare/absence.hpp"
#include "guest-kmod/bell/compare/claims.hpp"
#include "guest-kmod/bell/compare/lab_measure.hpp"
#include "guest-kmod/bell/compare/leftover.hpp"
#include "guest-kmod/bell/compare/loopback.hpp"
#include "guest-kmod/bell/compare/measure.hpp"
#include "guest-kmod/bell/compare/row.hpp"
#include "guest-kmod/bell/compare/source_lines.hpp"
#include "guest-kmod/bell/print.hpp"

namespace bell {
namespace {

using namespace compare;  // NOLINT: this is its front

constexpr const char* user_to_user_name = "user → user";
// All are measured in turn, that many times: what else the machine does then meets all of them.
constexpr std::uint64_t rounds = 4;

// Of `count` notifications, those of one round.
std::uint64_t share(std::uint64_t count, std::uint64_t round) {
  return count * (round + 1) / rounds - count * round / rounds;
}

// A row, and how it comes by its figures.
struct Candidate {
  Row row;
  Traits traits{};
  std::function<Result<Figures>(const Plan&)> measure{};

  // A mechanism that failed once is tried no more.
  void go_round(const Plan& plan) {
    if (!measure || !row.reason.empty() || plan.burst() == 0) return;
    auto figures = measure(plan);
    if (!figures) {
      row.reason = figures.error().message;
      row.figures.reset();
    } else if (row.figures) {
      row.figures->add(*figures);
    } else {
      row.figures = std::move(*figures);
    }
  }
};

// The first two CPUs that we may use; one twice if there is no other.
std::array<int, 2> two_cpus() {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  std::array cpus{-1, -1};
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus[1] < 0; ++cpu)
    if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus[cpus[0] < 0 ? 0 : 1] = cpu;
  if (cpus[1] < 0) cpus[1] = cpus[0];
  return cpus;
}

// A receiver that sleeps shares the sender's CPU: so what is measured is the wake-up and the
// switch, and not how long it takes to rouse an idle CPU. One that spins has its own.
class Comparison {
 public:
  explicit Comparison(const CompareOptions& options) : options_(options), cpus_(two_cpus()) {}

  std::vector<Row> run() {
    bring_up_loopback();
    auto candidates = choose();
    for (std::uint64_t round = 0; round < rounds; ++round) {
      print("Round {} of {}: {} mechanisms\n", round + 1, rounds, candidates.size());
      std::fflush(stdout);
      for (auto& candidate : candidates) candidate.go_round(plan(candidate.traits, round));
    }
    std::vector<Row> rows;
    for (auto& candidate : candidates) rows.push_back(std::move(candidate.row));
    print_all(rows);
    return rows;
  }

 private:
  void print_all(const std::vector<Row>& rows) const {
    print("Senders run on CPU {}; receivers that sleep on CPU {}, those that spin on CPU {}{}.\n",
          cpus_[0], receiver_cpu({}), cpus_[1],
          cpus_[0] == cpus_[1] ? ", as there is one only" : "");
    print_heading();
    for (const auto& row : rows) print_row(row);
  }

  [[nodiscard]] std::vector<Candidate> choose() const {
    std::vector<Candidate> chosen;
    const auto add = [&](Candidate candidate) {
      if (wanted(candidate.row.name, candidate.row.direction))
        chosen.push_back(std::move(candidate));
    };
    for (const auto& mechanism : user_to_user()) add(between_users(mechanism));
    for (const auto& mechanism : with_kernel()) add(with_the_kernel(mechanism));
    for (const auto& absence : absences()) add(absent(absence));
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
            .measure = [mechanism](const Plan& plan) { return measure(mechanism, plan); }};
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
        .measure = [mechanism](const Plan& plan) { return measure(mechanism, plan); }};
  }

  static Candidate absent(const Absence& absence) {
    return {.row = {.name = std::string(absence.name),
                    .direction = kernel_and_user,
                    .source = bellwire::text("{}: {}", absence.file, absence.function),
                    .reason = bellwire::text("{}: {}", absence.function, absence.reason)}};
  }

  [[nodiscard]] int receiver_cpu(Traits traits) const noexcept {
    return cpus_[options_.apart || traits.spins ? 1 : 0];
  }

  [[nodiscard]] Plan plan(Traits traits, std::uint64_t round) const noexcept {
    return {share(options_.count, round), cpus_[0], receiver_cpu(traits), round == 0};
  }

  [[nodiscard]] std::string cpus(Traits traits) const {
    return bellwire::text("{},{}", cpus_[0], receiver_cpu(traits));
  }

  const CompareOptions& options_;
  std::array<int, 2> cpus_;
};

// An absence has a reason, too, and nothing that was measured.
bool all_worked(const std::vector<Row>& rows) {
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
  leave_the_shared_ipc();
  remove_leftovers_at_signals();
  const auto rows = Comparison(options).run();
  if (rows.empty())
    return bellwire::fault(std::errc::invalid_argument,
                           "--only '{}' names no mechanism and no direction", options.only);
  const auto claims = judge(rows);
  print("\n");
  for (const auto& claim : claims) print_claim(claim);
  if (!options.json.empty())
    if (auto written = write(options.json, to_json(rows, claims)); !written) return written.error();
  return all_worked(rows);
}

}  // namespace bell
