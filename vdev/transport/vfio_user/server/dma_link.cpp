// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/dma_link.hpp"

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
    return fault(std::errc::protocol_error, "a reply {} to command {} that nobody waits for",
                 reply.header.id, reply.header.command);
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

// All that go are taken out before the first of their `done`s runs: it may bring more.
void DmaLink::drop(const AddressRange& range, const Error& why) {
  std::vector<pci::DmaDone> dropped;
  const auto goes = [&](Job& job) {
    const auto rest = AddressRange::create(job.address, job.bytes.size());
    if (!rest || !rest->overlaps(range)) return false;
    if (&job == &jobs_.front() && sent_ && !sent_->dropped) sent_->dropped = true;
    dropped.push_back(std::move(job.done));
    return true;
  };
  std::deque<Job> kept;
  for (auto& job : jobs_)
    if (!goes(job)) kept.push_back(std::move(job));
  jobs_ = std::move(kept);
  for (const auto& done : dropped) done(why);
}

// The job goes first: `done` may bring the next.
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
