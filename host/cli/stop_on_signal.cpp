// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/stop_on_signal.hpp"

#include <csignal>

namespace bellwire::host {

StopOnSignal::StopOnSignal(boost::asio::io_context& context)
    : signals_(context, SIGINT, SIGTERM, SIGHUP) {
  signals_.async_wait([&context](auto, int) { context.stop(); });
}

}  // namespace bellwire::host
