// SPDX-License-Identifier: BSD-3-Clause
#define FMT_HEADER_ONLY
#include "vdev/os/text.hpp"

namespace bellwire {

std::string format_text(fmt::string_view format, fmt::format_args args) {
  return fmt::vformat(format, args);
}

}  // namespace bellwire
