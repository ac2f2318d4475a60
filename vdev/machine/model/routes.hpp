// SPDX-License-Identifier: BSD-3-Clause
//
// Routes: a model of the table behind KVM_SET_GSI_ROUTING, which leads each GSI to messages or to
// inputs of the I/O APIC. (Inputs of the old PIC may be named, and lead nowhere.)
// One thread at a time. Source: docs/semantics.md, 36, 37.
#pragma once

#include <linux/kvm.h>

#include <map>
#include <optional>
#include <span>

#include "vdev/machine/model/apic.hpp"

namespace bellwire::machine {

/// Who drives a line: its state is kept apart for each.
enum class Source : unsigned { user_space = 0, resample = 1 };

class Routes {
 public:
  explicit Routes(Apic& apic) noexcept : apic_(apic) {}

  /// Replaces them all, or none. EINVAL.
  [[nodiscard]] int set(std::span<const kvm_irq_routing_entry> entries);

  /// What the GSI leads to: a message is sent by a rising line, an input follows it.
  void drive(std::uint32_t gsi, Source source, bool high);

  [[nodiscard]] bool is_message(std::uint32_t gsi) const;
  /// The GSI that leads to that input.
  [[nodiscard]] std::optional<std::uint32_t> gsi_of(unsigned pin) const;

 private:
  Apic& apic_;
  std::multimap<std::uint32_t, kvm_irq_routing_entry> entries_;
};

}  // namespace bellwire::machine
