// SPDX-License-Identifier: BSD-3-Clause
//
// dice SOCKET SEED: serves the device on that socket, by vhost-user; README.md has a guest for it.
#include <boost/asio/signal_set.hpp>
#include <cstdlib>
#include <iostream>

#include "dice.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"

using namespace bellwire;

int main(int argc, char** argv) {
  char* end = nullptr;
  const auto seed = argc == 3 ? std::strtoul(argv[2], &end, 0) : 0;
  if (argc != 3 || end == argv[2] || *end != '\0') {
    std::cerr << "usage: dice SOCKET SEED, which is a number\n";
    return 2;
  }
  boost::asio::io_context context(1);
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&context](const auto&, int) { context.stop(); });
  Dice dice(static_cast<unsigned>(seed));
  DmaSpace memory;
  auto backend = virtio::Backend::create(context, dice, memory);
  if (!backend) {
    std::cerr << "dice: " << backend.error().message << '\n';
    return 1;
  }
  const auto server = vhost_user::Server::create(context, *backend, memory, {.path = argv[1]});
  if (!server) {
    std::cerr << "dice: " << server.error().message << '\n';
    return 1;
  }
  context.run();
}
