// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

Result<Mapping> Mapping::create(int fd, std::uint64_t size, std::uint64_t offset) {
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED)
    return system_fault("cannot map {} bytes of shared memory from byte {} on", size, offset);
  return Mapping(static_cast<std::byte*>(data), size);
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace bellwire::os
