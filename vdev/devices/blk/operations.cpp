// SPDX-License-Identifier: BSD-3-Clause
//
// What a disk does with its file: each operation is begun, goes on until all of it is done, and
// ends its request.
#include <fcntl.h>

#include <cerrno>

#include "vdev/core/address_range.hpp"
#include "vdev/devices/blk/blk.hpp"
#include "vdev/devices/blk/request_format.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::blk {
namespace {

constexpr std::size_t most_parts = 1024;  // the kernel's IOV_MAX

template <class Byte>
void collect(std::span<const std::span<Byte>> buffers, std::uint64_t offset, std::uint64_t size,
             std::vector<iovec>& parts) {
  parts.clear();
  virtio::each_part(buffers, offset, size, [&parts](std::span<Byte> part) {
    parts.push_back({const_cast<std::byte*>(part.data()), part.size()});
    return parts.size() < most_parts;
  });
}

const char* name_of(std::uint32_t type) {
  switch (type) {
    case VIRTIO_BLK_T_IN:
      return "read";
    case VIRTIO_BLK_T_OUT:
      return "write";
    case VIRTIO_BLK_T_FLUSH:
      return "flush";
    case VIRTIO_BLK_T_DISCARD:
      return "discard";
    default:
      return "write zeroes";
  }
}

bool passes(long result) noexcept {
  return result == -EINTR || result == -EAGAIN;
}

}  // namespace

void Blk::transfer(virtio::Request request, std::uint32_t type, std::uint64_t sector) {
  const bool reads = type == VIRTIO_BLK_T_IN;
  const auto size = reads ? writable_data(request) : readable_data(request);
  const auto sectors = size / sector_size;
  if ((!reads && file_.read_only()) || size % sector_size != 0 ||
      !fits(sector, sectors, config_.capacity))
    return finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
  auto& operation = operation_of(request);
  operation.type = type;
  operation.offset = sector * sector_size;
  operation.size = size;
  operation.done = 0;
  if (size == 0 || options_.null_size > 0) return finish(std::move(request), VIRTIO_BLK_S_OK, 0);
  go_on(std::move(request), operation);
}

void Blk::go_on(virtio::Request request, Operation& operation) {
  const bool reads = operation.type == VIRTIO_BLK_T_IN;
  auto& [type, offset, size, done, fallback, parts] = operation;
  if (reads)
    collect(request.writable(), done, size - done, parts);
  else
    collect(request.readable(), header_size + done, size - done, parts);
  const auto at = offset + done;
  if (!ring_) {
    const auto count = static_cast<int>(parts.size());
    const auto flags = config_.wce == 0 ? RWF_DSYNC : 0;
    const auto result =
        reads ? ::preadv(file_.fd(), parts.data(), count, static_cast<off_t>(at))
              : ::pwritev2(file_.fd(), parts.data(), count, static_cast<off_t>(at), flags);
    return take(std::move(request), operation, result < 0 ? -errno : result);
  }
  if (reads)
    ring_->read(parts, at, std::move(request).release());
  else
    ring_->write(parts, at, config_.wce == 0, std::move(request).release());
}

void Blk::take(virtio::Request request, Operation& operation, long result) {
  const auto type = operation.type;
  const bool transfers = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_OUT;
  if (!transfers) return take_other(std::move(request), operation, result);
  if (result > 0) operation.done += static_cast<std::uint64_t>(result);
  if (operation.done == operation.size)
    return finish(std::move(request), VIRTIO_BLK_S_OK,
                  type == VIRTIO_BLK_T_IN ? operation.size : 0);
  if (result > 0 || passes(result)) return go_on(std::move(request), operation);
  fail(std::move(request), operation, result);
}

// 0: a read beyond the file's end, which has been cut since.
void Blk::fail(virtio::Request request, const Operation& operation, long error) noexcept {
  const auto why = std::error_code(static_cast<int>(-error), std::system_category()).message();
  log::warning("the disk '{}': {} of {} bytes at {}: {}", file_.name(), name_of(operation.type),
               operation.size, operation.offset, error == 0 ? "the file is shorter now" : why);
  finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
}

void Blk::flush(virtio::Request request) {
  if (writable_data(request) > 0) return finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
  if (file_.read_only() || !ring_) return finish(std::move(request), VIRTIO_BLK_S_OK, 0);
  auto& operation = operation_of(request);
  operation.type = VIRTIO_BLK_T_FLUSH;
  operation.offset = operation.size = operation.done = 0;
  ring_->flush(std::move(request).release());
}

void Blk::deallocate(virtio::Request request, std::uint32_t type) {
  virtio_blk_discard_write_zeroes range;
  if (file_.read_only() || readable_data(request) != sizeof range)
    return finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
  (void)virtio::copy_from(request.readable(), header_size,
                          std::as_writable_bytes(std::span(&range, 1)));
  constexpr std::uint32_t unmap = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
  const auto known = type == VIRTIO_BLK_T_WRITE_ZEROES ? unmap : 0U;
  if ((range.flags & ~known) != 0) return finish(std::move(request), VIRTIO_BLK_S_UNSUPP, 0);
  if (range.num_sectors > config_.max_discard_sectors ||
      !fits(range.sector, range.num_sectors, config_.capacity))
    return finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
  if (range.num_sectors == 0 || options_.null_size > 0)
    return finish(std::move(request), VIRTIO_BLK_S_OK, 0);
  auto& operation = operation_of(request);
  operation.type = type;
  operation.offset = range.sector * sector_size;
  operation.size = std::uint64_t{range.num_sectors} * sector_size;
  operation.done = 0;
  operation.fallback = type == VIRTIO_BLK_T_DISCARD || range.flags != 0;
  allocate(std::move(request), operation);
}

// Zeroes that need not stay allocated are a hole; so are others where the file system knows no
// other way.
void Blk::allocate(virtio::Request request, Operation& operation) {
  const int mode =
      FALLOC_FL_KEEP_SIZE | (operation.fallback ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
  if (ring_)
    return ring_->allocate(mode, operation.offset, operation.size, std::move(request).release());
  const int result = ::fallocate(file_.fd(), mode, static_cast<off_t>(operation.offset),
                                 static_cast<off_t>(operation.size));
  take(std::move(request), operation, result < 0 ? -errno : 0);
}

// Flushes, discards, zeroes. A discard is a hint: it may do nothing.
void Blk::take_other(virtio::Request request, Operation& operation, long result) {
  const auto type = operation.type;
  if (passes(result)) {
    if (type != VIRTIO_BLK_T_FLUSH) return allocate(std::move(request), operation);
    return ring_->flush(std::move(request).release());
  }
  const bool unable = result == -EOPNOTSUPP;
  if (unable && type == VIRTIO_BLK_T_WRITE_ZEROES && !operation.fallback) {
    operation.fallback = true;
    return allocate(std::move(request), operation);
  }
  if (result == 0 || (unable && type == VIRTIO_BLK_T_DISCARD))
    return finish(std::move(request), VIRTIO_BLK_S_OK, 0);
  if (unable) return finish(std::move(request), VIRTIO_BLK_S_UNSUPP, 0);
  fail(std::move(request), operation, result);
}

}  // namespace bellwire::blk
