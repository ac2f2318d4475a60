// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <set>

#include "vdev/rules/rule.hpp"

using namespace bellwire::rules;

TEST_CASE("every rule that can be tried is there once, in its order") {
  std::set<unsigned> wanted{1, 2, 3, 4, 5, 6, 9, 10, 11};
  for (unsigned number = 15; number <= 40; ++number) wanted.insert(number);
  std::vector<unsigned> numbers;
  for (const auto& rule : all()) numbers.push_back(rule.number);
  CHECK(numbers == std::vector(wanted.begin(), wanted.end()));
}

TEST_CASE("the model keeps each rule") {
  for (const auto& rule : all()) SUBCASE(bellwire::text("rule {}", rule.number).c_str()) {
      CHECK(observe(rule, model_world()) == rule.says);
    }
}
