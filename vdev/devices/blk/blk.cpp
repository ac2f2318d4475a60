// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/blk/blk.hpp"

#include <linux/virtio_config.h>

#include <algorithm>
#include <cstring>

#include "vdev/core/address_range.hpp"
#include "vdev/devices/blk/request_format.hpp"
#include "vdev/log/log.hpp"

namespace bellwire::blk {
namespace {

using virtio::feature;

constexpr std::uint32_t most_segments = 126;  // so that 128 entries are enough for one
constexpr std::uint32_t most_segment_bytes = 1 << 20;
constexpr std::uint32_t most_zeroed = 1 << 21;  // sectors in a discard or write-zeroes: 1 GiB

std::uint64_t features_of(const os::DiskFile& file, const Options& options) {
  auto features = feature(VIRTIO_BLK_F_SIZE_MAX) | feature(VIRTIO_BLK_F_SEG_MAX) |
                  feature(VIRTIO_BLK_F_BLK_SIZE) | feature(VIRTIO_BLK_F_FLUSH) |
                  feature(VIRTIO_BLK_F_CONFIG_WCE);
  features |= file.read_only() ? feature(VIRTIO_BLK_F_RO)
                               : feature(VIRTIO_BLK_F_DISCARD) | feature(VIRTIO_BLK_F_WRITE_ZEROES);
  return options.queues > 1 ? features | feature(VIRTIO_BLK_F_MQ) : features;
}

}  // namespace

Result<std::unique_ptr<Blk>> Blk::create(os::DiskFile file, Options options) {
  if (options.serial.size() > VIRTIO_BLK_ID_BYTES)
    return fault(std::errc::invalid_argument,
                 "the serial number '{}' has {} bytes: choose one of up to {}", options.serial,
                 options.serial.size(), VIRTIO_BLK_ID_BYTES);
  const auto size = file.size();
  if (!size) return size.error();
  const auto shown = options.null_size > 0 ? options.null_size : *size;
  return std::unique_ptr<Blk>(new Blk(std::move(file), shown, std::move(options)));
}

Blk::Blk(os::DiskFile file, std::uint64_t size, Options options)
    : file_(std::move(file)), options_(std::move(options)), operations_(options_.queues) {
  config_.capacity = size / sector_size;
  config_.size_max = most_segment_bytes;
  config_.seg_max = most_segments;
  config_.blk_size = sector_size;
  config_.wce = 1;
  config_.num_queues = static_cast<__virtio16>(options_.queues);
  config_.max_discard_sectors = config_.max_write_zeroes_sectors = most_zeroed;
  config_.max_discard_seg = config_.max_write_zeroes_seg = 1;
  config_.discard_sector_alignment = 1;
  config_.write_zeroes_may_unmap = 1;
}

virtio::Traits Blk::traits() const noexcept {
  return {.kind = "blk",
          .id = VIRTIO_ID_BLOCK,
          .features = features_of(file_, options_),
          .queues = options_.queues,
          .queue_size = 256,
          .config_size = sizeof config_};
}

void Blk::read_config(std::size_t offset, std::span<std::byte> into) noexcept {
  std::memcpy(into.data(), reinterpret_cast<const std::byte*>(&config_) + offset, into.size());
}

bool Blk::write_config(std::size_t offset, std::span<const std::byte> from) {
  if (offset != offsetof(virtio_blk_config, wce) || from.size() != 1) return false;
  if (from[0] > std::byte{1}) return false;
  config_.wce = static_cast<__u8>(from[0]);
  return true;
}

// Without FLUSH a driver can't ask for durability, so each write is durable (section 5.2.5.2).
Result<void> Blk::start(virtio::Session session) {
  features_ = session.features;
  if ((features_ & feature(VIRTIO_BLK_F_CONFIG_WCE)) == 0)
    config_.wce = (features_ & feature(VIRTIO_BLK_F_FLUSH)) != 0 ? 1 : 0;
  notifier_ = session.config;
  if (file_.in_memory() && !options_.asynchronous) return {};
  auto ring = DiskRing::create(file_.fd());
  if (!ring) return ring.error();
  ring_.emplace(std::move(*ring));
  return {};
}

void Blk::stop() noexcept {
  ring_.reset();
  notifier_.reset();
  config_.wce = 1;
}

const os::EventFd* Blk::ready() const noexcept {
  return ring_ ? &ring_->event() : nullptr;
}

void Blk::set_polled(bool polled) noexcept {
  if (ring_) ring_->set_event(!polled);
}

void Blk::end_turn(unsigned) noexcept {
  if (ring_) ring_->submit();
}

void Blk::poll() noexcept {
  if (!ring_) return;
  DiskRing::Ended ended[64];
  for (auto count = ring_->reap(ended); count > 0; count = ring_->reap(ended)) {
    for (const auto& [mark, result] : std::span(ended).first(count)) {
      auto request = virtio::Request::adopt(mark);
      auto& operation = operation_of(request);
      take(std::move(request), operation, result);
    }
    ring_->submit();  // what was not done at one go
  }
}

void Blk::refresh() {
  if (options_.null_size > 0) return;
  const auto size = file_.size();
  if (!size) return log::warning("{}", size.error().message);
  const auto sectors = *size / sector_size;
  if (sectors == config_.capacity) return;
  log::info("the disk '{}' has {} sectors now", file_.name(), sectors);
  config_.capacity = sectors;
  if (notifier_) notifier_->notify();
}

Blk::Operation& Blk::operation_of(const virtio::Request& request) {
  auto& operations = operations_[request.queue()];
  if (request.slot() >= operations.size()) operations.resize(request.slot() + 1U);
  return operations[request.slot()];
}

void Blk::handle(virtio::Request request) noexcept {
  const auto header = read_header(request);
  if (!header) return finish(std::move(request), VIRTIO_BLK_S_IOERR, 0);
  switch (header->type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
      return transfer(std::move(request), header->type, header->sector);
    case VIRTIO_BLK_T_FLUSH:
      return flush(std::move(request));
    case VIRTIO_BLK_T_GET_ID:
      return identify(std::move(request));
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
      return deallocate(std::move(request), header->type);
    default:
      return finish(std::move(request), VIRTIO_BLK_S_UNSUPP, 0);
  }
}

void Blk::identify(virtio::Request request) noexcept {
  std::byte id[VIRTIO_BLK_ID_BYTES] = {};
  std::memcpy(id, options_.serial.data(), options_.serial.size());
  const auto room = std::min<std::uint64_t>(sizeof id, writable_data(request));
  virtio::copy_to(request.writable(), 0, std::span(id).first(room));
  finish(std::move(request), VIRTIO_BLK_S_OK, room);
}

}  // namespace bellwire::blk
