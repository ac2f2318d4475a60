// SPDX-License-Identifier: BSD-3-Clause
//
// idio16 --on vfio-user:SOCKET: serves the card, for QEMU 10.1 or newer:
//     -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"SOCKET"}}'
// It prints the guest's outputs when they change, and reads the inputs, a number a line.
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <iostream>

#include "host/device/device_main.hpp"
#include "idio16.hpp"
#include "vdev/os/text.hpp"

namespace asio = boost::asio;

namespace {

void print(std::uint16_t outputs) {
  std::cout << bellwire::text("outputs {:#06x}", outputs) << std::endl;
}

/// The card with its inputs on standard input, to its end.
class WiredIdio16 : public Idio16 {
 public:
  explicit WiredIdio16(asio::io_context& context)
      : Idio16(print), stream_(context, ::dup(STDIN_FILENO)) {
    read_on();
  }

 private:
  void read_on() {
    asio::async_read_until(stream_, buffer_, '\n',
                           [this](const boost::system::error_code& error, std::size_t) {
                             if (!error) take();
                           });
  }

  void take() {
    std::string line;
    std::getline(std::istream(&buffer_), line);
    char* end = nullptr;
    const auto lines = std::strtoul(line.c_str(), &end, 0);
    if (line.empty() || *end != '\0' || lines > 0xFFFF)
      std::cerr << "idio16: '" << line << "': give a number from 0 to 0xFFFF, one bit per line\n";
    else
      set_inputs(static_cast<std::uint16_t>(lines));
    read_on();
  }

  asio::posix::stream_descriptor stream_;
  asio::streambuf buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  return bellwire::device_main(
      argc, argv, {bellwire::pci_function<WiredIdio16>("idio16", "16 lines out, 16 lines in")});
}
