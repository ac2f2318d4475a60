// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/rule.hpp"

#include <vector>

#include "vdev/machine/model/soft_machine.hpp"

namespace bellwire::rules {

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

std::string observe(const Rule& rule, const World& world) {
  try {
    return rule.observe(world);
  } catch (const std::exception& error) {
    return text("failed: {}", error.what());
  }
}

bool allows(const Rule& rule, std::string_view seen) noexcept {
  return seen == rule.says || (!rule.older.empty() && seen == rule.older);
}

}  // namespace bellwire::rules
