// SPDX-License-Identifier: BSD-3-Clause
#include "host/serve.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace bellwire::host {

void serve(boost::asio::io_context& context) {
  boost::asio::signal_set signals(context, SIGINT, SIGTERM, SIGHUP);
  signals.async_wait([&context](auto, int) { context.stop(); });
  context.run();
}

}  // namespace bellwire::host
