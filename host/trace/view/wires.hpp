// SPDX-License-Identifier: BSD-3-Clause
//
// What the wires between the sides are on a transport, in the words of docs/architecture.md.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace bellwire::view {

struct Wires {
  std::string_view transport;
  std::string_view guest, host;  ///< where process and module are, and where the device is
  std::string_view kick, doorbell, interrupt, call;
  std::string_view memory;
};

constexpr std::array<Wires, 5> all_wires = {{
    {"ivshmem", "guest", "host", "kick eventfd", "ioeventfd", "irqfd, MSI-X", "call eventfd",
     "shared memory: BAR2 in the guest"},
    {"vfio-user", "guest", "host", "kick eventfd", "BAR write", "eventfd, MSI-X", "call eventfd",
     "shared memory: the guest's own"},
    {"kvm", "guest, in assembly", "host", "", "KVM_IOEVENTFD", "KVM_IRQFD", "",
     "shared memory: a slot on a memfd"},
    {"in-process", "the driver's thread", "the device's thread", "", "ioeventfd, modelled",
     "irqfd, modelled", "", "shared memory: a memfd"},
    {"", "guest", "host", "kick", "doorbell", "interrupt", "call", "shared memory"},
}};

/// Of a transport that nobody knows, the last.
constexpr const Wires& wires_of(std::string_view transport) {
  return *std::ranges::find_if(all_wires, [transport](const Wires& wires) {
    return wires.transport.empty() || wires.transport == transport;
  });
}

}  // namespace bellwire::view
