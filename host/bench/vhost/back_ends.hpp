// SPDX-License-Identifier: BSD-3-Clause
//
// The back-ends that the suite `vhost` loads, each with the DiskDriver that is connected to it:
// `bellwire device blk` and qemu-storage-daemon, each a process of its own on the device's CPU; and
// the former's device within this process, on a thread of its own, so that its allocations are
// counted. The two that a case compares serve the same file, which is in memory (tmpfs), or a disk
// that keeps nothing.
//
// One thread.
#pragma once

#include <filesystem>
#include <memory>

#include "host/bench/vhost/disk_driver.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::bench {

enum class Program { bellwire, qemu_storage_daemon };

struct BackEndPlan {
  std::string disk = {};  ///< a file's path; empty: a disk that keeps nothing
  unsigned queues = 1;
  Waiting waiting = Waiting::asleep;  ///< polling: adaptive, as both programs have it
};

/// What all back-ends share: files without a name in memory, and a folder for their sockets, which
/// is removed with the object.
class Workplace {
 public:
  static constexpr std::uint64_t disk_bytes = 32 << 20;

  /// `cpu`: where the back-ends run; anywhere if -1. Errors of mkdtemp().
  [[nodiscard]] static Result<std::shared_ptr<Workplace>> create(int cpu);
  Workplace(const Workplace&) = delete;
  ~Workplace();

  /// The path of a socket that no other back-end has.
  [[nodiscard]] std::string new_socket();
  /// The path of a disk's file whose bytes are all there. ENOMEM, ENOSPC, EMFILE.
  [[nodiscard]] Result<std::string> new_disk();
  [[nodiscard]] int cpu() const noexcept { return cpu_; }

 private:
  Workplace(std::filesystem::path folder, int cpu) : folder_(std::move(folder)), cpu_(cpu) {}
  std::filesystem::path folder_;
  int cpu_;
  unsigned sockets_ = 0;
  std::vector<os::UniqueFd> disks_;
};

/// A back-end with its driver.
class LoadedBackEnd {
 public:
  virtual ~LoadedBackEnd() = default;

  /// As DiskDriver::run(); counts the back-end's CPU time as well, if it is another process.
  [[nodiscard]] Result<void> run(const DiskLoad& load, Waiting waiting, double ns_per_tick,
                                 Samples& samples);

  /// Loads it, lets it settle, does nothing for a second, which is one time, and counts how often
  /// the back-end woke up meanwhile. Then loads it again, since the dead wake up least of all.
  [[nodiscard]] Result<void> idle(Waiting waiting, double ns_per_tick, Samples& samples);

 protected:
  LoadedBackEnd() = default;
  [[nodiscard]] Result<void> connect(const std::string& socket, unsigned queues);

 private:
  std::unique_ptr<DiskDriver> driver_;
  pid_t process_ = -1;
};

/// Starts the program and connects to it. Errors of conform::StartedBackEnd and of DiskDriver;
/// ENOENT: there is no such program.
[[nodiscard]] Result<std::shared_ptr<LoadedBackEnd>> start_back_end(
    const std::shared_ptr<Workplace>& workplace, Program program, const BackEndPlan& plan);

/// Our disk in this process, on a file of its own. `by_io_uring`: as if that were not in memory.
[[nodiscard]] Result<std::shared_ptr<LoadedBackEnd>> start_disk_here(
    const std::shared_ptr<Workplace>& workplace, bool by_io_uring);

}  // namespace bellwire::bench
