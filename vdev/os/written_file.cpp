// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/written_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace bellwire::os {

Result<WrittenFile> WrittenFile::create(
    const std::string& path,
    const std::function<bool(std::span<const std::byte> first)>& replaceable) {
  // O_NONBLOCK: to open a FIFO waits for its reader otherwise.
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
  struct stat about {};
  if (!fd.valid() || ::fstat(fd.get(), &about) != 0) return system_fault("cannot write '{}'", path);
  if (!S_ISREG(about.st_mode))
    return fault(std::errc::invalid_argument,
                 "cannot write '{}': it is not a regular file; name one", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fault(std::errc::device_or_resource_busy,
                 "cannot write '{}': another process does; name another file", path);
  std::array<std::byte, 64> first;
  const auto got = ::pread(fd.get(), first.data(), first.size(), 0);
  if (got < 0) return system_fault("cannot read '{}'", path);
  if (got > 0 && !replaceable(std::span(first).first(static_cast<std::size_t>(got))))
    return fault(std::errc::file_exists,
                 "cannot write '{}': it exists, and is something else; name another file", path);
  if (::ftruncate(fd.get(), 0) != 0) return system_fault("cannot write '{}'", path);
  return WrittenFile(path, std::move(fd));
}

namespace {

constexpr std::size_t least_page = 4096;

// So that whoever writes there next does not wait for each page: neither for the file system, nor
// for a hypervisor that keeps page tables of its own, which notices a page only when it is used.
// Others may be writing to the same bytes through another mapping.
void touch(const Mapping& memory) noexcept {
#if defined(MADV_POPULATE_WRITE)
  (void)::madvise(memory.data(), memory.size(), MADV_POPULATE_WRITE);
#endif
  for (std::size_t at = 0; at < memory.size(); at += least_page)
    (void)std::atomic_ref(reinterpret_cast<unsigned char&>(memory.data()[at])).fetch_or(0);
}

}  // namespace

// A peer may still shorten the file: then the mapping is none of it any more, and harmless.
Result<Mapping> WrittenFile::map(std::uint64_t begin, std::uint64_t size) const {
  errno = ::posix_fallocate(fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(size));
  if (errno != 0) return system_fault("cannot write '{}'", path_);
  auto mapping = Mapping::of_peer(fd_.get(), size, nullptr, begin);
  if (mapping) touch(*mapping);
  return mapping;
}

Result<void> WrittenFile::cut(std::uint64_t size) const {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
    return system_fault("cannot write '{}'", path_);
  return {};
}

}  // namespace bellwire::os
