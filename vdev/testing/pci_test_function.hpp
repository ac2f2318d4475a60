// SPDX-License-Identifier: BSD-3-Clause
//
// TestFunction: a PCI function for tests that has one of everything.
#pragma once

#include <algorithm>
#include <atomic>

#include "vdev/pci/function.hpp"

namespace bellwire::vfio_user {

/// BAR 0: registers. BAR 1: 16 KiB, whose last two pages can be mapped. BAR 2: ports. BAR 4: MSI-X.
class TestFunction final : public pci::Function, private RegisterBlock {
 public:
  static constexpr unsigned vectors = 4;
  static constexpr pci::Register<std::uint32_t, 0x00> scratch{};
  static constexpr pci::Register<std::uint32_t, 0x04> raise{};     // the vector written
  static constexpr pci::Register<std::uint32_t, 0x08> level{};     // INTx
  static constexpr pci::Register<std::uint32_t, 0x0C> result{};    // of the last DMA: an errno
  static constexpr pci::Register<std::uint64_t, 0x10> address{};   // of DMA
  static constexpr pci::Register<std::uint32_t, 0x18> fetch{};     // bytes into the buffer …
  static constexpr pci::Register<std::uint32_t, 0x1C> put{};       // … and back
  static constexpr pci::Register<std::uint32_t, 0x20> finished{};  // DMAs so far
  static constexpr pci::Register<std::uint8_t, 0x30> narrow{};     // counts its writes
  static constexpr unsigned in_flight = ~0U;

  /// `room`: the size of the buffer for DMA.
  explicit TestFunction(std::size_t room = std::size_t{512} << 10)
      : Function(plan(*this)), buffer(room) {}

  std::vector<std::byte> buffer;
  std::atomic<unsigned> resets = 0;
  const os::EventFd doorbell = bars()[0].doorbells[0].event.duplicate().value();

 private:
  static pci::Plan plan(TestFunction& self) {
    pci::Plan plan;
    plan.identity = {.vendor = 0x1AF4, .device = 0x10F0, .subsystem_vendor = 0x1AF4};
    plan.bars[0] = {.shape = {pci::BarKind::memory32, 4096}, .registers = &self};
    plan.bars[1] = {.shape = {pci::BarKind::memory32, 16384}};
    plan.bars[1].memory = pci::BarMemory::create(os::create_memfd("test", 16384).value(), 16384,
                                                 {{8192, 4096}, {12288, 4096}})
                              .value();
    plan.bars[0].doorbells.push_back(
        {.offset = raise.offset, .size = 4, .event = os::EventFd::create_shared().value()});
    plan.bars[2] = {.shape = {pci::BarKind::io, 64}};
    plan.intx = true;
    plan.msi = 2;
    plan.msix = {.vectors = vectors};
    plan.express = true;
    return plan;
  }

  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override {
    if (scratch.matches(offset, size)) return scratch_;
    if (result.matches(offset, size)) return result_;
    if (address.matches(offset, size)) return address_;
    if (finished.matches(offset, size)) return finished_;
    if (narrow.matches(offset, size)) return narrow_;
    return 0;
  }

  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override {
    if (scratch.matches(offset, size)) scratch_ = static_cast<std::uint32_t>(value);
    if (raise.matches(offset, size)) interrupts().vector(value % vectors).raise();
    if (level.matches(offset, size)) interrupts().set_intx(value != 0);
    if (address.matches(offset, size)) address_ = value;
    if (narrow.matches(offset, size)) ++narrow_;
    if (fetch.matches(offset, size)) memory().read(address_, begin(value), done());
    if (put.matches(offset, size)) memory().write(address_, begin(value), done());
  }

  std::span<std::byte> begin(std::uint64_t size) {
    result_ = in_flight;
    return std::span(buffer).first(std::min<std::uint64_t>(size, buffer.size()));
  }

  DmaDone done() {
    return [this](const Result<void>& outcome) {
      result_ = outcome ? 0 : static_cast<unsigned>(outcome.error().code.value());
      ++finished_;
      interrupts().vector(0).raise();
    };
  }

  void on_reset() noexcept override {
    scratch_ = 0;
    ++resets;
  }

  std::uint32_t scratch_ = 0;
  std::uint32_t result_ = 0;
  std::uint64_t address_ = 0;
  std::uint32_t finished_ = 0;
  std::uint32_t narrow_ = 0;
};

}  // namespace bellwire::vfio_user
