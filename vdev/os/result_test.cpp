// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/result.hpp"

#include <doctest/doctest.h>

#include <memory>

namespace bellwire {
namespace {

TEST_CASE("a result can be checked, and shows its error, whatever its value is") {
  const Result<std::unique_ptr<int>> value = std::make_unique<int>(1);
  const Result<void> nothing;
  const Result<int> failed = fault(std::errc::invalid_argument, "slots {}: choose 1 to 2", 3);
  CHECK(value);
  CHECK(nothing);
  CHECK_FALSE(failed);
  CHECK(doctest::toString(failed.error()) == "slots 3: choose 1 to 2");
  CHECK(doctest::toString(failed) == "slots 3: choose 1 to 2");
  CHECK(doctest::toString(value) == "a value");
}

}  // namespace
}  // namespace bellwire
