// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace bellwire::os {
namespace {

// A memfd has no quota: allocating more than there is ends in the OOM killer, not in an error.
bool enough_memory(std::uint64_t size) {
  struct sysinfo info {};
  return ::sysinfo(&info) != 0 ||
         size / info.mem_unit < info.freeram + info.bufferram + info.freeswap;
}

}  // namespace

Result<UniqueFd> create_memfd(const std::string& name, std::uint64_t size) {
  if (!enough_memory(size))
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

Result<Mapping> Mapping::create(int fd, std::uint64_t size) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return system_fault("cannot map {} bytes of shared memory", size);
  return Mapping(static_cast<std::byte*>(data), size);
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace bellwire::os
