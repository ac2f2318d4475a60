// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/dma_link.hpp"

#include <algorithm>

namespace bellwire::vfio_user {

void DmaLink::read(std::uint64_t address, std::span<std::byte> into, pci::DmaDone done) {
  push({Command::dma_read, address, into, std::move(done)});
}

void DmaLink::write(std::uint64_t address, std::span<const std::byte> from, pci::DmaDone done) {
  push({Command::dma_write,
        address,
        {const_cast<std::byte*>(from.data()), from.size()},
        std::move(done)});
}

void DmaLink::push(Job job) {
  jobs_.push_back(std::move(job));
  on_work_();
}

std::optional<Bytes> DmaLink::next() {
  if (jobs_.empty() || under_way_ > 0) return std::nullopt;
  const auto& job = jobs_.front();
  under_way_ = std::min<std::uint64_t>(job.bytes.size(), limit_);
  Bytes payload;
  append(payload, DmaAccess{job.address, under_way_});
  if (job.command == Command::dma_write) append(payload, job.bytes.first(under_way_));
  return pack(command_header(job.command, ++id_), payload);
}

Result<void> DmaLink::take(const Message& reply) {
  if (under_way_ == 0 || reply.header.id != id_ ||
      reply.header.command != static_cast<std::uint16_t>(jobs_.front().command))
    return fault(std::errc::protocol_error, "a reply {} to command {} that nobody waits for",
                 reply.header.id, reply.header.command);
  const auto size = std::exchange(under_way_, 0);
  auto& job = jobs_.front();
  if ((reply.header.flags & flags::error) != 0) {
    finish(fault(std::errc::bad_address, "the client refused DMA at {:#x}: errno {}", job.address,
                 reply.header.error));
    return {};
  }
  if (job.command == Command::dma_read) {
    if (reply.payload.size() != sizeof(DmaAccess) + size)
      return fault(std::errc::protocol_error, "{} bytes of reply to a DMA_READ of {}",
                   reply.payload.size(), size);
    std::ranges::copy(std::span(reply.payload).subspan(sizeof(DmaAccess)), job.bytes.begin());
  }
  job.address += size;
  job.bytes = job.bytes.subspan(size);
  if (job.bytes.empty()) finish({});
  return {};
}

// The job goes first: `done` may bring the next.
void DmaLink::finish(Result<void> result) {
  const auto job = std::move(jobs_.front());
  jobs_.pop_front();
  job.done(std::move(result));
}

void DmaLink::fail(const Error& error) {
  under_way_ = 0;
  for (const auto& job : std::exchange(jobs_, {})) job.done(error);
}

}  // namespace bellwire::vfio_user
