// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>

#include "host/commands.hpp"

namespace bellwire::host {

int fail(const Error& error) {
  std::cerr << "bellwire: " << error.message << '\n';
  return error.code == std::errc::invalid_argument ? exit_usage : exit_failure;
}

int serve(boost::asio::io_context& context) {
  boost::asio::signal_set signals(context, SIGINT, SIGTERM, SIGHUP);
  signals.async_wait([&context](auto, int) { context.stop(); });
  context.run();
  return 0;
}

}  // namespace bellwire::host
