// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/memory_slots.hpp"

#include <algorithm>

#include "vdev/core/address_range.hpp"

namespace bellwire::vhost_user {
namespace {

// Every page size divides it: a mapping that begins at a multiple of it suits every file.
constexpr std::uint64_t largest_page = std::uint64_t{1} << 30;

bool overlap(std::uint64_t one, std::uint64_t one_size, std::uint64_t other,
             std::uint64_t other_size) {
  return AddressRange::create(one, one_size)->overlaps(*AddressRange::create(other, other_size));
}

// Both are regions that have been checked.
bool overlap(const MemoryRegion& one, const MemoryRegion& other) {
  return overlap(one.guest_address, one.size, other.guest_address, other.size) ||
         overlap(one.user_address, one.size, other.user_address, other.size);
}

Result<void> check(const MemoryRegion& region) {
  if (AddressRange::create(region.guest_address, region.size) &&
      AddressRange::create(region.user_address, region.size))
    return {};
  return fault(std::errc::invalid_argument,
               "a region of {:#x} bytes at guest address {:#x}, user address {:#x}: it is empty or "
               "goes past the end of all addresses",
               region.size, region.guest_address, region.user_address);
}

Error overlap_fault(const MemoryRegion& region) {
  return fault(
      std::errc::file_exists,
      "a region of {:#x} bytes at guest address {:#x}, user address {:#x} overlaps another",
      region.size, region.guest_address, region.user_address);
}

Result<void> check_all(std::span<const MemoryRegion> regions) {
  for (std::size_t one = 0; one < regions.size(); ++one) {
    if (auto checked = check(regions[one]); !checked) return checked;
    for (std::size_t other = 0; other < one; ++other)
      if (overlap(regions[one], regions[other])) return overlap_fault(regions[one]);
  }
  return {};
}

}  // namespace

Result<MemoryView> map_part(int fd, std::uint64_t offset, std::uint64_t size,
                            std::shared_ptr<os::MemoryLoss> loss) {
  if (!AddressRange::create(offset, size))
    return fault(std::errc::invalid_argument, "{:#x} bytes from byte {:#x} on are not in a file",
                 size, offset);
  const auto skipped = offset % largest_page;
  if (!AddressRange::create(skipped, size))
    return fault(std::errc::invalid_argument, "{:#x} bytes are more than can be mapped", size);
  auto mapping = os::Mapping::of_peer(fd, skipped + size, std::move(loss), offset - skipped);
  if (!mapping) return mapping.error();
  return *MemoryView(std::move(*mapping)).part(skipped, size);
}

Result<MemorySlots::Slot> MemorySlots::map(const MemoryRegion& region,
                                           const os::UniqueFd& fd) const {
  auto view = map_part(fd.get(), region.mmap_offset, region.size, loss_);
  if (!view)
    return Error{view.error().code, text("the region at guest address {:#x}: {}",
                                         region.guest_address, view.error().message)};
  return Slot{region, std::move(*view)};
}

Result<void> MemorySlots::insert(Slot slot) {
  auto added = space_.add(
      {.address = slot.region.guest_address, .size = slot.region.size, .memory = slot.view});
  if (added) slots_.push_back(std::move(slot));
  return added;
}

Result<void> MemorySlots::replace(std::span<const MemoryRegion> regions,
                                  std::span<const os::UniqueFd> fds) {
  if (auto checked = check_all(regions); !checked) return checked;
  std::vector<Slot> slots;
  for (std::size_t index = 0; index < regions.size(); ++index) {
    auto slot = map(regions[index], fds[index]);
    if (!slot) return slot.error();
    slots.push_back(std::move(*slot));
  }
  clear();
  for (auto& slot : slots)
    if (auto added = insert(std::move(slot)); !added) return added;
  return {};
}

Result<void> MemorySlots::add(const MemoryRegion& region, const os::UniqueFd& fd) {
  if (slots_.size() >= most_slots)
    return fault(std::errc::no_space_on_device, "{} regions are all that there may be",
                 slots_.size());
  if (auto checked = check(region); !checked) return checked;
  if (std::ranges::any_of(slots_, [&](const Slot& slot) { return overlap(region, slot.region); }))
    return overlap_fault(region);
  auto slot = map(region, fd);
  if (!slot) return slot.error();
  return insert(std::move(*slot));
}

Result<void> MemorySlots::remove(const MemoryRegion& region) {
  const auto found = std::ranges::find_if(slots_, [&region](const Slot& slot) {
    return slot.region.guest_address == region.guest_address &&
           slot.region.user_address == region.user_address && slot.region.size == region.size;
  });
  if (found == slots_.end())
    return fault(std::errc::no_such_file_or_directory,
                 "no region has {:#x} bytes at guest address {:#x} and user address {:#x}",
                 region.size, region.guest_address, region.user_address);
  auto removed = space_.remove(region.guest_address, region.size);
  slots_.erase(found);
  return removed;
}

void MemorySlots::clear() {
  space_.clear();
  slots_.clear();
}

std::optional<std::uint64_t> MemorySlots::guest_address(std::uint64_t user_address,
                                                        std::uint64_t size) const noexcept {
  for (const auto& [region, view] : slots_)
    if (user_address >= region.user_address &&
        fits(user_address - region.user_address, size, region.size))
      return region.guest_address + (user_address - region.user_address);
  return std::nullopt;
}

std::optional<std::uint64_t> MemorySlots::guest_address(const std::byte* byte) const noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(byte);
  for (const auto& [region, view] : slots_) {
    const auto begin = reinterpret_cast<std::uintptr_t>(view.bytes().data());
    if (at >= begin && at - begin < region.size) return region.guest_address + (at - begin);
  }
  return std::nullopt;
}

std::uint64_t MemorySlots::end() const noexcept {
  std::uint64_t end = 0;
  for (const auto& [region, view] : slots_)
    end = std::max(end, region.guest_address + (region.size - 1));
  return end;
}

}  // namespace bellwire::vhost_user
