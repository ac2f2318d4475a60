// SPDX-License-Identifier: BSD-3-Clause
//
// ScriptedServer: an ivshmem server that says exactly what a test tells it to, in QEMU's
// ivshmem-server's words or in nonsense.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::testing {

/// A directory of its own in the system's place for such, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

class ScriptedServer {
 public:
  ScriptedServer();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Waits for a client.
  void accept();

  /// Throw when the client is gone.
  void say(std::int64_t value, int fd = -1);
  void say_bytes(std::span<const std::byte> bytes);
  void hang_up() { client_.reset(); }

 private:
  TemporaryFolder folder_;
  std::string path_;
  os::Listener listener_;
  os::UniqueFd client_;
};

}  // namespace bellwire::testing
