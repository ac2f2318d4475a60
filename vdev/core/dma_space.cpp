// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/core/dma_space.hpp"

#include <algorithm>

namespace bellwire {
namespace {
constexpr std::size_t most_regions = 65535;  // the protocol's default
constexpr std::size_t most_carried = 1024;   // transfers that wait for the guest's answer

// add() refuses a region that is not a range.
AddressRange range_of(const DmaRegion& region) {
  return *AddressRange::create(region.address, region.size);
}

template <class Mapped>
std::uint64_t first_of(const Mapped& mapped) noexcept {
  return mapped.range.first();
}

}  // namespace

struct DmaSpace::Transfer {
  std::uint64_t address;
  std::span<std::byte> bytes;  // what is left; a write only reads them
  Direction direction;
  DmaDone done;

  void skip(std::size_t size) {
    address += size;
    bytes = bytes.subspan(size);
  }
};

const DmaRegion* DmaSpace::find(std::uint64_t address) const noexcept {
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return nullptr;
  const auto& region = std::prev(next)->second;
  return range_of(region).contains(address) ? &region : nullptr;
}

std::optional<MemoryView> DmaSpace::map(std::uint64_t address, std::uint64_t size) const {
  const auto* const region = find(address);
  if (region == nullptr || !region->memory || !region->readable || !region->writable)
    return std::nullopt;
  if (observer_ != nullptr) observer_->used_directly(address);
  return region->memory->part(address - region->address, size);
}

bool DmaSpace::find_mapped(std::uint64_t address) const noexcept {
  const auto next = std::ranges::upper_bound(mapped_, address, {}, first_of<Mapped>);
  if (next == mapped_.begin() || !std::prev(next)->range.contains(address)) return false;
  if (observer_ != nullptr) observer_->used_directly(address);
  last_found_ = static_cast<std::size_t>(std::prev(next) - mapped_.begin());
  return true;
}

void DmaSpace::add_mapped(const DmaRegion& region) {
  if (!region.memory || !region.readable || !region.writable) return;
  const auto next = std::ranges::upper_bound(mapped_, region.address, {}, first_of<Mapped>);
  mapped_.insert(next, {range_of(region), region.memory->bytes().data()});
}

void DmaSpace::erase_mapped(const AddressRange& range) {
  const auto found = std::ranges::lower_bound(mapped_, range.first(), {}, first_of<Mapped>);
  if (found != mapped_.end() && found->range == range) mapped_.erase(found);
}

void DmaSpace::read(std::uint64_t address, std::span<std::byte> into, DmaDone done) {
  (this->*begin_)(address, into, Direction::read, std::move(done));
}

void DmaSpace::write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) {
  (this->*begin_)(address, {const_cast<std::byte*>(from.data()), from.size()}, Direction::write,
                  std::move(done));
}

void DmaSpace::begin_observed(std::uint64_t address, std::span<std::byte> bytes,
                              Direction direction, DmaDone done) {
  begin(address, bytes, direction,
        observer_->began(direction == Direction::write, address, bytes, std::move(done)));
  if (observer_ != nullptr) observer_->returned();
}

void DmaSpace::begin_served(std::uint64_t address, std::span<std::byte> bytes, Direction direction,
                            DmaDone done) {
  server_->begin(direction == Direction::write, address, bytes, std::move(done));
}

void DmaSpace::begin(std::uint64_t address, std::span<std::byte> bytes, Direction direction,
                     DmaDone done) {
  if (canceling_) return done(fault(std::errc::operation_canceled, "the device is being reset"));
  if (!bytes.empty() && !AddressRange::create(address, bytes.size()))
    return done(fault(std::errc::bad_address, "{} bytes at {:#x} go past the end of all addresses",
                      bytes.size(), address));
  advance(std::make_shared<Transfer>(Transfer{address, bytes, direction, std::move(done)}));
}

// Runs until the transfer is done, or a part has to be carried by messages: it continues here when
// that part has arrived. Regions are looked up anew for each part, since they may have gone
// meanwhile.
void DmaSpace::advance(const std::shared_ptr<Transfer>& transfer) {
  auto& [address, bytes, direction, done] = *transfer;
  const bool reads = direction == Direction::read;
  while (!bytes.empty()) {
    const auto* const region = find(address);
    if (region == nullptr || (!region->memory && carrier_ == nullptr))
      return done(fault(std::errc::bad_address, "the guest has no memory at {:#x}", address));
    if (!(reads ? region->readable : region->writable))
      return done(fault(std::errc::permission_denied, "the guest's memory at {:#x} may not be {}",
                        address, reads ? "read" : "written"));
    const auto range = range_of(*region);
    const auto size = std::min<std::uint64_t>(bytes.size(), range.bytes_from(address));
    const auto part = bytes.first(size);
    if (!region->memory) return carry(transfer, part);
    const auto memory = region->memory->bytes().subspan(range.offset_of(address), size);
    if (reads)
      std::ranges::copy(memory, part.begin());
    else
      std::ranges::copy(part, memory.begin());
    transfer->skip(size);
  }
  done({});
}

void DmaSpace::carry(const std::shared_ptr<Transfer>& transfer, std::span<std::byte> part) {
  if (carried_ == most_carried)
    return transfer->done(fault(std::errc::no_buffer_space,
                                "{} transfers are waiting for the guest already", carried_));
  ++carried_;
  auto arrived = [this, transfer, size = part.size()](const Result<void>& result) {
    --carried_;
    if (!result) return transfer->done(result.error());
    transfer->skip(size);
    advance(transfer);
  };
  if (transfer->direction == Direction::read)
    return carrier_->read(transfer->address, part, std::move(arrived));
  return carrier_->write(transfer->address, part, std::move(arrived));
}

Result<void> DmaSpace::add(DmaRegion region) {
  const auto range = AddressRange::create(region.address, region.size);
  if (!range)
    return fault(std::errc::invalid_argument, "{} bytes at {:#x} are not a DMA region", region.size,
                 region.address);
  if (regions_.size() >= most_regions)
    return fault(std::errc::no_space_on_device,
                 "there are {} DMA regions already, the most that are allowed", regions_.size());
  const auto next = regions_.lower_bound(region.address);
  const bool meets_next = next != regions_.end() && range->contains(next->first);
  if (meets_next || find(region.address) != nullptr)
    return fault(std::errc::file_exists, "{} bytes at {:#x} overlap another DMA region",
                 region.size, region.address);
  add_mapped(region);
  regions_.emplace(region.address, std::move(region));
  added_.call(*range);
  return {};
}

Result<void> DmaSpace::remove(std::uint64_t address, std::uint64_t size) {
  const auto found = regions_.find(address);
  if (found == regions_.end() || found->second.size != size)
    return fault(std::errc::no_such_file_or_directory, "no DMA region has {} bytes at {:#x}", size,
                 address);
  erase(found);
  return {};
}

// From the last one on, which is removed from the end of `mapped_`.
void DmaSpace::clear() {
  while (!regions_.empty()) erase(std::prev(regions_.end()));
}

// The carrier's transfers end after the region is gone, since a listener could otherwise begin new
// ones.
void DmaSpace::erase(std::map<std::uint64_t, DmaRegion>::iterator region) {
  const auto range = range_of(region->second);
  revoked_.call(range);
  regions_.erase(region);
  erase_mapped(range);
  drop(range,
       fault(std::errc::bad_address, "the guest took back its memory at {:#x}", range.first()));
}

void DmaSpace::cancel() {
  if (server_ != nullptr) return server_->cancel();
  canceling_ = true;
  for (const auto& [address, region] : regions_)
    if (!region.memory)
      drop(range_of(region), fault(std::errc::operation_canceled, "the device was reset"));
  canceling_ = false;
}

void DmaSpace::drop(const AddressRange& range, const Error& why) {
  if (carrier_ != nullptr && carried_ > 0) carrier_->drop(range, why);
}

}  // namespace bellwire
