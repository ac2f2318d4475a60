// SPDX-License-Identifier: BSD-3-Clause
//
// Runs a test case on every transport, each in a subcase.
#pragma once

#include <doctest/doctest.h>

#include "vdev/testing/transports.hpp"

namespace bellwire::testing {

/// Calls `test(fixture)` with a new fixture of each transport; reports those that this machine
/// can't run.
template <class Test>
void on_each_transport(unsigned queues, const Test& test) {
  for (const auto& entry : transports()) SUBCASE(std::string(entry.name).c_str()) {
      if (const auto fixture = entry.create(queues); fixture)
        test(**fixture);
      else
        MESSAGE(entry.name, " was not tried: ", fixture.error().message);
    }
}

}  // namespace bellwire::testing
