// SPDX-License-Identifier: BSD-3-Clause
//
// JSON as every reader takes it: numbers have no exponent (Boost.JSON always writes one, and some
// tools misread it), and are as short as they can be without a change; NaN and infinities are null.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace bellwire::host {

[[nodiscard]] std::string json_text(const boost::json::value& value);

/// Whether JSON can hold it: it is valid UTF-8.
[[nodiscard]] bool fits_json(const std::string& words);

}  // namespace bellwire::host
