// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/virtio_request_device.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "vdev/log/log.hpp"
#include "vdev/virtio/buffers.hpp"

namespace bellwire {
namespace {

constexpr std::size_t request_size = sizeof(bellwire_virtio_request);
constexpr std::size_t reply_size = sizeof(bellwire_virtio_reply);

// Memory of a larger copy is given up when its request is completed; so is that of any copy while
// half of the memory for all is in use, so that a request of the largest size finds room.
constexpr std::size_t most_kept = 256 << 10;
constexpr std::size_t most_copied = std::size_t{4} * BELLWIRE_MAX_REQUEST;

// All bytes from `offset` on. Empty: they are in several pieces.
template <class Byte>
std::optional<std::span<Byte>> in_one_piece(std::span<const std::span<Byte>> buffers,
                                            std::size_t offset) noexcept {
  for (const auto& buffer : buffers) {
    if (offset >= buffer.size()) {
      offset -= buffer.size();
      continue;
    }
    if (&buffer != &buffers.back()) return std::nullopt;
    return buffer.subspan(offset);
  }
  return std::span<Byte>();
}

bool overlap(std::span<const std::byte> one, std::span<const std::byte> other) noexcept {
  const std::less<> before;
  return before(one.data(), other.data() + other.size()) &&
         before(other.data(), one.data() + one.size());
}

}  // namespace

VirtioRequestDevice::VirtioRequestDevice(std::unique_ptr<RingDevice> device, unsigned queues)
    : device_(std::move(device)),
      at_once_(dynamic_cast<ring::RequestHandler*>(device_.get())),
      later_(dynamic_cast<ring::AsyncRequestHandler*>(device_.get())),
      queues_(queues),
      slots_(queues) {}

virtio::Traits VirtioRequestDevice::traits() const noexcept {
  return {.kind = device_->traits().kind,
          .id = BELLWIRE_VIRTIO_ID,
          .queues = queues_,
          .config_size = sizeof(bellwire_virtio_config)};
}

void VirtioRequestDevice::read_config(std::size_t offset, std::span<std::byte> into) noexcept {
  bellwire_virtio_config config{};
  config.queues = queues_;
  config.max_request = BELLWIRE_MAX_REQUEST;
  const auto kind = device_->traits().kind;
  kind.copy(config.kind, sizeof config.kind - 1);
  std::ranges::copy(std::as_bytes(std::span(&config, 1)).subspan(offset, into.size()),
                    into.begin());
}

// A chain that has no room for request and reply is dropped, and so returned with length 0.
void VirtioRequestDevice::handle(virtio::Request request) noexcept {
  bellwire_virtio_request header;
  const auto bytes = std::as_writable_bytes(std::span(&header, 1));
  if (request.readable_size() < request_size || request.writable_size() < reply_size) {
    log::warning(
        "{} queue {}: a chain of {} readable and {} writable bytes is returned unseen: {} "
        "and {} are the least",
        device_->traits().kind, request.queue(), request.readable_size(), request.writable_size(),
        request_size, reply_size);
    return;
  }
  virtio::copy_from(request.readable(), 0, bytes);
  auto& slot = slot_of(request);
  slot.request = {header.cookie, header.operation, {}, {}};
  const auto status = prepare(header, request, slot);
  slot.chain = std::move(request).release();
  if (status != BELLWIRE_DONE)
    finish(slot, {.status = status});
  else if (at_once_ != nullptr)
    finish(slot, at_once_->serve(slot.request));
  else
    later_->handle(ring::PendingRequest(slot));
}

void VirtioRequestDevice::cancel(unsigned queue) noexcept {
  if (later_ != nullptr) later_->cancel(queue);
}

VirtioRequestDevice::Slot& VirtioRequestDevice::slot_of(const virtio::Request& request) {
  auto& slots = slots_[request.queue()];
  if (request.slot() >= slots.size()) slots.resize(request.slot() + std::size_t{1});
  auto& slot = slots[request.slot()];
  if (!slot) {
    slot = std::make_unique<Slot>();
    slot->queue = static_cast<std::uint16_t>(request.queue());
    slot->owner = this;
  }
  return *slot;
}

bellwire_completion_status VirtioRequestDevice::prepare(const bellwire_virtio_request& header,
                                                        const virtio::Request& request,
                                                        Slot& slot) noexcept {
  slot.output_copied = false;
  if (header.flags != 0) return BELLWIRE_BAD_OPERATION;
  if (std::max(request.readable_size() - request_size, request.writable_size() - reply_size) >
      BELLWIRE_MAX_REQUEST)
    return BELLWIRE_BAD_LENGTH;
  return gather(request, slot) ? BELLWIRE_DONE : BELLWIRE_FAILED;
}

// An input that overlaps the output is copied as well, since the device relies on two pieces that
// are apart. False: there is no memory for a copy.
bool VirtioRequestDevice::gather(const virtio::Request& request, Slot& slot) noexcept {
  const auto output = in_one_piece(request.writable(), reply_size);
  slot.output_copied = !output;
  slot.request.output =
      output ? *output : room(slot.output_copy, request.writable_size() - reply_size);
  if (slot.output_copied && slot.request.output.empty()) return false;
  const auto input = in_one_piece(request.readable(), request_size);
  if (input && !overlap(*input, slot.request.output)) {
    slot.request.input = *input;
    return true;
  }
  const auto copy = room(slot.input_copy, request.readable_size() - request_size);
  virtio::copy_from(request.readable(), request_size, copy);
  slot.request.input = copy;
  return !copy.empty();
}

// Empty: there is no memory. `size` is not 0. New memory is zeroed: a device may say that it wrote
// more than it did, and the driver gets all of that.
std::span<std::byte> VirtioRequestDevice::room(Copy& copy, std::size_t size) noexcept {
  if (size > copy.size) {
    give_up(copy);
    if (copied_.fetch_add(size, std::memory_order_relaxed) + size <= most_copied)
      copy.bytes.reset(new (std::nothrow) std::byte[size]());
    copy.size = size;
    if (!copy.bytes) give_up(copy);
  }
  return {copy.bytes.get(), std::min(copy.size, size)};
}

void VirtioRequestDevice::give_up(Copy& copy) noexcept {
  copied_.fetch_sub(copy.size, std::memory_order_relaxed);
  copy = {};
}

void VirtioRequestDevice::completed(ring::PendingSlot& slot) noexcept {
  finish(static_cast<Slot&>(slot), slot.reply);
}

void VirtioRequestDevice::finish(Slot& slot, const ring::Reply& reply) noexcept {
  auto chain = virtio::Request::adopt(slot.chain);
  const auto output = slot.request.output;
  const auto written = output.first(std::min<std::size_t>(reply.length, output.size()));
  if (slot.output_copied) virtio::copy_to(chain.writable(), reply_size, written);
  const bellwire_virtio_reply said{.result = reply.result,
                                   .length = static_cast<std::uint32_t>(written.size()),
                                   .status = static_cast<std::uint32_t>(reply.status)};
  virtio::copy_to(chain.writable(), 0, std::as_bytes(std::span(&said, 1)));
  for (auto* const copy : {&slot.input_copy, &slot.output_copy})
    if (copy->size > most_kept || copied_.load(std::memory_order_relaxed) > most_copied / 2)
      give_up(*copy);
  std::move(chain).complete(static_cast<std::uint32_t>(reply_size + written.size()));
}

// What one driver sent is nothing for the next one to see.
void VirtioRequestDevice::stop() noexcept {
  for (auto& slots : slots_) slots.clear();
  copied_ = 0;
}

}  // namespace bellwire
