// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes that were never given a value: one in shared memory, one in a message. Memcheck must report
// both, or what it says of the tests means nothing (scripts/harness/suite/memcheck.py).
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"

using namespace bellwire::os;

int main() {
  constexpr std::size_t size = 4096;
  const std::unique_ptr<std::byte, decltype(&std::free)> garbage(
      static_cast<std::byte*>(std::malloc(size)), &std::free);
  const auto memory = create_memfd("planted", size);
  if (!memory) return 1;
  {
    const auto mapping = Mapping::create(memory->get(), size);
    if (!mapping) return 1;
    mapping->data()[17] = garbage.get()[17];
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return 1;
  return send_message(ends[0], {garbage.get(), 4}, -1) ? 0 : 1;
}
