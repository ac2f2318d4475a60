// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/interrupts.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

#include "vdev/pci/capabilities.hpp"

namespace bellwire::pci {

Interrupts::Interrupts(const InterruptCounts& counts)
    : counts_(counts), lines_(std::max(counts.msi, counts.msix)) {}

Interrupt Interrupts::vector(unsigned index) const {
  if (index < lines_.size()) return lines_[index].line.interrupt();
  throw std::out_of_range("interrupt vector " + std::to_string(index) + ": the device's plan has " +
                          std::to_string(lines_.size()) + ", counted from 0");
}

unsigned Interrupts::count(InterruptKind kind) const noexcept {
  switch (kind) {
    case InterruptKind::intx:
      return counts_.intx ? 1 : 0;
    case InterruptKind::msi:
      return counts_.msi;
    case InterruptKind::msix:
      return counts_.msix;
  }
  return 0;
}

bool Interrupts::open(const Vector& vector) const noexcept {
  if (user_ == InterruptKind::msi) return !vector.msi_masked;
  return !vector.msix_masked && !all_masked_;
}

// Puts the eventfd of a connected vector where it belongs: into its line, or aside.
void Interrupts::settle(Vector& vector) noexcept {
  if (!vector.connected) return;
  if (!open(vector)) {
    if (auto event = vector.line.unbind()) vector.parked = std::move(event);
  } else if (vector.parked) {
    vector.line.bind(*std::exchange(vector.parked, std::nullopt));
  }
}

void Interrupts::settle_all() noexcept {
  for (auto& vector : lines_) settle(vector);
}

void Interrupts::drop(Vector& vector) noexcept {
  vector.line.unbind();
  vector.parked.reset();
  vector.connected = false;
}

// One notice per level: the next is due when the guest has unmasked it, if it is still asserted.
void Interrupts::signal_intx() noexcept {
  if (!intx_.asserted || intx_.signalled || intx_.disabled || !intx_.event) return;
  intx_.signalled = true;
  intx_.event->ring();
}

void Interrupts::set_intx(bool asserted) noexcept {
  intx_.asserted = asserted;
  signal_intx();
}

void Interrupts::disable_intx(bool disabled) noexcept {
  intx_.disabled = disabled;
  signal_intx();
}

void Interrupts::told_disconnected(InterruptKind kind, unsigned index) noexcept {
  if (tap_ != nullptr) tap_->disconnected(kind, index);
}

void Interrupts::connect(InterruptKind kind, unsigned index, os::EventFd event) noexcept {
  if (tap_ != nullptr) event = tap_->connected(kind, index, std::move(event));
  if (kind == InterruptKind::intx) {
    intx_.event = std::move(event);
    intx_.signalled = false;
    return signal_intx();
  }
  if (user_ != kind) disconnect(user_);
  user_ = kind;
  auto& vector = lines_[index];
  vector.line.unbind();
  vector.parked = std::move(event);
  vector.connected = true;
  (kind == InterruptKind::msi ? vector.msi_masked : vector.msix_masked) = false;
  settle(vector);
}

void Interrupts::disconnect(InterruptKind kind, unsigned index) noexcept {
  told_disconnected(kind, index);
  if (kind == InterruptKind::intx)
    intx_.event.reset();
  else if (kind == user_)
    drop(lines_[index]);
}

void Interrupts::disconnect(InterruptKind kind) noexcept {
  for (unsigned index = 0; index < count(kind); ++index) told_disconnected(kind, index);
  if (tap_ != nullptr) tap_->disconnected_all(kind);
  if (kind == InterruptKind::intx) {
    intx_.event.reset();
  } else if (kind == user_) {
    for (auto& vector : lines_) drop(vector);
    user_ = InterruptKind::intx;
  }
}

void Interrupts::set_masked(InterruptKind kind, unsigned index, bool masked) noexcept {
  if (tap_ != nullptr) tap_->masked(kind, index, masked);
  if (kind == InterruptKind::intx) {
    intx_.signalled = masked;
    return signal_intx();
  }
  auto& vector = lines_[index];
  (kind == InterruptKind::msi ? vector.msi_masked : vector.msix_masked) = masked;
  settle(vector);
}

bool Interrupts::masked(InterruptKind kind, unsigned index) const noexcept {
  if (kind == InterruptKind::intx) return intx_.signalled;
  const auto& vector = lines_[index];
  return kind == InterruptKind::msi ? vector.msi_masked : vector.msix_masked;
}

bool Interrupts::pending(InterruptKind kind, unsigned index) const noexcept {
  if (kind == InterruptKind::intx) return intx_.asserted;
  return lines_[index].line.pending();
}

void Interrupts::trigger(InterruptKind kind, unsigned index) noexcept {
  if (tap_ != nullptr) tap_->triggered(kind, index);
  if (kind != InterruptKind::intx)
    lines_[index].line.interrupt().raise();
  else if (intx_.event)
    intx_.event->ring();
}

void Interrupts::mask_all(bool masked) noexcept {
  if (std::exchange(all_masked_, masked) != masked) settle_all();
}

void Interrupts::reset() noexcept {
  for (auto& vector : lines_) {
    vector.line.clear();
    vector.msi_masked = false;
    vector.msix_masked = !(vector.connected && user_ == InterruptKind::msix);
  }
  intx_.asserted = intx_.signalled = false;
  settle_all();
}

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
