// SPDX-License-Identifier: BSD-3-Clause
//
// FunctionLog: what was seen of a PCI function: counts, for `bellwire top`, and while somebody
// records, each event. The device's thread writes; any thread may read.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "vdev/pci/observe/observation.hpp"

namespace bellwire::host {

struct FunctionCounts {
  std::array<std::uint64_t, pci::event_kinds> events{};  ///< interrupts: those that were raised
  std::uint64_t dma_bytes = 0;
  std::uint64_t failed = 0;  ///< transfers

  [[nodiscard]] std::uint64_t of(pci::EventKind kind) const noexcept {
    return events[static_cast<std::size_t>(kind)];
  }
};

class FunctionLog final : public pci::Observer {
 public:
  /// The most events of one recording; more are lost.
  static constexpr std::size_t usual_room = std::size_t{1} << 20;

  explicit FunctionLog(std::size_t room = usual_room) noexcept : room_(room) {}

  void saw(const pci::Event& event, std::span<const std::byte> bytes) noexcept override;

  [[nodiscard]] FunctionCounts counts() const;

  /// Every event is kept from now on.
  void begin();
  /// How many are kept.
  [[nodiscard]] std::uint64_t recorded() const;

  struct Recorded {
    std::vector<pci::Event> events;
    std::uint64_t lost = 0;
  };
  /// Returns what was kept, and keeps no more.
  [[nodiscard]] Recorded end();

 private:
  void keep(const pci::Event& event);

  const std::size_t room_;
  mutable std::mutex mutex_;  // of all that follows
  FunctionCounts counts_;
  bool recording_ = false;
  Recorded recorded_;
};

}  // namespace bellwire::host
