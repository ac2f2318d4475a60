// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/interrupts.hpp"

#include <algorithm>

namespace bellwire::pci {

Interrupts::Interrupts(const InterruptCounts& counts)
    : counts_(counts), lines_(std::max(counts.msi, counts.msix)) {}

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

// One notice a level: the next is due when the guest has unmasked it, if it is still asserted.
void Interrupts::tell() noexcept {
  if (!intx_.asserted || intx_.told || intx_.disabled || !intx_.event) return;
  intx_.told = true;
  intx_.event->ring();
}

void Interrupts::set_intx(bool asserted) noexcept {
  intx_.asserted = asserted;
  tell();
}

void Interrupts::disable_intx(bool disabled) noexcept {
  intx_.disabled = disabled;
  tell();
}

void Interrupts::connect(InterruptKind kind, unsigned index, os::EventFd event) noexcept {
  if (kind == InterruptKind::intx) {
    intx_.event = std::move(event);
    intx_.told = false;
    return tell();
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
  if (kind == InterruptKind::intx)
    intx_.event.reset();
  else if (kind == user_)
    drop(lines_[index]);
}

void Interrupts::disconnect(InterruptKind kind) noexcept {
  if (kind == InterruptKind::intx) {
    intx_.event.reset();
  } else if (kind == user_) {
    for (auto& vector : lines_) drop(vector);
    user_ = InterruptKind::intx;
  }
}

void Interrupts::set_masked(InterruptKind kind, unsigned index, bool masked) noexcept {
  if (kind == InterruptKind::intx) {
    intx_.told = masked;
    return tell();
  }
  auto& vector = lines_[index];
  (kind == InterruptKind::msi ? vector.msi_masked : vector.msix_masked) = masked;
  settle(vector);
}

bool Interrupts::masked(InterruptKind kind, unsigned index) const noexcept {
  if (kind == InterruptKind::intx) return intx_.told;
  const auto& vector = lines_[index];
  return kind == InterruptKind::msi ? vector.msi_masked : vector.msix_masked;
}

bool Interrupts::pending(InterruptKind kind, unsigned index) const noexcept {
  if (kind == InterruptKind::intx) return intx_.asserted;
  return lines_[index].line.pending();
}

void Interrupts::trigger(InterruptKind kind, unsigned index) noexcept {
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
  intx_.asserted = intx_.told = false;
  settle_all();
}

}  // namespace bellwire::pci
