// SPDX-License-Identifier: BSD-3-Clause
//
// The files of page/, which the build puts into the program (embed.cmake).
#pragma once

#include <string_view>

namespace bellwire::view::page {

extern const std::string_view skeleton;  ///< has /* style */, /* data */ and /* script */ in it
extern const std::string_view style;
extern const std::string_view script;

}  // namespace bellwire::view::page
