// SPDX-License-Identifier: BSD-3-Clause
//
// idio16 SOCKET: serves the card on that socket, for QEMU 10.1 or newer:
//     -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"SOCKET"}}'
// It prints the guest's outputs when they change, and reads the inputs, a number a line.
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdio>
#include <iostream>

#include "idio16.hpp"
#include "vdev/os/text.hpp"
#include "vdev/transport/vfio_user/server/server.hpp"

namespace asio = boost::asio;
using bellwire::vfio_user::Server;

namespace {

/// Standard input, to its end.
class Inputs {
 public:
  Inputs(asio::io_context& context, Idio16& card)
      : stream_(context, ::dup(STDIN_FILENO)), card_(card) {}

  void read_on() {
    asio::async_read_until(stream_, buffer_, '\n',
                           [this](const boost::system::error_code& error, std::size_t) {
                             if (!error) take();
                           });
  }

 private:
  void take() {
    std::string line;
    std::getline(std::istream(&buffer_), line);
    char* end = nullptr;
    const auto lines = std::strtoul(line.c_str(), &end, 0);
    if (line.empty() || *end != '\0' || lines > 0xFFFF)
      std::cerr << "idio16: '" << line << "': give a number from 0 to 0xFFFF, one bit per line\n";
    else
      card_.set_inputs(static_cast<std::uint16_t>(lines));
    read_on();
  }

  asio::posix::stream_descriptor stream_;
  Idio16& card_;
  asio::streambuf buffer_;
};

void print(std::uint16_t outputs) {
  std::cout << bellwire::text("outputs {:#06x}", outputs) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: idio16 SOCKET\n";
    return 2;
  }
  asio::io_context context(1);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&context](const auto&, int) { context.stop(); });
  Idio16 card(print);
  const auto server = Server::create(context, card, {.path = argv[1]});
  if (!server) {
    std::cerr << "idio16: " << server.error().message << '\n';
    return 1;
  }
  Inputs inputs(context, card);
  inputs.read_on();
  context.run();
}
