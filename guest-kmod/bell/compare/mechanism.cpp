// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/mechanism.hpp"

namespace bell::compare {

std::vector<Mechanism> user_to_user() {
  std::vector<Mechanism> all;
  for (const auto family : {pipes, queues, semaphores, shared_memory, unix_sockets,
                            internet_sockets, netlink, eventfds, signals, io_urings}) {
    const auto rows = family();
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace bell::compare
