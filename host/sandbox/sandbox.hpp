// SPDX-License-Identifier: BSD-3-Clause
//
// The sandbox of a program that serves peers: what it gives up before the first of them connects,
// so that whoever takes it over gains little. Two walls, each of its own use:
//
// - Namespaces (namespaces.cpp): its own users, mounts, network and System V objects. Of the file
//   system it sees the folders that its command line names, and /proc; it has no capability.
// - A filter of system calls (system_calls.cpp): those that serving takes, and no others. The
// kernel
//   kills the process that makes another.
//
// docs/decisions says why there is no PID namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// `--sandbox`
enum class Sandboxing : std::uint8_t {
  off,
  automatic,  ///< as far as this system has it
  require,    ///< all of it, or an error
};

/// What the program still needs. Relative paths are from the current folder.
struct SandboxNeeds {
  std::vector<std::string> made = {};  ///< sockets and files: their folders are kept, to be written
  std::vector<std::string> opened = {};  ///< files and devices that exist: they alone are kept
  bool kvm = false;                      ///< a virtual machine on KVM
  bool network = false;                  ///< the host's: a tap
};

/// Enters it, for good. While the process has one thread: the log's starts with its first line.
/// ENOTSUP, EPERM: it is required, and this system lacks a part of it.
[[nodiscard]] Result<void> enter_sandbox(Sandboxing how, const SandboxNeeds& needs);

/// The first wall alone. This process, which has one thread, moves into namespaces of its own, and
/// has no capability any more; its user and group stay. It is tried in a child first, so that on an
/// error nothing has changed. user_namespaces(7), mount_namespaces(7). EPERM, ENOSPC: the system
/// lets this user have none; ENOTSUP: `needs` rules them out.
[[nodiscard]] Result<void> enter_namespaces(const SandboxNeeds& needs);

/// The second wall alone: seccomp(2), for this thread and those that it starts. The kernel kills
/// the process, by SIGSYS, if it runs a program, becomes a process more, reaches another process,
/// opens a socket that is not a unix socket, or makes memory executable. ENOTSUP, EINVAL: the
/// kernel has no such filters.
[[nodiscard]] Result<void> filter_system_calls(const SandboxNeeds& needs);

/// `--sandbox off|auto|require`; `how` has what holds without it, and must outlive the command.
void add_sandbox(CLI::App& command, Sandboxing& how);

/// An instrumented program has no sandbox by itself: what instruments it makes system calls of its
/// own, and writes files elsewhere.
#ifdef BELLWIRE_INSTRUMENTED
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif

}  // namespace bellwire::host
