// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/compare.hpp"

#include <sched.h>

#include <fstream>

#include "guest-kmod/bell/compare/claims.hpp"
#include "guest-kmod/bell/compare/lab_measure.hpp"
#include "guest-kmod/bell/compare/loopback.hpp"
#include "guest-kmod/bell/compare/measure.hpp"
#include "guest-kmod/bell/compare/row.hpp"
#include "guest-kmod/bell/compare/source_lines.hpp"
#include "guest-kmod/bell/print.hpp"
#include "guest-kmod/notify_lab/uapi/notify_lab_missing.h"

namespace bell {
namespace {

using namespace compare;  // NOLINT: this is its front

constexpr const char* user_to_user_name = "user → user";

// The first CPU that we may use sends, the second receives; with one they share it.
Plan plan(std::uint64_t count) {
  cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  int cpus[2] = {-1, -1};
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus[1] < 0; ++cpu)
    if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) cpus[cpus[0] < 0 ? 0 : 1] = cpu;
  return {count, cpus[0], cpus[1] < 0 ? cpus[0] : cpus[1]};
}

class Comparison {
 public:
  Comparison(const CompareOptions& options) : only_(options.only), plan_(plan(options.count)) {}

  void run() {
    bring_up_loopback();
    print("Senders run on CPU {}, receivers on CPU {}{}.\n", plan_.sender_cpu, plan_.receiver_cpu,
          plan_.sender_cpu == plan_.receiver_cpu ? ", as there is one only" : "");
    print_heading();
    for (const auto& mechanism : user_to_user())
      if (wanted(mechanism.name, user_to_user_name)) add(between_users(mechanism));
    for (const auto& mechanism : with_kernel())
      if (wanted(mechanism.name, direction_of(mechanism))) add(with_the_kernel(mechanism));
    for (const auto& missing : notify_lab_missing)
      if (wanted(missing.name, kernel_and_user)) add(absent(missing));
  }

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }

 private:
  [[nodiscard]] bool wanted(std::string_view name, std::string_view direction) const {
    return name.find(only_) != name.npos || direction.find(only_) != direction.npos;
  }

  [[nodiscard]] Row between_users(const Mechanism& mechanism) const {
    return filled({.name = std::string(mechanism.name),
                   .direction = user_to_user_name,
                   .what = std::string(mechanism.what),
                   .cpus = cpus(),
                   .source = std::string(mechanism.source),
                   .user_lines = lines_of_all(mechanism.source)},
                  measure(mechanism, plan_));
  }

  [[nodiscard]] Row with_the_kernel(const LabMechanism& mechanism) const {
    return filled(
        {.name = std::string(mechanism.name),
         .direction = std::string(direction_of(mechanism)),
         .what = std::string(mechanism.what),
         .cpus = cpus(),
         .source = bellwire::text("{} {}", mechanism.user_source, mechanism.kernel_source),
         .user_lines = lines_of_all(mechanism.user_source),
         .kernel_lines = lines_of_all(mechanism.kernel_source)},
        measure(mechanism, plan_));
  }

  static Row absent(const struct notify_lab_missing& missing) {
    return {.name = missing.name,
            .direction = kernel_and_user,
            .source = bellwire::text("{}: {}", missing.file, missing.function),
            .reason = bellwire::text("{}: {}", missing.function, missing.reason)};
  }

  static Row filled(Row row, const Result<Figures>& figures) {
    if (figures)
      row.figures = *figures;
    else
      row.reason = figures.error().message;
    return row;
  }

  [[nodiscard]] std::string cpus() const {
    return bellwire::text("{},{}", plan_.sender_cpu, plan_.receiver_cpu);
  }

  void add(Row row) {
    print_row(row);
    rows_.push_back(std::move(row));
  }

  std::string only_;
  Plan plan_;
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
