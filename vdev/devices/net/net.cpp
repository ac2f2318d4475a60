// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/net.hpp"

#include <algorithm>
#include <cstring>

#include "vdev/log/log.hpp"
#include "vdev/virtio/buffers.hpp"

namespace bellwire::net {
namespace {

using virtio::feature;

constexpr std::size_t first_rooms = 256;  // a queue's usual size

// Up to the fields of features that are not offered.
constexpr std::size_t config_size = offsetof(virtio_net_config, speed);

template <class Value>
std::span<std::byte> bytes_of(Value& value) noexcept {
  return std::as_writable_bytes(std::span(&value, 1));
}

}  // namespace

Result<std::unique_ptr<Net>> Net::create(std::shared_ptr<Switch> net, const MacAddress& address) {
  std::unique_ptr<Net> card(new Net(std::move(net), address));
  auto seat = card->switch_->join(*card);
  if (!seat) return fault(std::errc::no_space_on_device, "the switch has no free port");
  card->seat_.emplace(std::move(*seat));
  return card;
}

Net::Net(std::shared_ptr<Switch> net, const MacAddress& address)
    : switch_(std::move(net)), rooms_(first_rooms), frame_(switch_->most_bytes()) {
  std::ranges::copy(address.bytes, std::begin(config_.mac));
  config_.status = VIRTIO_NET_S_LINK_UP;
  config_.max_virtqueue_pairs = 1;
  config_.mtu = switch_->mtu();
}

Net::~Net() = default;

virtio::Traits Net::traits() const noexcept {
  return {.kind = "net",
          .id = VIRTIO_ID_NET,
          .features = feature(VIRTIO_NET_F_MAC) | feature(VIRTIO_NET_F_STATUS) |
                      feature(VIRTIO_NET_F_MTU) | feature(VIRTIO_NET_F_MRG_RXBUF),
          .queues = 2,
          .config_size = config_size};
}

void Net::read_config(std::size_t offset, std::span<std::byte> into) noexcept {
  std::ranges::copy(bytes_of(config_).subspan(offset, into.size()), into.begin());
}

Result<void> Net::start(virtio::Session session) {
  mergeable_ = (session.features & feature(VIRTIO_NET_F_MRG_RXBUF)) != 0;
  const bool modern = (session.features & feature(VIRTIO_F_VERSION_1)) != 0;
  header_bytes_ = modern || mergeable_ ? sizeof(Header) : old_header_bytes;
  return {};
}

void Net::stop() noexcept {
  rooms_.clear();
  seat_->forget();
}

void Net::cancel(unsigned queue) noexcept {
  if (queue == receive_queue) rooms_.clear();  // which returns them, unused
}

void Net::set_enabled(unsigned queue, bool enabled) noexcept {
  if (queue == receive_queue) receives_ = enabled;
}

void Net::handle(virtio::Request request) noexcept {
  if (request.queue() == receive_queue) return keep(std::move(request));
  transmit(request);
  std::move(request).complete(0);
}

// Not more than the queue has entries: from then on it has the room.
void Net::keep(virtio::Request request) noexcept {
  if (request.writable_size() < header_bytes_) {
    ++counts_.small_rooms;
    return std::move(request).complete(0);
  }
  if (rooms_.full()) rooms_.set_capacity(2 * rooms_.capacity());
  rooms_.push_back(std::move(request));
}

// A flag or a type of an offload asks for work to be done on the frame: as it is, it is wrong.
void Net::transmit(const virtio::Request& request) noexcept {
  Header header{};
  if (request.readable_size() < header_bytes_) return void(++counts_.headless);
  (void)virtio::copy_from(request.readable(), 0, bytes_of(header).first(header_bytes_));
  if ((header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 ||
      header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
    return void(++counts_.unfinished);
  const auto size = request.readable_size() - header_bytes_;
  if (size > frame_.size()) return seat_->count_oversize();
  const auto frame = std::span(frame_).first(size);
  (void)virtio::copy_from(request.readable(), header_bytes_, frame);
  seat_->send(frame, Clock::now());
}

bool Net::deliver(std::span<const std::byte> frame) noexcept {
  const auto count = receives_ ? rooms_for(header_bytes_ + frame.size()) : 0;
  if (count == 0) return false;
  fill(count, frame);
  return true;
}

// How many of them it takes; 0: there are too few, or the first is too small for all of it.
std::size_t Net::rooms_for(std::uint64_t bytes) const noexcept {
  const auto most = mergeable_ ? rooms_.size() : std::min<std::size_t>(rooms_.size(), 1);
  std::uint64_t room = 0;
  for (std::size_t count = 0; count < most;) {
    room += rooms_[count++].writable_size();
    if (room >= bytes) return count;
  }
  return 0;
}

void Net::fill(std::size_t rooms, std::span<const std::byte> frame) noexcept {
  Header header{};
  header.num_buffers = static_cast<__virtio16>(rooms);
  const auto words = bytes_of(header).first(header_bytes_);
  auto offset = virtio::copy_to(rooms_.front().writable(), 0, words);
  for (; rooms > 0; --rooms) {
    const auto size = virtio::copy_to(rooms_.front().writable(), offset, frame);
    frame = frame.subspan(size);
    std::move(rooms_.front()).complete(static_cast<std::uint32_t>(offset + size));
    rooms_.pop_front();
    offset = 0;
  }
}

void Net::refresh() {
  const auto& port = port_counts();
  log::info(
      "port {}: {} frames came from it, {} were delivered to it, {} dropped for want of room; "
      "refused: {} runts, {} too long, {} of bad addresses, {} without a header, {} for offloads",
      seat_->number(), port.received, port.delivered, port.dropped, port.runts, port.oversize,
      port.bad_sources, counts_.headless, counts_.unfinished);
}

}  // namespace bellwire::net
