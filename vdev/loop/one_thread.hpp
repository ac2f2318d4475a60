// SPDX-License-Identifier: BSD-3-Clause
//
// What an io_context is to be told that one thread alone runs, as one runs each device: then it
// locks nothing around descriptors. Other threads may still post to it, and stop it.
#pragma once

#include <boost/asio/io_context.hpp>

namespace bellwire {

constexpr int one_thread = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

}  // namespace bellwire
