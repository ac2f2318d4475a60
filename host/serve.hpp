// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/io_context.hpp>

namespace bellwire::host {

/// Runs the context until Ctrl-C, SIGTERM or SIGHUP.
void serve(boost::asio::io_context& context);

}  // namespace bellwire::host
