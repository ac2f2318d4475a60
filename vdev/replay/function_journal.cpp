// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/function_journal.hpp"

#include <chrono>

#include "vdev/log/log.hpp"

namespace bellwire::replay {
namespace {

using pci::Event;
using pci::EventKind;

constexpr std::chrono::milliseconds most_idle{1};  // between two looks at the device's context

bool is_transfer(const Event& event) noexcept {
  return event.kind == EventKind::dma_read || event.kind == EventKind::dma_write;
}

AccessBody body_of(const Event& event) noexcept {
  const bool config = event.kind == EventKind::config_read || event.kind == EventKind::config_write;
  const bool write = event.kind == EventKind::write || event.kind == EventKind::config_write;
  return {.offset = event.where,
          .size = event.size,
          .bar = config ? AccessBody::config_space : event.bar,
          .write = static_cast<std::uint8_t>(write ? 1 : 0)};
}

}  // namespace

Result<void> FunctionJournal::check(const pci::Function& function) {
  for (unsigned index = 0; const auto& bar : function.bars()) {
    if (bar.memory || !bar.doorbells.empty())
      return fault(std::errc::invalid_argument,
                   "BAR {} has {}, which nobody sees; only a function whose BARs are registers "
                   "alone is recorded",
                   index, bar.memory ? "memory that its client maps" : "doorbells for eventfds");
    ++index;
  }
  return {};
}

void FunctionJournal::add(EntryKind kind, std::uint32_t number,
                          std::initializer_list<std::span<const std::byte>> parts) noexcept {
  if (std::exchange(turns_, false)) writer_.add(EntryKind::turn, 0, 0, {});
  writer_.add(kind, 0, number, parts);
}

void FunctionJournal::begins(const Event& event, std::span<const std::byte> bytes) noexcept {
  if (is_transfer(event)) {
    begun_ = event;
    begun_bytes_ = bytes;
    return;
  }
  ++inside_;
  if (event.kind == EventKind::reset) return add(EntryKind::reset, 0);
  add(EntryKind::access, 0, {bytes_of(body_of(event)), bytes});
}

void FunctionJournal::add_transfer(bool ended) noexcept {
  const bool write = begun_.kind == EventKind::dma_write;
  const TransferBody body{.address = begun_.where,
                          .size = begun_bytes_.size(),
                          .write = write ? 1U : 0U,
                          .ended = ended ? 1U : 0U,
                          .error = static_cast<std::uint32_t>(begun_.error)};
  const bool known = write || (ended && begun_.error == 0);
  add(EntryKind::transfer, begun_.transfer,
      {bytes_of(body), known ? begun_bytes_ : std::span<const std::byte>()});
  begun_.transfer = 0;
}

void FunctionJournal::transfer_returned() noexcept {
  if (begun_.transfer != 0) add_transfer(false);
}

void FunctionJournal::saw(const Event& event, std::span<const std::byte> bytes) noexcept {
  if (event.kind == EventKind::interrupt) {
    const InterruptBody body{event.size};
    return add(EntryKind::interrupt, static_cast<std::uint32_t>(event.where), {bytes_of(body)});
  }
  if (is_transfer(event)) {
    if (event.transfer == begun_.transfer) {
      begun_.error = event.error;
      return add_transfer(true);
    }
    const TransferredBody body{.error = static_cast<std::uint32_t>(event.error)};
    const bool read = event.kind == EventKind::dma_read && event.error == 0;
    return add(EntryKind::transferred, event.transfer,
               {bytes_of(body), read ? bytes : std::span<const std::byte>()});
  }
  --inside_;
  if (event.kind == EventKind::read || event.kind == EventKind::config_read)
    add(EntryKind::answer, 0, {bytes});
}

// What an access does to an interrupt comes of it again in a replay.
void FunctionJournal::wired(pci::InterruptKind kind, unsigned index, pci::WireAct act) noexcept {
  if (inside_ > 0) return;
  const WireBody body{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(act)};
  add(EntryKind::wire, index, {bytes_of(body)});
}

void FunctionJournal::client(bool here) noexcept {
  add(EntryKind::client, here ? 1 : 0);
}

void FunctionJournal::region(bool here, const AddressRange& range) noexcept {
  const RegionBody body{range.first(), range.last()};
  add(EntryKind::region, here ? 1 : 0, {bytes_of(body)});
}

void FunctionJournal::used_directly(std::uint64_t address) noexcept {
  if (std::exchange(direct_, true)) return;
  log::warning(
      "the device uses the guest's memory at {:#x} by map() or bytes(): what it does there "
      "is not recorded, and a replay will differ",
      address);
  add(EntryKind::direct, 0, {bytes_of(address)});
}

bool FunctionJournal::run_handler(boost::asio::io_context& own) {
  if (own.stopped()) own.restart();
  turns_ = true;
  const bool ran = own.poll_one() > 0;
  if (std::exchange(turns_, false) && ran) writer_.add(EntryKind::turn, 0, 0, {});
  if (!ran && std::exchange(waits_, !own.stopped()) != waits_)
    writer_.add(EntryKind::waiting, 0, waits_ ? 1 : 0, {});
  return ran;
}

void run_recorded(boost::asio::io_context& context, boost::asio::io_context& own,
                  FunctionJournal& journal) {
  while (!context.stopped()) {
    if (journal.run_handler(own))
      (void)context.poll_one();
    else
      (void)context.run_one_for(most_idle);
  }
}

}  // namespace bellwire::replay
