// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/system.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>

namespace bellwire::host {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.find(": ") + 2, line.size()));
  return "unknown";
}

std::string kernel_release() {
  utsname names{};
  ::uname(&names);
  return names.release;
}

}  // namespace bellwire::host
