// SPDX-License-Identifier: BSD-3-Clause
//
// KeptProcess: a command that the suite runs, with all that it starts. Between the two is a process
// of ours, the keeper: whatever is left behind below it becomes its child. It ends them all as soon
// as the command has ended, or the suite has, however that ended. One thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host::conform {

class KeptProcess {
 public:
  /// Starts it, in a session and a process group of its own. Nothing comes from its standard input,
  /// and what it prints goes to standard error. EAGAIN, ENOMEM; ENOENT, EACCES and the like: there
  /// is no such program.
  [[nodiscard]] static Result<std::unique_ptr<KeptProcess>> start(
      const std::vector<std::string>& words);
  KeptProcess(const KeptProcess&) = delete;
  /// Ends it, and all that it has started, as SIGKILL does. Then they are gone.
  ~KeptProcess();

  /// Sends the signal to the command itself, if it runs.
  void send(int signal) noexcept;
  /// How it ended, as waitpid() has it; all that it has started has ended, too. Empty: it runs
  /// still after `limit`, or `stop`, a descriptor, became readable. A negative one never does.
  [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds limit, int stop = -1) noexcept;

 private:
  KeptProcess(pid_t keeper, os::UniqueFd socket) noexcept
      : keeper_(keeper), socket_(std::move(socket)) {}

  pid_t keeper_;
  os::UniqueFd socket_;  // to the keeper; numbers in both directions
  std::optional<int> status_;
};

/// How a process ended, from waitpid()'s status: "by signal 11".
[[nodiscard]] std::string end_of(int status);

}  // namespace bellwire::host::conform
