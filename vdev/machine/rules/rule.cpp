// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/rule.hpp"

#include <cstring>

#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::rules {

std::string error_name(int error) {
  if (error == 0) return "ok";
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : bellwire::text("error {}", error);
}

Observation& Observation::note(std::string_view what, std::string_view answer) {
  steps_.push_back({std::string(what), std::string(answer)});
  return *this;
}

Observation& Observation::error(std::string_view what, int error) {
  return note(what, error_name(error));
}

Observation& Observation::number(std::string_view what, std::uint64_t value) {
  return note(what, bellwire::text("{}", value));
}

Observation& Observation::vectors(std::string_view what, const std::vector<std::uint8_t>& vectors) {
  std::string list;
  for (const auto vector : vectors)
    list += bellwire::text("{}{:#x}", list.empty() ? "" : " ", vector);
  return note(what, list.empty() ? "none" : list);
}

std::string Observation::text() const {
  std::string line;
  for (const auto& [what, answer] : steps_)
    line += bellwire::text("{}{}: {}", line.empty() ? "" : ", ", what, answer);
  return line;
}

World model_world() {
  return {make_model_event_file, machine::SoftMachine::create};
}

std::span<const Rule> all() noexcept {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> joined;
    for (const auto part : {eventfd_rules(), ioeventfd_rules(), irqfd_rules(), msix_rules()})
      joined.insert(joined.end(), part.begin(), part.end());
    return joined;
  }();
  return rules;
}

Observation observe(const Rule& rule, const World& world) {
  try {
    return rule.observe(world);
  } catch (const std::exception& error) {
    return Observation().note("failed", error.what());
  }
}

bool allows(const Rule& rule, std::string_view seen) noexcept {
  return seen == rule.says || (!rule.older.empty() && seen == rule.older);
}

}  // namespace bellwire::rules
