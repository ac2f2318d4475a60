// SPDX-License-Identifier: BSD-3-Clause
//
// ScriptedServer: an ivshmem server that sends exactly what a test says, valid messages or not.
#pragma once

#include <span>
#include <string>

#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/process.hpp"

namespace bellwire::testing {

class ScriptedServer {
 public:
  ScriptedServer();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Waits for a client.
  void accept();

  /// Both throw if the client is gone.
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
