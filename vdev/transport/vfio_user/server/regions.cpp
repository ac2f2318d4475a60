// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/regions.hpp"

#include <linux/kvm.h>

#include <algorithm>
#include <bit>
#include <boost/endian/conversion.hpp>

namespace bellwire::vfio_user {
namespace {

constexpr std::uint64_t widest = 8;  // bytes that a register access has at most

// The longest piece that begins at `offset`: a power of two, and aligned.
std::uint64_t piece_at(std::uint64_t offset, std::uint64_t left) {
  const auto aligned = offset == 0 ? widest : offset & -offset;
  return std::min({aligned, std::bit_floor(left), widest});
}

std::uint64_t number(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return boost::endian::little_to_native(value);
}

void store(std::uint64_t value, std::span<std::byte> bytes) {
  boost::endian::native_to_little_inplace(value);
  std::memcpy(bytes.data(), &value, bytes.size());
}

// The bytes of an access, if they are memory.
std::span<std::byte> memory_at(const pci::Bar& bar, std::uint64_t offset, std::uint64_t size) {
  if (!bar.memory) return {};
  const auto holds = [&](const pci::Area& area) {
    return offset >= area.offset && fits(offset - area.offset, size, area.size);
  };
  if (std::ranges::none_of(bar.memory->areas, holds)) return {};
  return bar.memory->view.bytes().subspan(offset, size);
}

template <class Byte, class Act>
void by_pieces(const pci::Bar& bar, std::uint64_t offset, std::span<Byte> bytes, Act act) {
  while (!bytes.empty()) {
    const auto piece = piece_at(offset, bytes.size());
    act(bar, offset, bytes.first(piece));
    bytes = bytes.subspan(piece);
    offset += piece;
  }
}

void read_piece(const pci::Bar& bar, std::uint64_t offset, std::span<std::byte> into) {
  if (const auto memory = memory_at(bar, offset, into.size()); !memory.empty())
    std::ranges::copy(memory, into.begin());
  else
    store(bar.registers ? bar.registers->read(offset, static_cast<unsigned>(into.size())) : 0,
          into);
}

void write_piece(const pci::Bar& bar, std::uint64_t offset, std::span<const std::byte> from) {
  if (const auto memory = memory_at(bar, offset, from.size()); !memory.empty())
    std::ranges::copy(from, memory.begin());
  else if (bar.registers)
    bar.registers->write(offset, static_cast<unsigned>(from.size()), number(from));
}

bool all_mapped(const pci::Bar& bar) {
  const auto& areas = bar.memory->areas;
  return areas.size() == 1 && areas.front().size == bar.shape.size;
}

// The capability that lists which parts of a region can be mapped.
Bytes sparse_areas(const std::vector<pci::Area>& areas) {
  vfio_region_info_cap_sparse_mmap head{};
  head.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
  head.header.version = 1;
  head.nr_areas = static_cast<std::uint32_t>(areas.size());
  Bytes bytes;
  append(bytes, head);
  for (const auto& area : areas)
    append(bytes, vfio_region_sparse_mmap_area{area.offset, area.size});
  return bytes;
}

}  // namespace

std::uint64_t Regions::size(std::uint32_t index) const noexcept {
  if (index == VFIO_PCI_CONFIG_REGION_INDEX) return function_.config().size();
  return index < pci::most_bars ? function_.bars()[index].shape.size : 0;
}

Result<void> Regions::check(const RegionAccess& access) const {
  const auto bytes = size(access.region);
  if (access.region >= VFIO_PCI_NUM_REGIONS || access.count > most_transfer ||
      !fits(access.offset, access.count, bytes))
    return fault(std::errc::invalid_argument, "{} bytes at {:#x} of region {}, which has {}",
                 access.count, access.offset, access.region, bytes);
  return {};
}

void Regions::read(const RegionAccess& access, std::span<std::byte> into) {
  if (into.empty()) return;  // of any region, even one that does not exist
  if (access.region == VFIO_PCI_CONFIG_REGION_INDEX)
    return function_.access().read_config(access.offset, into);
  by_pieces(function_.bars()[access.region], access.offset, into, read_piece);
}

void Regions::write(const RegionAccess& access, std::span<const std::byte> from) {
  if (from.empty()) return;
  if (access.region == VFIO_PCI_CONFIG_REGION_INDEX)
    return function_.access().write_config(access.offset, from);
  by_pieces(function_.bars()[access.region], access.offset, from, write_piece);
}

Result<Regions::Info> Regions::info(std::uint32_t index, std::uint32_t argsz,
                                    std::size_t most_fds) const {
  vfio_region_info head{};
  if (index >= VFIO_PCI_NUM_REGIONS || argsz < sizeof head)
    return fault(std::errc::invalid_argument,
                 "region {}, argsz {}: there are {} regions, and argsz must hold the reply", index,
                 argsz, static_cast<unsigned>(VFIO_PCI_NUM_REGIONS));
  const auto* const memory =
      index < pci::most_bars && most_fds > 0 && function_.bars()[index].memory
          ? &*function_.bars()[index].memory
          : nullptr;
  Bytes areas;
  if (memory != nullptr && !all_mapped(function_.bars()[index]))
    areas = sparse_areas(memory->areas);
  head.argsz = static_cast<std::uint32_t>(sizeof head + areas.size());
  head.index = index;
  head.size = size(index);
  if (head.size > 0) head.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  const bool whole = head.argsz <= argsz;
  if (memory != nullptr && whole) head.flags |= VFIO_REGION_INFO_FLAG_MMAP;
  if (!areas.empty() && whole) {
    head.flags |= VFIO_REGION_INFO_FLAG_CAPS;
    head.cap_offset = sizeof head;
  }

  Info info;
  append(info.payload, head);
  if (!whole) return info;
  append(info.payload, areas);
  if (memory != nullptr) info.fd = memory->fd.get();
  return info;
}

Result<Regions::IoFds> Regions::io_fds(std::uint32_t index, std::uint32_t argsz,
                                       std::size_t most_fds) const {
  if (index >= VFIO_PCI_NUM_REGIONS || argsz < sizeof(RegionIoFds))
    return fault(std::errc::invalid_argument,
                 "region {}, argsz {}: there are {} regions, and argsz must hold the reply", index,
                 argsz, static_cast<unsigned>(VFIO_PCI_NUM_REGIONS));
  std::span<const pci::DoorbellRegister> doorbells;
  if (index < pci::most_bars) doorbells = function_.bars()[index].doorbells;
  doorbells = doorbells.first(std::min(doorbells.size(), most_fds));

  const auto count = static_cast<std::uint32_t>(doorbells.size());
  const auto needed = static_cast<std::uint32_t>(sizeof(RegionIoFds) + count * sizeof(IoEventFd));
  IoFds answer;
  append(answer.payload, RegionIoFds{needed, 0, index, count});
  if (needed > argsz) return answer;
  for (const auto& doorbell : doorbells) {
    if (!doorbell.event.shared())
      return fault(std::errc::operation_not_permitted,
                   "region {}: the eventfd of the doorbell at {:#x} is the device's own; make it "
                   "with EventFd::create_shared()",
                   index, doorbell.offset);
    IoEventFd entry{};
    entry.offset = doorbell.offset;
    entry.size = doorbell.size;
    entry.fd_index = static_cast<std::uint32_t>(answer.fds.size());
    entry.type = IoEventFd::type_ioeventfd;
    entry.flags = doorbell.value ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0;
    entry.datamatch = doorbell.value.value_or(0);
    append(answer.payload, entry);
    answer.fds.push_back(doorbell.event.fd());
  }
  return answer;
}

}  // namespace bellwire::vfio_user
