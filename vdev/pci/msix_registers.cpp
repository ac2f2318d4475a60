// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/msix_registers.hpp"

#include <algorithm>
#include <bit>

#include "vdev/pci/capabilities.hpp"

namespace bellwire::pci {
namespace {
constexpr std::uint64_t word = 4;
constexpr std::uint64_t control_word = 3;  // of an entry
constexpr std::uint32_t mask_bit = 1;
}  // namespace

MsixRegisters::MsixRegisters(Interrupts& interrupts)
    : interrupts_(interrupts),
      targets_(interrupts.count(InterruptKind::msix)),
      pending_at_(shape(interrupts.count(InterruptKind::msix)).size / 2) {}

BarShape MsixRegisters::shape(unsigned vectors) noexcept {
  return {BarKind::memory32, std::max(page_size, 2 * std::bit_ceil(vectors * msix::entry))};
}

MsixPlace MsixRegisters::place(unsigned vectors, unsigned bar) noexcept {
  return {vectors, bar, 0, static_cast<std::uint32_t>(shape(vectors).size / 2)};
}

std::uint32_t MsixRegisters::load(std::uint64_t offset) const noexcept {
  if (offset >= pending_at_) return pending_from((offset - pending_at_) * 8);
  const auto vector = offset / msix::entry;
  const auto part = offset % msix::entry / word;
  if (vector >= targets_.size()) return 0;
  if (part != control_word) return targets_[vector].words[part];
  return interrupts_.masked(InterruptKind::msix, static_cast<unsigned>(vector)) ? mask_bit : 0;
}

void MsixRegisters::store(std::uint64_t offset, std::uint32_t value) noexcept {
  const auto vector = offset / msix::entry;
  const auto part = offset % msix::entry / word;
  if (offset >= pending_at_ || vector >= targets_.size()) return;
  if (part != control_word)
    targets_[vector].words[part] = value;
  else
    interrupts_.set_masked(InterruptKind::msix, static_cast<unsigned>(vector),
                           (value & mask_bit) != 0);
}

std::uint32_t MsixRegisters::pending_from(std::uint64_t first) const noexcept {
  std::uint32_t bits = 0;
  for (unsigned bit = 0; bit < 32 && first + bit < targets_.size(); ++bit)
    if (interrupts_.pending(InterruptKind::msix, static_cast<unsigned>(first) + bit))
      bits |= std::uint32_t{1} << bit;
  return bits;
}

std::uint64_t MsixRegisters::read(std::uint64_t offset, unsigned size) noexcept {
  const auto aligned = offset & ~(word - 1);
  if (size == 8) return load(aligned) | std::uint64_t{load(aligned + word)} << 32;
  const auto bits = load(aligned) >> (offset % word * 8);
  return size == word ? bits : bits & ((std::uint32_t{1} << size * 8) - 1);
}

void MsixRegisters::write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept {
  if (size < word || offset % word != 0) return;
  store(offset, static_cast<std::uint32_t>(value));
  if (size == 8) store(offset + word, static_cast<std::uint32_t>(value >> 32));
}

void MsixRegisters::reset() noexcept {
  std::ranges::fill(targets_, Target{});
}

}  // namespace bellwire::pci
