// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/scripted_server.hpp"

#include <stdlib.h>

#include <stdexcept>

#include "vdev/os/poll.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::testing {

TemporaryFolder::TemporaryFolder() {
  auto pattern = (std::filesystem::temp_directory_path() / "bellwire-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ScriptedServer::ScriptedServer()
    : path_(folder_.file("server")), listener_(os::Listener::create(path_).value()) {}

void ScriptedServer::accept() {
  if (!os::wait_readable(listener_.fd(), patience)) throw std::runtime_error("no client came");
  client_ = std::move(listener_.accept().value().value().socket);
}

void ScriptedServer::say(std::int64_t value, int fd) {
  if (!ivshmem::send(client_.get(), value, fd).value()) throw std::runtime_error("socket full");
}

void ScriptedServer::say_bytes(std::span<const std::byte> bytes) {
  if (!os::send_message(client_.get(), bytes, -1).value()) throw std::runtime_error("socket full");
}

}  // namespace bellwire::testing
