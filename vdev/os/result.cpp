// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/result.hpp"

#include <ostream>

namespace bellwire {

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.message;
}

}  // namespace bellwire
