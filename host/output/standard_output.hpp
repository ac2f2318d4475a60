// SPDX-License-Identifier: BSD-3-Clause
//
// StandardOutput: created first by a program's main() and asked last, so that nothing that was
// printed to std::cout is lost without a message.
//
// Standard descriptors that are closed are opened such that using them fails: otherwise the first
// file or socket that the program opens would get their number, and what is printed would end up in
// it.
#pragma once

#include <ostream>
#include <string_view>

#include "host/output/stream_buffers.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host {

class StandardOutput {
 public:
  /// std::cout writes through it. SIGPIPE and SIGXFSZ are ignored: writes fail instead.
  StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  ~StandardOutput();

  /// Returns the program's exit status: `status`, or 1 if that is 0 but something that was printed
  /// could not be written; then a line on standard error says so. If the reader of a pipe has gone,
  /// the process ends by SIGPIPE, as other programs do, unless SIGPIPE was ignored from the start.
  [[nodiscard]] int end(std::string_view program, int status);

 private:
  bool dies_of_pipe_;
  FdBuffer buffer_;
  std::streambuf* before_;
};

/// Whether something that was printed to std::cout could not be written, for programs that print
/// without end. main() reports it.
[[nodiscard]] bool output_lost();

}  // namespace bellwire::host
