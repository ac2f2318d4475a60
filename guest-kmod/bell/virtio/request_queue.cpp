// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/virtio/request_queue.hpp"

#include <linux/virtio_config.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstring>

#include "vdev/core/dma_space.hpp"

namespace bell {

using bellwire::fault;
using bellwire::virtio::GuestBuffer;
namespace virtio = bellwire::virtio;
namespace {

constexpr std::uint16_t entries = 64;
constexpr std::uint32_t request_size = sizeof(bellwire_virtio_request);
constexpr auto longest_wait = std::chrono::seconds(10);

// Offsets in the memory: the ring's areas, then a place for each request and its reply.
constexpr std::uint64_t driver_area = 0x1000;
constexpr std::uint64_t device_area = 0x2000;
constexpr std::uint64_t payload = 0x10000;
constexpr std::uint32_t place_size = 0x4000;
constexpr std::uint32_t longest_input = 8192;

std::uint64_t request_at(std::uint32_t number) {
  return payload + std::uint64_t{number % RequestQueue::most_in_flight} * 2 * place_size;
}
std::uint64_t reply_at(std::uint32_t number) {
  return request_at(number) + place_size;
}

constexpr std::uint64_t bit(unsigned feature) {
  return std::uint64_t{1} << feature;
}

// The device writes to the memory meanwhile; these bytes are not its own yet, or not any more.
template <class Value>
Value load(std::span<const std::byte> bytes, std::uint64_t offset) {
  Value value;
  std::memcpy(&value, &bytes[offset], sizeof value);
  return value;
}

}  // namespace

Result<RequestQueue> RequestQueue::start(const VirtioDevice& device, const DmaMemory& memory,
                                         bool packed) {
  const auto address = memory.address();
  if (!address) return address.error();
  if (auto done = device.reset(); !done) return done.error();
  const auto features = bit(VIRTIO_F_VERSION_1) | (packed ? bit(VIRTIO_F_RING_PACKED) : 0);
  if (!device.agree(features))
    return fault(std::errc::protocol_error, "{} does not agree on the features {:#x}; it has {:#x}",
                 device.pci().address(), features, device.features());
  if (const auto most = device.most_entries(0); most < entries)
    return fault(std::errc::protocol_error, "queue 0 of {} has {} entries at most, not {}",
                 device.pci().address(), most, entries);
  const virtio::QueueLayout layout{.size = entries,
                                   .packed = packed,
                                   .descriptors = *address,
                                   .driver_area = *address + driver_area,
                                   .device_area = *address + device_area};
  bellwire::DmaSpace space;
  if (auto added = space.add({*address, DmaMemory::size, true, true, memory.view()}); !added)
    return added.error();
  auto queue = virtio::DriverVirtqueue::create(layout, {}, space);
  if (!queue) return queue.error();
  const auto doorbell = device.enable(0, layout);
  if (!doorbell) return doorbell.error();
  device.start();
  return RequestQueue(device, memory, *address, std::move(*queue), *doorbell);
}

std::vector<std::byte> RequestQueue::input(std::uint32_t number) {
  std::vector<std::byte> bytes(number * 997U % longest_input);
  for (std::size_t at = 0; at < bytes.size(); ++at)
    bytes[at] = static_cast<std::byte>(number * 31 + at * 7);
  return bytes;
}

void RequestQueue::add(std::uint32_t number, std::span<const GuestBuffer> readable,
                       std::span<const GuestBuffer> writable) {
  [[maybe_unused]] const bool added = queue_.add(readable, writable, number);
  assert(added);
}

// Each part in one buffer, or in two that meet somewhere.
void RequestQueue::submit(std::uint32_t number, std::uint32_t flags) {
  const auto bytes = input(number);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const bellwire_virtio_request header{number, 0, flags};
  std::memcpy(&memory_->bytes()[request_at(number)], &header, request_size);
  std::ranges::copy(bytes, memory_->bytes().begin() +
                               static_cast<std::ptrdiff_t>(request_at(number) + request_size));
  std::ranges::fill(memory_->bytes().subspan(reply_at(number), place_size), std::byte{0});
  const auto split = [](std::uint64_t at, std::uint32_t all, std::uint32_t first) {
    if (first == 0 || first >= all) return std::vector<GuestBuffer>{{at, all}};
    return std::vector<GuestBuffer>{{at, first}, {at + first, all - first}};
  };
  add(number, split(address_ + request_at(number), request_size + size, number % 4 * 9),
      split(address_ + reply_at(number), RequestQueue::reply_size + size, number % 3 * 11));
}

void RequestQueue::submit_nonsense(std::uint32_t readable, std::uint32_t writable) {
  const GuestBuffer from{address_ + request_at(0), readable}, to{address_ + reply_at(0), writable};
  add(0, {&from, readable > 0 ? 1U : 0U}, {&to, writable > 0 ? 1U : 0U});
}

void RequestQueue::kick() {
  queue_.publish();
  if (queue_.should_kick()) device_->notify(doorbell_, 0);
}

std::optional<RequestQueue::Answer> RequestQueue::wait() {
  const auto end = std::chrono::steady_clock::now() + longest_wait;
  auto used = queue_.poll_used();
  for (; !used && !queue_.broken(); used = queue_.poll_used()) {
    if (std::chrono::steady_clock::now() > end) return std::nullopt;
    ::usleep(20);
  }
  if (!used) return std::nullopt;
  Answer answer{static_cast<std::uint32_t>(used->token), used->written, {}, {}};
  const auto at = reply_at(answer.number);
  const auto bytes = std::span<const std::byte>(memory_->bytes());
  answer.reply = load<bellwire_virtio_reply>(bytes, at);
  const auto output =
      bytes.subspan(at + RequestQueue::reply_size,
                    std::min(answer.reply.length, place_size - RequestQueue::reply_size));
  answer.output.assign(output.begin(), output.end());
  return answer;
}

}  // namespace bell
