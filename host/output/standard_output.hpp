// SPDX-License-Identifier: BSD-3-Clause
//
// StandardOutput: what a program's main() makes first and asks last, so that nothing that went to
// std::cout is lost without a word.
//
// Standard descriptors that are closed are opened such that a use of them fails: else the first
// file or socket of the program would take their number, and what is printed would end up in it.
#pragma once

#include <ostream>
#include <string_view>

#include "host/output/fd_buffer.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host {

class StandardOutput {
 public:
  /// std::cout writes through it, and SIGPIPE and SIGXFSZ are ignored: writes fail instead.
  StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  ~StandardOutput();

  /// The program's exit status: `status`; but if that is 0 and something that was printed could not
  /// be written, 1, with a line on standard error. Where the reader of a pipe has gone the process
  /// ends by SIGPIPE, as others do, unless whoever started it ignores that.
  [[nodiscard]] int end(std::string_view program, int status);

 private:
  bool dies_of_pipe_;
  FdBuffer buffer_;
  std::streambuf* before_;
};

/// That something that was printed to std::cout could not be written: for programs that print on
/// and on. main() reports it.
[[nodiscard]] bool output_lost();

}  // namespace bellwire::host
