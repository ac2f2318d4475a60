// SPDX-License-Identifier: BSD-3-Clause
//
// StopOnSignal: while it lives, Ctrl-C, SIGTERM and SIGHUP stop the context and not the process, so
// that nothing is left behind. Make it first: a signal may come before the context runs, and stops
// it then.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace bellwire::host {

class StopOnSignal {
 public:
  explicit StopOnSignal(boost::asio::io_context& context);

 private:
  boost::asio::signal_set signals_;
};

}  // namespace bellwire::host
