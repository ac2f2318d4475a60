// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/log/log.hpp"

#include <spdlog/spdlog.h>

namespace bellwire::log {

void write_info(const std::string& text) {
  spdlog::info("{}", text);
}
void write_warning(const std::string& text) {
  spdlog::warn("{}", text);
}

}  // namespace bellwire::log
