// SPDX-License-Identifier: BSD-3-Clause
//
// The registers of edu, BAR 0 of PCI device 1234:11e8, for the device and for its drivers. Those
// of 8 bytes can be accessed by 4 as well: a write sets the rest to zero.
// Source: QEMU's documentation, docs/specs/edu. Ours alone: the buffer's size, and dma::failed.
#pragma once

#include "vdev/pci/register.hpp"

namespace bellwire::edu {

constexpr std::uint16_t vendor_id = 0x1234;
constexpr std::uint16_t device_id = 0x11E8;
constexpr std::uint64_t bar_size = 1 << 20;

constexpr pci::Register<std::uint32_t, 0x00> identification{};
constexpr std::uint32_t identity = 0x0100'00ED;  ///< version 1.0, 0xED

constexpr pci::Register<std::uint32_t, 0x04>
    liveness{};  ///< reads as the inverse of what was written
constexpr pci::Register<std::uint32_t, 0x08> factorial{};  ///< of what was written, modulo 2^32

constexpr pci::Register<std::uint32_t, 0x20> status{};
constexpr std::uint32_t factorial_interrupts = 0x80;  ///< its only bit that can be written

constexpr pci::Register<std::uint32_t, 0x24> interrupt_status{};
constexpr std::uint32_t factorial_done = 0x1, dma_done = 0x100;  ///< bits of it

constexpr pci::Register<std::uint32_t, 0x60> interrupt_raise{};        ///< sets bits of the status
constexpr pci::Register<std::uint32_t, 0x64> interrupt_acknowledge{};  ///< clears them

/// One of source and destination is in the buffer, the other in the guest's memory; while a
/// transfer runs, writes to these four are ignored.
constexpr pci::Register<std::uint64_t, 0x80> dma_source{};
constexpr pci::Register<std::uint64_t, 0x88> dma_destination{};
constexpr pci::Register<std::uint64_t, 0x90> dma_count{};
constexpr pci::Register<std::uint64_t, 0x98> dma_command{};

namespace dma {
constexpr std::uint64_t run = 0x1;  ///< reads as 1 until the transfer has ended
constexpr std::uint64_t to_memory = 0x2;
constexpr std::uint64_t interrupts = 0x4;  ///< at the end, dma_done
constexpr std::uint64_t failed = 0x8;      ///< read only: the range was not all there
}  // namespace dma

/// Where the buffer is, as source and destination know it. QEMU's has 4096 bytes.
constexpr std::uint64_t buffer_address = 0x40000;
constexpr std::uint64_t buffer_size = 256 << 10;

}  // namespace bellwire::edu
