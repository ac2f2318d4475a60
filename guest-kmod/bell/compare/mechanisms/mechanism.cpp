// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/mechanisms/mechanism.hpp"

#include <unistd.h>

namespace bell::compare {

bool write_number(int fd, std::uint64_t number) noexcept {
  return ::write(fd, &number, sizeof number) == sizeof number;
}

// A byte stream may end a read within a number: its other bytes are on their way.
Received read_numbers(int fd, Numbers numbers) noexcept {
  auto* bytes = reinterpret_cast<char*>(numbers.data());
  std::size_t size = 0;
  do {
    const auto got = ::read(fd, bytes + size, numbers.size_bytes() - size);
    if (got <= 0) return {};
    size += static_cast<std::size_t>(got);
  } while (size % sizeof(std::uint64_t) != 0);
  return {size / sizeof(std::uint64_t), size / sizeof(std::uint64_t)};
}

std::vector<Mechanism> user_to_user() {
  std::vector<Mechanism> all;
  for (const auto family : {pipes_and_fifos, message_queues_and_semaphores, shared_memory, sockets,
                            netlink, eventfds, signals, io_uring}) {
    const auto rows = family();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

std::unique_ptr<Channel> make_channel(std::string_view name) {
  for (const auto& mechanism : user_to_user())
    if (mechanism.name == name) return mechanism.make();
  return nullptr;
}

}  // namespace bell::compare
