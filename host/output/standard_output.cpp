// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/standard_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

namespace bellwire::host {
namespace {

void fill_closed_descriptors() noexcept {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free is this one. It is opened for the wrong direction, so that
    // using it fails with EBADF, as for a closed one.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

bool ignore(int number) noexcept {
  return std::signal(number, SIG_IGN) == SIG_IGN;
}

}  // namespace

StandardOutput::StandardOutput()
    : dies_of_pipe_(!ignore(SIGPIPE)), buffer_(STDOUT_FILENO), before_(std::cout.rdbuf(&buffer_)) {
  ignore(SIGXFSZ);
  fill_closed_descriptors();
}

StandardOutput::~StandardOutput() {
  std::cout.rdbuf(before_);
}

int StandardOutput::end(std::string_view program, int status) {
  if (buffer_.flush() || status != 0) return status;
  const int error = buffer_.error();
  if (error == EPIPE && dies_of_pipe_) {
    std::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
  }
  std::cerr << program << ": cannot write to standard output: "
            << std::error_code(error, std::system_category()).message() << '\n';
  return EXIT_FAILURE;
}

bool output_lost() {
  return !std::cout;
}

}  // namespace bellwire::host
