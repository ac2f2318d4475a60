// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/blk/disk_ring.hpp"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <thread>

#include "vdev/ring/words.hpp"

namespace bellwire::blk {
namespace {

constexpr unsigned entries = 256;  // operations between two submits; more are submitted early
constexpr int file = 0;            // the only one that is registered

// Newer kernels interrupt the loop less.
int open_ring(io_uring& ring) {
  const int result =
      ::io_uring_queue_init(entries, &ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
  return result == -EINVAL ? ::io_uring_queue_init(entries, &ring, 0) : result;
}

// After the entry was prepared, which clears this.
void identify(io_uring_sqe& entry, void* operation) noexcept {
  entry.user_data = reinterpret_cast<std::uintptr_t>(operation);
  entry.flags |= IOSQE_FIXED_FILE;
}

Error ring_fault(int result) {
  errno = -result;
  return system_fault(
      "io_uring is not to be had (sysctl kernel.io_uring_disabled must be 0, and a sandbox must "
      "allow it)");
}

}  // namespace

void DiskRing::Closer::operator()(io_uring* ring) const noexcept {
  ::io_uring_queue_exit(ring);
  delete ring;
}

Result<DiskRing> DiskRing::create(int fd) {
  auto event = os::EventFd::create();
  if (!event) return event.error();
  auto memory = std::make_unique<io_uring>();
  if (const int result = open_ring(*memory); result < 0) return ring_fault(result);
  Ring ring(memory.release());
  if (const int result = ::io_uring_register_files(ring.get(), &fd, 1); result < 0)
    return ring_fault(result);
  if (const int result = ::io_uring_register_eventfd(ring.get(), event->fd()); result < 0)
    return ring_fault(result);
  return DiskRing(std::move(ring), std::move(*event));
}

DiskRing::DiskRing(Ring ring, os::EventFd event) noexcept
    : ring_(std::move(ring)), event_(std::move(event)) {}
DiskRing::DiskRing(DiskRing&&) noexcept = default;
DiskRing::~DiskRing() = default;

// The kernel takes all of a full queue unless it is out of memory, which passes.
io_uring_sqe& DiskRing::next() noexcept {
  auto* entry = ::io_uring_get_sqe(ring_.get());
  for (; entry == nullptr; entry = ::io_uring_get_sqe(ring_.get())) {
    submit();
    if (waiting_ > 0) std::this_thread::yield();
  }
  ++waiting_;
  return *entry;
}

void DiskRing::read(std::span<const iovec> parts, std::uint64_t offset, void* operation) noexcept {
  auto& entry = next();
  if (parts.size() == 1)
    ::io_uring_prep_read(&entry, file, parts[0].iov_base, static_cast<unsigned>(parts[0].iov_len),
                         offset);
  else
    ::io_uring_prep_readv(&entry, file, parts.data(), static_cast<unsigned>(parts.size()), offset);
  identify(entry, operation);
}

void DiskRing::write(std::span<const iovec> parts, std::uint64_t offset, bool durable,
                     void* operation) noexcept {
  auto& entry = next();
  if (parts.size() == 1)
    ::io_uring_prep_write(&entry, file, parts[0].iov_base, static_cast<unsigned>(parts[0].iov_len),
                          offset);
  else
    ::io_uring_prep_writev(&entry, file, parts.data(), static_cast<unsigned>(parts.size()), offset);
  entry.rw_flags = durable ? RWF_DSYNC : 0;
  identify(entry, operation);
}

void DiskRing::flush(void* operation) noexcept {
  auto& entry = next();
  ::io_uring_prep_fsync(&entry, file, IORING_FSYNC_DATASYNC);
  identify(entry, operation);
}

void DiskRing::allocate(int mode, std::uint64_t offset, std::uint64_t size,
                        void* operation) noexcept {
  auto& entry = next();
  ::io_uring_prep_fallocate(&entry, file, mode, static_cast<off_t>(offset),
                            static_cast<off_t>(size));
  identify(entry, operation);
}

void DiskRing::submit() noexcept {
  if (waiting_ == 0) return;
  const int taken = ::io_uring_submit(ring_.get());
  if (taken > 0) waiting_ -= std::min(waiting_, static_cast<unsigned>(taken));
}

unsigned DiskRing::reap(std::span<Ended> ended) noexcept {
  if (waiting_ > 0) submit();  // what the kernel did not take
  std::array<io_uring_cqe*, 64> all;
  const auto most = static_cast<unsigned>(std::min(all.size(), ended.size()));
  const unsigned count = ::io_uring_peek_batch_cqe(ring_.get(), all.data(), most);
  for (unsigned index = 0; index < count; ++index)
    ended[index] = {reinterpret_cast<void*>(all[index]->user_data), all[index]->res};
  ::io_uring_cq_advance(ring_.get(), count);
  return count;
}

// The kernel adds a completion and then looks at the switch; the caller throws the switch and then
// reaps. In this order at least one of them sees the other, as in a virtqueue.
void DiskRing::set_event(bool rung) noexcept {
  if (auto* const flags = ring_->cq.kflags)  // null: the kernel has no such switch
    ring::store(*flags, rung ? 0 : IORING_CQ_EVENTFD_DISABLED, ring::in_order);
}

}  // namespace bellwire::blk
