// SPDX-License-Identifier: BSD-3-Clause
//
// What a PCI function says of itself: who it is, and which memory it decodes.
// Source: PCI Local Bus Specification 3.0, 6.2.1 and 6.2.5.
#pragma once

#include <cstdint>

namespace bellwire::pci {

constexpr unsigned most_bars = 6;
constexpr std::uint64_t page_size = 4096;  ///< what guests map by

struct Identity {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem_device = 0;
  std::uint32_t class_code = 0xFF0000;  ///< 24 bits: class, subclass, interface; "other" at first
  std::uint8_t revision = 0;
};

enum class BarKind { none, io, memory32, memory64 };

struct BarShape {
  BarKind kind = BarKind::none;
  std::uint64_t size = 0;  ///< a power of two; at least 4 (io) or 16 bytes
  bool prefetchable = false;
};

}  // namespace bellwire::pci
