// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/compare.hpp"

#include <sched.h>

#include <array>
#include <fstream>

#include "guest-kmod/bell/compare/absence.hpp"
#include "guest-kmod/bell/compare/claims.hpp"
#include "guest-kmod/bell/compare/lab_measure.hpp"
#include "guest-kmod/bell/compare/loopback.hpp"
#include "guest-kmod/bell/compare/measure.hpp"
#include "guest-kmod/bell/compare/row.hpp"
#include "guest-kmod/bell/compare/source_lines.hpp"
#include "guest-kmod/bell/print.hpp"

namespace bell {
namespace {

using namespace compare;  // NOLINT: this is its front

constexpr const char* user_to_user_name = "user → user";

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

  void run() {
    bring_up_loopback();
    print("Senders run on CPU {}; receivers that sleep on CPU {}, those that spin on CPU {}{}.\n",
          cpus_[0], plan({}).receiver_cpu, cpus_[1],
          cpus_[0] == cpus_[1] ? ", as there is one only" : "");
    print_heading();
    for (const auto& mechanism : user_to_user())
      if (wanted(mechanism.name, user_to_user_name)) add(between_users(mechanism));
    for (const auto& mechanism : with_kernel())
      if (wanted(mechanism.name, direction_of(mechanism))) add(with_the_kernel(mechanism));
    for (const auto& absence : absences())
      if (wanted(absence.name, kernel_and_user)) add(absent(absence));
  }

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }

 private:
  [[nodiscard]] bool wanted(std::string_view name, std::string_view direction) const {
    return name.find(options_.only) != name.npos || direction.find(options_.only) != direction.npos;
  }

  [[nodiscard]] Row between_users(const Mechanism& mechanism) const {
    return filled({.name = std::string(mechanism.name),
                   .direction = user_to_user_name,
                   .what = std::string(mechanism.what),
                   .cpus = cpus(mechanism.traits),
                   .source = std::string(mechanism.source),
                   .user_lines = lines_of_all(mechanism.source)},
                  measure(mechanism, plan(mechanism.traits)));
  }

  [[nodiscard]] Row with_the_kernel(const LabMechanism& mechanism) const {
    return filled(
        {.name = std::string(mechanism.name),
         .direction = std::string(direction_of(mechanism)),
         .what = std::string(mechanism.what),
         .cpus = cpus(mechanism.traits),
         .source = bellwire::text("{} {}", mechanism.user_source, mechanism.kernel_source),
         .user_lines = lines_of_all(mechanism.user_source),
         .kernel_lines = lines_of_all(mechanism.kernel_source)},
        measure(mechanism, plan(mechanism.traits)));
  }

  static Row absent(const Absence& absence) {
    return {.name = std::string(absence.name),
            .direction = kernel_and_user,
            .source = bellwire::text("{}: {}", absence.file, absence.function),
            .reason = bellwire::text("{}: {}", absence.function, absence.reason)};
  }

  static Row filled(Row row, const Result<Figures>& figures) {
    if (figures)
      row.figures = *figures;
    else
      row.reason = figures.error().message;
    return row;
  }

  [[nodiscard]] Plan plan(Traits traits) const noexcept {
    return {options_.count, cpus_[0], cpus_[options_.apart || traits.spins ? 1 : 0]};
  }

  [[nodiscard]] std::string cpus(Traits traits) const {
    return bellwire::text("{},{}", cpus_[0], plan(traits).receiver_cpu);
  }

  void add(Row row) {
    print_row(row);
    rows_.push_back(std::move(row));
  }

  const CompareOptions& options_;
  std::array<int, 2> cpus_;
  std::vector<Row> rows_;
};

bellwire::Result<void> write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::endl;
  if (!file) return bellwire::system_fault("cannot write {}", path);
  return {};
}

}  // namespace

bellwire::Result<bool> run_compare(const CompareOptions& options) {
  Comparison comparison(options);
  comparison.run();
  if (comparison.rows().empty())
    return bellwire::fault(std::errc::invalid_argument,
                           "--only '{}' names no mechanism and no direction", options.only);
  const auto claims = judge(comparison.rows());
  print("\n");
  for (const auto& claim : claims) print_claim(claim);
  if (!options.json.empty())
    if (auto written = write(options.json, to_json(comparison.rows(), claims)); !written)
      return written.error();
  return true;
}

}  // namespace bell
