// SPDX-License-Identifier: BSD-3-Clause
//
// FunctionJournal: writes what crosses between a PCI function and its client into a journal, as an
// Observation shows it (vdev/pci/observe/observation.hpp). An entry is written before the device
// sees what it is about, so that the device's own entries follow it, and so that the last entry of
// a process that crashed is what it crashed of.
//
// A device may also do something by itself: a timer of its context runs out. So a device that is
// recorded has a context of its own; run_recorded() runs both, and an entry says when a handler of
// the device's ran (docs/decisions, "A function's own handlers are recorded").
//
// On the device's thread.
#pragma once

#include <boost/asio/io_context.hpp>

#include "vdev/pci/observe/observation.hpp"
#include "vdev/replay/journal_writer.hpp"

namespace bellwire::replay {

class FunctionJournal final : public pci::Observer {
 public:
  /// The writer must outlive it.
  explicit FunctionJournal(JournalWriter& writer) noexcept : writer_(writer) {}

  /// EINVAL: it has memory that its client maps, or doorbells that the client's kernel takes, which
  /// nobody can see.
  [[nodiscard]] static Result<void> check(const pci::Function& function);

  void saw(const pci::Event& event, std::span<const std::byte> bytes) noexcept override;
  void begins(const pci::Event& event, std::span<const std::byte> bytes) noexcept override;
  void transfer_returned() noexcept override;
  void wired(pci::InterruptKind kind, unsigned index, pci::WireAct act) noexcept override;
  void client(bool here) noexcept override;
  void region(bool here, const AddressRange& range) noexcept override;
  void used_directly(std::uint64_t address) noexcept override;

  /// Runs a handler of the device's context, if one is ready. False: none was.
  bool run_handler(boost::asio::io_context& own);

 private:
  void add(EntryKind kind, std::uint32_t number,
           std::initializer_list<std::span<const std::byte>> parts = {}) noexcept;
  void add_transfer(bool ended) noexcept;

  JournalWriter& writer_;
  bool turns_ = false;   // a handler of the device's runs, and nothing came of it yet
  bool waits_ = false;   // its context has something under way
  bool direct_ = false;  // it was seen to use memory by itself
  unsigned inside_ = 0;  // accesses and resets
  // The transfer that begins just now, if it has not ended; its number is 0 otherwise.
  pci::Event begun_;
  std::span<const std::byte> begun_bytes_;
};

/// Runs `context`, which the transport has, and `own`, which the recorded device has, until
/// `context` is stopped. What the device does by itself comes up to a millisecond late.
void run_recorded(boost::asio::io_context& context, boost::asio::io_context& own,
                  FunctionJournal& journal);

}  // namespace bellwire::replay
