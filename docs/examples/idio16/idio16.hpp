// SPDX-License-Identifier: BSD-3-Clause
//
// idio16: 16 lines out of the guest and 16 into it, as the card PCI-IDIO-16 of ACCES has them, so
// that Linux's own driver binds to it (drivers/gpio/gpio-pci-idio-16.c, where its registers stand).
#pragma once

#include <functional>

#include "vdev/pci/function.hpp"

class Idio16 : public bellwire::pci::Function, private bellwire::RegisterBlock {
 public:
  /// `on_outputs` gets all 16 when the guest has changed one.
  explicit Idio16(std::function<void(std::uint16_t)> on_outputs = [](std::uint16_t) {});

  [[nodiscard]] std::uint16_t outputs() const noexcept { return outputs_; }
  void set_inputs(std::uint16_t lines);

 private:
  static bellwire::pci::Plan plan(bellwire::RegisterBlock& registers);
  std::uint64_t read(std::uint64_t offset, unsigned size) noexcept override;
  void write(std::uint64_t offset, unsigned size, std::uint64_t value) noexcept override;
  void on_reset() noexcept override;
  void set_outputs(std::uint64_t lines);
  void clear_interrupt();

  std::function<void(std::uint16_t)> on_outputs_;
  std::uint16_t outputs_ = 0, inputs_ = 0;
  unsigned status_ = 0;  // of interrupts
  bool interrupts_wanted_ = false;
};
