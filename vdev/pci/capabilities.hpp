// SPDX-License-Identifier: BSD-3-Clause
//
// The layouts of the capabilities: offsets from where one begins, and bits. Sources: PCI Local Bus
// Specification 3.0, 6.8.1 and 6.8.2; PCI Bus Power Management 1.2, 3.2; PCI Express Base 2.0, 7.8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bellwire::pci {

namespace power {
constexpr std::size_t size = 8;
constexpr std::size_t abilities = 2;  // 16 bits
constexpr std::uint16_t version = 3;
constexpr std::size_t control = 4;  // 16 bits
constexpr std::uint16_t state = 3 << 0;
constexpr std::uint16_t no_soft_reset = 1 << 3;
}  // namespace power

namespace msi {
constexpr std::size_t size = 24;
constexpr std::size_t control = 2;  // 16 bits
constexpr std::uint16_t enable = 1 << 0;
constexpr unsigned capable_shift = 1;  // log2 of the vectors
constexpr std::uint16_t granted = 7 << 4;
constexpr std::uint16_t wide = 1 << 7;  // 64-bit addresses
constexpr std::uint16_t maskable = 1 << 8;
constexpr std::size_t address = 4;  // 64 bits
constexpr std::uint64_t address_bits = ~std::uint64_t{3};
constexpr std::size_t data = 12;     // 16 bits
constexpr std::size_t mask = 16;     // 32 bits, one per vector
constexpr std::size_t pending = 20;  // likewise
}  // namespace msi

namespace msix {
constexpr std::size_t size = 12;
constexpr std::size_t control = 2;  // 16 bits; the low ones: vectors - 1
constexpr std::uint16_t function_mask = 1 << 14;
constexpr std::uint16_t enable = 1 << 15;
constexpr std::size_t table = 4;     // 32 bits: offset and BAR
constexpr std::size_t pending = 8;   // likewise
constexpr std::uint64_t entry = 16;  // bytes of the table, a vector
constexpr unsigned most_vectors = 2048;
}  // namespace msix

namespace express {
constexpr std::size_t size = 60;
constexpr std::size_t abilities = 2;  // 16 bits: version, and an endpoint's type, which is 0
constexpr std::uint16_t version = 2;
constexpr std::size_t device_abilities = 4;  // 32 bits
constexpr std::uint32_t role_based_errors = 1 << 15;
constexpr std::size_t device_control = 8;  // 16 bits
constexpr std::uint16_t relaxed_ordering = 1 << 4;
constexpr std::uint16_t no_snoop = 1 << 11;
constexpr std::uint16_t reads_of_512 = 2 << 12;
constexpr std::uint16_t device_control_bits = 0x78FF;  // what a driver may set without extensions
constexpr std::size_t link_abilities = 12;             // 32 bits
constexpr std::size_t link_control = 16;               // 16 bits
constexpr std::uint16_t link_control_bits = 3 << 6;    // common clock, extended synch
constexpr std::size_t link_status = 18;                // 16 bits
constexpr std::uint16_t slowest = 1 << 0;              // 2.5 GT/s …
constexpr std::uint16_t one_lane = 1 << 4;             // … on one lane
constexpr std::size_t link_speeds = 44;                // 32 bits, from bit 1 on
constexpr std::size_t link_target = 48;                // 16 bits
}  // namespace express

}  // namespace bellwire::pci
