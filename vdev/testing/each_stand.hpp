// SPDX-License-Identifier: BSD-3-Clause
//
// A test case that is tried on every transport, as a subcase each.
#pragma once

#include <doctest/doctest.h>

#include "vdev/testing/stands.hpp"

namespace bellwire::testing {

/// Calls `test(stand)` with a new stand of each kind; of a kind that this machine can't, says why.
template <class Test>
void on_each_stand(unsigned queues, const Test& test) {
  for (const auto& entry : stands()) SUBCASE(std::string(entry.name).c_str()) {
      if (const auto stand = entry.create(queues); stand)
        test(**stand);
      else
        MESSAGE(entry.name, " was not tried: ", stand.error().message);
    }
}

}  // namespace bellwire::testing
