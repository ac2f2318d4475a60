// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/dma.hpp"

#include <algorithm>
#include <fstream>
#include <mutex>

#include "vdev/log/log.hpp"
#include "vdev/os/memory.hpp"

namespace bellwire::vfio_user {
namespace {

constexpr std::uint64_t usual_limit = 65530;  // if the kernel does not report its limit

struct Taken {
  std::mutex mutex;
  std::uint64_t mappings = 0;
  std::uint64_t bytes = 0;
};

Taken& taken() {
  static Taken all;
  return all;
}

}  // namespace

std::uint64_t MappingShare::most_mappings() {
  static const std::uint64_t limit = [] {
    std::uint64_t value = 0;
    return std::ifstream("/proc/sys/vm/max_map_count") >> value ? value : usual_limit;
  }();
  return limit / 2;
}

std::optional<MappingShare> MappingShare::take(std::uint64_t bytes) {
  auto& all = taken();
  const std::lock_guard lock(all.mutex);
  if (bytes == 0 || bytes > most_bytes - all.bytes || all.mappings >= most_mappings())
    return std::nullopt;
  ++all.mappings;
  all.bytes += bytes;
  return MappingShare(bytes);
}

MappingShare::~MappingShare() {
  if (bytes_ == 0) return;
  auto& all = taken();
  const std::lock_guard lock(all.mutex);
  --all.mappings;
  all.bytes -= bytes_;
}

namespace {
constexpr std::uint32_t map_flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

// From later kernel headers.
constexpr std::uint32_t unmap_dirty_bitmap = 1 << 0;
constexpr std::uint32_t unmap_all = 1 << 1;

bool whole_pages(std::uint64_t address, std::uint64_t size) {
  return (address | size) % page_size == 0;
}

struct Shared {
  MappingShare share;  // given back when it is unmapped
  os::Mapping mapping;
};
}  // namespace

Result<std::optional<MemoryView>> DmaTable::view(const DmaMap& request, os::UniqueFd fd) {
  if (!fd.valid()) return std::optional<MemoryView>();
  const auto size = os::file_size(fd.get());
  if (!size) return fault(std::errc::invalid_argument, "DMA_MAP: {}", size.error().message);
  if (!fits(request.offset, request.size, *size) || request.offset % page_size != 0)
    return fault(std::errc::invalid_argument,
                 "DMA_MAP: {} bytes from {} on lie outside their file, or begin inside a page",
                 request.size, request.offset);
  if ((request.flags & map_flags) != map_flags) return std::optional<MemoryView>();
  if (!os::sealed_against_shrinking(fd.get()))
    return by_messages(request,
                       "its file can be truncated; use memory-backend-memfd, which seals it");
  auto share = MappingShare::take(request.size);
  if (!share) return by_messages(request, "there is too much of it, or in too many pieces");
  auto mapping = os::Mapping::create(fd.get(), request.size, request.offset);
  if (!mapping) return by_messages(request, mapping.error().message);
  const auto both = std::make_shared<Shared>(Shared{std::move(*share), std::move(*mapping)});
  return std::optional(MemoryView(std::shared_ptr<const os::Mapping>(both, &both->mapping)));
}

std::optional<MemoryView> DmaTable::by_messages(const DmaMap& request, std::string_view why) {
  if (!std::exchange(warned_, true))
    log::warning("the guest's memory at {:#x} is not mapped, DMA goes by messages: {}",
                 request.address, why);
  return std::nullopt;
}

Result<void> DmaTable::map(const DmaMap& request, os::UniqueFd fd) {
  if (request.argsz < sizeof request || request.flags == 0 || (request.flags & ~map_flags) != 0 ||
      !whole_pages(request.address, request.size))
    return fault(std::errc::invalid_argument,
                 "DMA_MAP: {} bytes at {:#x}, flags {:#x}: choose whole pages, readable or "
                 "writeable",
                 request.size, request.address, request.flags);
  auto memory = view(request, std::move(fd));
  if (!memory) return memory.error();
  return space_.add({.address = request.address,
                     .size = request.size,
                     .readable = (request.flags & VFIO_DMA_MAP_FLAG_READ) != 0,
                     .writable = (request.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0,
                     .memory = std::move(*memory)});
}

Result<void> DmaTable::unmap(const DmaUnmap& request) {
  if (request.argsz < sizeof request || (request.flags & ~(unmap_all | unmap_dirty_bitmap)) != 0)
    return fault(std::errc::invalid_argument, "DMA_UNMAP: argsz {}, flags {:#x}", request.argsz,
                 request.flags);
  if ((request.flags & unmap_dirty_bitmap) != 0)
    return fault(std::errc::not_supported, "DMA_UNMAP: dirty pages are not tracked here");
  if ((request.flags & unmap_all) == 0) return space_.remove(request.address, request.size);
  if (request.address != 0 || request.size != 0)
    return fault(std::errc::invalid_argument,
                 "DMA_UNMAP of all regions must name 0 bytes at 0, not {} bytes at {:#x}",
                 request.size, request.address);
  space_.clear();
  return {};
}

void DmaLink::read(std::uint64_t address, std::span<std::byte> into, DmaDone done) {
  push({Command::dma_read, address, into, std::move(done)});
}

void DmaLink::write(std::uint64_t address, std::span<const std::byte> from, DmaDone done) {
  push({Command::dma_write,
        address,
        {const_cast<std::byte*>(from.data()), from.size()},
        std::move(done)});
}

void DmaLink::push(DmaTransfer job) {
  jobs_.push_back(std::move(job));
  on_work_();
}

std::optional<Bytes> DmaLink::next() {
  if (jobs_.empty() || sent_) return std::nullopt;
  const auto& job = jobs_.front();
  const auto size = std::min<std::uint64_t>(job.bytes.size(), limit_);
  sent_ = Sent{job.command, size};
  Bytes payload;
  append(payload, DmaAccess{job.address, size});
  if (job.command == Command::dma_write) append(payload, job.bytes.first(size));
  return pack(command_header(job.command, ++id_), payload);
}

Result<void> DmaLink::take(const Message& reply) {
  if (!sent_ || reply.header.id != id_ ||
      reply.header.command != static_cast<std::uint16_t>(sent_->command))
    return fault(std::errc::protocol_error, "an unexpected reply {} to command {}", reply.header.id,
                 reply.header.command);
  const auto sent = *std::exchange(sent_, std::nullopt);
  if (sent.dropped) return {};
  auto& job = jobs_.front();
  if ((reply.header.flags & flags::error) != 0) {
    finish(fault(std::errc::bad_address, "the client refused DMA at {:#x}: errno {}", job.address,
                 reply.header.error));
    return {};
  }
  if (job.command == Command::dma_read) {
    if (reply.payload.size() != sizeof(DmaAccess) + sent.size)
      return fault(std::errc::protocol_error, "{} bytes of reply to a DMA_READ of {}",
                   reply.payload.size(), sent.size);
    std::ranges::copy(std::span(reply.payload).subspan(sizeof(DmaAccess)), job.bytes.begin());
  }
  job.address += sent.size;
  job.bytes = job.bytes.subspan(sent.size);
  if (job.bytes.empty()) finish({});
  return {};
}

// All dropped jobs are removed before the first of their `done`s runs, since it may add jobs.
void DmaLink::drop(const AddressRange& range, const Error& why) {
  std::vector<DmaDone> dropped;
  const auto goes = [&](DmaTransfer& job) {
    const auto rest = AddressRange::create(job.address, job.bytes.size());
    if (!rest || !rest->overlaps(range)) return false;
    if (&job == &jobs_.front() && sent_ && !sent_->dropped) sent_->dropped = true;
    dropped.push_back(std::move(job.done));
    return true;
  };
  std::deque<DmaTransfer> kept;
  for (auto& job : jobs_)
    if (!goes(job)) kept.push_back(std::move(job));
  jobs_ = std::move(kept);
  for (const auto& done : dropped) done(why);
}

// The job is removed first, since `done` may add the next.
void DmaLink::finish(Result<void> result) {
  const auto job = std::move(jobs_.front());
  jobs_.pop_front();
  job.done(std::move(result));
}

void DmaLink::fail(const Error& error) {
  sent_.reset();
  for (const auto& job : std::exchange(jobs_, {})) job.done(error);
}

}  // namespace bellwire::vfio_user
