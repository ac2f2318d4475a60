// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/scripted_server.hpp"

#include <stdexcept>

#include "vdev/os/fd.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::testing {

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
