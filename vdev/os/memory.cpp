// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/memory.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>

#include "vdev/os/memcheck.hpp"

namespace bellwire::os {

// `begin` 0: free. A range is written while it is free, and taken or freed by `begin` alone; so the
// handler never sees half of one. It looks up a range that the interrupted code is using, which
// does not change meanwhile.
struct MemoryGuard::Range {
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;
  std::atomic<MemoryLoss*> loss = nullptr;
  std::atomic<bool> lost = false;
};

// Blocks of ranges, which are never freed.
struct GuardedRanges {
  using Range = MemoryGuard::Range;
  struct Block {
    std::array<Range, 64> ranges;
    std::atomic<Block*> next = nullptr;
  };

  Range& take() {
    for (Block* block = &first;; block = block->next.load(std::memory_order_acquire)) {
      for (auto& range : block->ranges)
        if (range.begin.load(std::memory_order_relaxed) == 0) return range;
      if (block->next.load(std::memory_order_relaxed) == nullptr)
        block->next.store(new Block, std::memory_order_release);
    }
  }

  Range* find(std::uintptr_t address) noexcept {
    for (Block* block = &first; block != nullptr;
         block = block->next.load(std::memory_order_acquire))
      for (auto& range : block->ranges) {
        const auto begin = range.begin.load(std::memory_order_acquire);
        if (begin == 0 || address < begin) continue;
        if (address < range.end.load(std::memory_order_relaxed) &&
            range.begin.load(std::memory_order_acquire) == begin)
          return &range;
      }
    return nullptr;
  }

  std::mutex changes;
  Block first;
};

namespace {

GuardedRanges ranges;
struct sigaction before {};

// A plain system call: a sanitizer's or a library's mmap() may not be called in a handler.
bool replace(std::uintptr_t begin, std::size_t size) noexcept {
  const auto got = ::syscall(SYS_mmap, begin, size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  return static_cast<std::uintptr_t>(got) == begin;
}

bool survive(const siginfo_t& info) noexcept {
  if (info.si_code != BUS_ADRERR) return false;  // sent by a process, or broken hardware
  auto* const range = ranges.find(reinterpret_cast<std::uintptr_t>(info.si_addr));
  if (range == nullptr) return false;
  const auto begin = range->begin.load(std::memory_order_relaxed);
  if (!replace(begin, range->end.load(std::memory_order_relaxed) - begin)) return false;
  range->lost.store(true, std::memory_order_release);
  if (auto* const loss = range->loss.load(std::memory_order_relaxed)) loss->note();
  return true;
}

// Acts as if this handler did not exist. With the default action, the access is repeated when the
// handler returns, and ends the process; a signal that was sent is sent again.
void pass_on(int number, siginfo_t* info, void* context) noexcept {
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(number, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    return before.sa_handler(number);
  ::sigaction(number, &before, nullptr);
  if (info->si_code <= 0) ::raise(number);
}

void on_bus_error(int number, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  if (!survive(*info)) pass_on(number, info, context);
  errno = error;
}

bool install_handler() noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  return ::sigaction(SIGBUS, &action, &before) == 0;
}

}  // namespace

Result<std::shared_ptr<MemoryLoss>> MemoryLoss::create() {
  auto event = EventFd::create();
  if (!event) return event.error();
  return std::shared_ptr<MemoryLoss>(new MemoryLoss(std::move(*event)));
}

void MemoryLoss::note() noexcept {
  if (happened_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_.fd(), &one, sizeof one) == sizeof one);
}

MemoryGuard::MemoryGuard(Range& range, std::shared_ptr<MemoryLoss> loss) noexcept
    : loss_(std::move(loss)), range_(&range) {}

MemoryGuard::MemoryGuard(MemoryGuard&& other) noexcept
    : loss_(std::move(other.loss_)), range_(std::exchange(other.range_, nullptr)) {}

Result<MemoryGuard> MemoryGuard::create(std::span<std::byte> memory,
                                        std::shared_ptr<MemoryLoss> loss) {
  static const bool installed = install_handler();
  if (!installed) return system_fault("cannot handle SIGBUS");
  const std::lock_guard lock(ranges.changes);
  Range& range = ranges.take();
  const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
  range.end.store(begin + memory.size(), std::memory_order_relaxed);
  range.loss.store(loss.get(), std::memory_order_relaxed);
  range.lost.store(false, std::memory_order_relaxed);
  range.begin.store(begin, std::memory_order_release);
  return MemoryGuard(range, std::move(loss));
}

MemoryGuard::~MemoryGuard() {
  if (range_ == nullptr) return;
  const std::lock_guard lock(ranges.changes);
  range_->begin.store(0, std::memory_order_release);
}

bool MemoryGuard::lost() const noexcept {
  return range_ != nullptr && range_->lost.load(std::memory_order_acquire);
}

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

namespace {

// memfd_create(2), since Linux 6.3: nobody can run it as a program. Older headers lack it.
constexpr unsigned not_executable = 0x0008;

UniqueFd new_memfd(const std::string& name) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(::memfd_create(name.c_str(), flags | not_executable));
  if (fd.valid() || errno != EINVAL) return fd;
  return UniqueFd(::memfd_create(name.c_str(), flags));
}

}  // namespace

// A memfd has no quota: allocating more than there is ends in the OOM killer, not in an error.
Result<UniqueFd> create_memfd(const std::string& name, std::uint64_t size) {
  if (size > available_memory())
    return fault(std::errc::not_enough_memory,
                 "{} bytes of memory are more than this machine has free; ask for less", size);
  auto fd = new_memfd(name);
  if (!fd.valid()) return system_fault("cannot make shared memory '{}'", name);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    return system_fault("cannot size shared memory '{}' to {} bytes{}", name, size,
                        errno == EFBIG ? "; ask for less, or raise the limit of a file's size "
                                         "(ulimit -f)"
                                       : "");
  errno = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  if (errno != 0)
    return system_fault("cannot allocate {} bytes of shared memory '{}'; ask for less", size, name);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_fault("cannot seal shared memory '{}'", name);
  return fd;
}

namespace {

const char* kind_of(mode_t mode, int flags) noexcept {
  if ((flags & O_PATH) != 0) return "a mere path (O_PATH)";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a descriptor without a file";
}

}  // namespace

Result<std::uint64_t> file_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_fault("descriptor {}: cannot find out its size", fd);
  const int flags = ::fcntl(fd, F_GETFL);
  if (!S_ISREG(status.st_mode) || flags < 0 || (flags & O_PATH) != 0)
    return fault(std::errc::no_such_device, "{} is not a file that can be mapped",
                 kind_of(status.st_mode, flags));
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
    return system_fault("descriptor {}: cannot find out its page size", fd);
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
    return fault(
        std::errc::invalid_argument,
        "{} bytes of shared memory from byte {} on lie outside its file, which has {} bytes", size,
        offset, *there);
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
    return system_fault(
        "cannot map {} bytes of shared memory from byte {} on{}", size, offset,
        errno == ENOMEM ? "; ask for less, or raise the limit of memory (ulimit -v)" : "");
  return Mapping(static_cast<std::byte*>(data), size, mapped);
}

// The guard is dropped first: as soon as this mapping is unmapped, another one may be at its place.
Mapping::~Mapping() {
  guard_.reset();
  if (data_ == nullptr) return;
  check_defined({data_, size_});
  ::munmap(data_, mapped_);
}

}  // namespace bellwire::os
