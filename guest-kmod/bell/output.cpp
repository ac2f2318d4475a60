// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace bell {

using bellwire::Result;
using bellwire::system_fault;

// O_PATH: every read and write of such a descriptor fails with EBADF.
Result<void> occupy_standard_descriptors() {
  for (int fd = ::open("/", O_PATH); fd != -1; fd = ::open("/", O_PATH))
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return {};
    }
  return system_fault("cannot open /");
}

Result<void> finish_output() {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good()) return {};
  if (errno != 0) return system_fault("cannot write to standard output");
  return bellwire::fault(std::errc::io_error,
                         "cannot write to standard output: some of it was lost");
}

}  // namespace bell
