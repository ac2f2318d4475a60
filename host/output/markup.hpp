// SPDX-License-Identifier: BSD-3-Clause
//
// Text in HTML and XML, between tags or as an attribute's value in double quotes.
#pragma once

#include <string>
#include <string_view>

namespace bellwire::host {

/// The same words, with &, <, > and " as entities.
[[nodiscard]] std::string markup_text(std::string_view words);

}  // namespace bellwire::host
