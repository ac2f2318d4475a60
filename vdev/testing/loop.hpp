// SPDX-License-Identifier: BSD-3-Clause
//
// Loop: an Asio context that runs on the test's thread, while the test waits for something.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "vdev/loop/asio.hpp"
#include "vdev/testing/process.hpp"

namespace bellwire::testing {

struct Loop {
  boost::asio::io_context context{one_thread};

  /// Runs what is ready.
  void run() {
    context.restart();
    context.poll();
  }
  /// Runs until that is so. False: a long time passed first.
  template <class Condition>
  bool run_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(1));
    }
    return true;
  }
};

}  // namespace bellwire::testing
