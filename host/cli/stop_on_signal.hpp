// SPDX-License-Identifier: BSD-3-Clause
//
// StopOnSignal: while it lives, SIGINT, SIGTERM and SIGHUP stop an Asio context instead of killing
// the process, so that every destructor runs. Create it first: a signal that comes before the
// context runs stops it as soon as it does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace bellwire::host {

class StopOnSignal {
 public:
  explicit StopOnSignal(boost::asio::io_context& context)
      : signals_(context, SIGINT, SIGTERM, SIGHUP) {
    signals_.async_wait([&context](auto, int) { context.stop(); });
  }

 private:
  boost::asio::signal_set signals_;
};

}  // namespace bellwire::host
