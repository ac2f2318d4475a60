// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace bellwire::os {
std::uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::uint64_t kibibytes = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t value = 0;
    if (words >> key >> value && (key == "MemAvailable:" || key == "SwapFree:")) kibibytes += value;
  }
  return kibibytes > 0 ? kibibytes << 10 : ~std::uint64_t{0};  // unknown: let the kernel decide
}

// A memfd has no quota: allocating more than there is ends in the OOM killer, not in an error.
Result<UniqueFd> create_memfd(const std::string& name, std::uint64_t size) {
  if (size > available_memory())
    return fault(std::errc::not_enough_memory,
                 "{} bytes of memory are more than this machine has free; ask for less", size);
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return system_fault("cannot make shared memory '{}'", name);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    return system_fault("cannot size shared memory '{}' to {} bytes", name, size);
  errno = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  if (errno != 0)
    return system_fault("cannot allocate {} bytes of shared memory '{}'; ask for less", size, name);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_fault("cannot seal shared memory '{}'", name);
  return fd;
}

Result<std::uint64_t> file_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_fault("descriptor {}: cannot tell its size", fd);
  return static_cast<std::uint64_t>(status.st_size);
}

bool sealed_against_shrinking(int fd) noexcept {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
}

namespace {

// Of a mapping of the file: on hugetlbfs it is not the machine's.
Result<std::uint64_t> page_size_of(int fd) {
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0)
    return system_fault("descriptor {}: cannot tell its page size", fd);
  if (status.f_type == HUGETLBFS_MAGIC) return static_cast<std::uint64_t>(status.f_bsize);
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<Mapping> Mapping::create(int fd, std::uint64_t size, std::uint64_t offset) {
  return map(fd, size, offset, 1);
}

Result<Mapping> Mapping::of_peer(int fd, std::uint64_t size, std::shared_ptr<MemoryLoss> loss,
                                 std::uint64_t offset) {
  const auto there = file_size(fd);
  if (!there) return there.error();
  if (size == 0 || offset > *there || size > *there - offset)
    return fault(std::errc::invalid_argument,
                 "{} bytes of shared memory from byte {} on are not in its file, which has {}",
                 size, offset, *there);
  const auto page = page_size_of(fd);
  if (!page) return page.error();
  auto mapping = map(fd, size, offset, *page);
  if (!mapping) return mapping;
  auto guard = MemoryGuard::create({mapping->data_, mapping->mapped_}, std::move(loss));
  if (!guard) return guard.error();
  mapping->guard_.emplace(std::move(*guard));
  return mapping;
}

Result<Mapping> Mapping::map(int fd, std::uint64_t size, std::uint64_t offset, std::uint64_t page) {
  const auto mapped = (size + page - 1) / page * page;
  void* data =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED)
    return system_fault("cannot map {} bytes of shared memory from byte {} on", size, offset);
  return Mapping(static_cast<std::byte*>(data), size, mapped);
}

// The guard goes first: another mapping may be where this one was as soon as it is unmapped.
Mapping::~Mapping() {
  guard_.reset();
  if (data_ != nullptr) ::munmap(data_, mapped_);
}

}  // namespace bellwire::os
