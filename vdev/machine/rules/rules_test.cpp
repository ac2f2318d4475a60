// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/rules/rule.hpp"

#include <doctest/doctest.h>

#include <set>

#include "vdev/machine/kvm/kvm_machine.hpp"
#include "vdev/machine/rules/fixture.hpp"

using namespace bellwire;
using namespace bellwire::rules;

namespace {

World kernel_world() {
  return {make_kernel_event_file, kvm::KvmMachine::create};
}

}  // namespace

TEST_CASE("every rule that can be tried is there once, in its order") {
  std::set<unsigned> wanted{1, 2, 3, 4, 5, 6, 9, 10, 11};
  for (unsigned number = 15; number <= 40; ++number) wanted.insert(number);
  std::vector<unsigned> numbers;
  for (const auto& rule : all()) numbers.push_back(rule.number);
  CHECK(numbers == std::vector(wanted.begin(), wanted.end()));
}

TEST_CASE("every rule is explained") {
  for (const auto& rule : all()) {
    const auto& [number, tried, why, source] = explanation_of(rule);
    CHECK(number == rule.number);
    for (const auto words : {tried, why, source}) CHECK(words.ends_with('.'));
  }
  CHECK(explanations().size() == all().size());
}

TEST_CASE("the model keeps each rule") {
  for (const auto& rule : all()) SUBCASE(text("rule {}: {}", rule.number, rule.text).c_str()) {
      CHECK(observe(rule, model_world()).text() == rule.says);
    }
}

// The one known difference: nothing informs user space of such a write.
TEST_CASE("rule 33: a write of 0 makes the kernel inject, and the model doesn't see it") {
  const auto injected_by_zero = [](const World& world) {
    MachineFixture fixture(world);
    const auto wire = fixture.wire();
    fixture.route({machine::msi_route(5, 0x41)});
    REQUIRE(fixture.irqfd(wire, 5) == 0);
    fixture.signal(wire, 0);
    return fixture.take();
  };
  CHECK(injected_by_zero(model_world()).empty());
  if (const auto machine = kvm::KvmMachine::create({}))
    CHECK(injected_by_zero(kernel_world()) == std::vector<std::uint8_t>{0x41});
}

TEST_CASE("the kernel keeps each rule") {
  const auto machine = kvm::KvmMachine::create({});
  if (!machine) MESSAGE("machines not tried: ", machine.error().message);
  for (const auto& rule : all()) {
    if (rule.subject == Subject::machine && !machine) continue;
    SUBCASE(text("rule {}: {}", rule.number, rule.text).c_str()) {
      const auto seen = observe(rule, kernel_world()).text();
      CAPTURE(rule.says);
      CAPTURE(seen);
      CHECK(allows(rule, seen));
    }
  }
}
