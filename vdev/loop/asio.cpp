// SPDX-License-Identifier: BSD-3-Clause
//
// Asio's own code, compiled once here instead of in every file that includes it.
#include <boost/asio/impl/src.hpp>
