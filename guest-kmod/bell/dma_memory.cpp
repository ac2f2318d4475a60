// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/dma_memory.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bell {
using bellwire::fault;
using bellwire::system_fault;
using bellwire::os::UniqueFd;
namespace {

constexpr std::uint64_t page_size = 4096;

// An entry of /proc/self/pagemap.
constexpr std::uint64_t present = std::uint64_t{1} << 63;
constexpr std::uint64_t frame_bits = (std::uint64_t{1} << 55) - 1;

}  // namespace

Result<DmaMemory> DmaMemory::create() {
  const UniqueFd file(::memfd_create("dma", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB));
  if (!file.valid()) return system_fault("this kernel has no huge pages of 2 MiB");
  if (::ftruncate(file.get(), size) != 0) return system_fault("cannot size a huge page");
  auto mapping = bellwire::os::Mapping::create(file.get(), size);
  if (!mapping)
    return fault(std::errc::not_enough_memory,
                 "no huge page is free; try: echo 1 > /proc/sys/vm/nr_hugepages");
  mapping->data()[0] = std::byte{1};  // now it is there
  DmaMemory memory(std::move(*mapping));
  if (auto address = memory.address(); !address) return address.error();
  return memory;
}

Result<std::uint64_t> DmaMemory::address() const {
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const auto page = reinterpret_cast<std::uintptr_t>(mapping_.data()) / page_size;
  std::uint64_t entry = 0;
  const auto at = static_cast<off_t>(page * sizeof entry);
  if (::pread(pagemap.get(), &entry, sizeof entry, at) != sizeof entry)
    return system_fault("cannot read /proc/self/pagemap");
  if ((entry & present) == 0 || (entry & frame_bits) == 0)
    return fault(std::errc::operation_not_permitted,
                 "/proc/self/pagemap doesn't tell where a page is: only root is told");
  return (entry & frame_bits) * page_size;
}

}  // namespace bell
