// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/front_end.hpp"

#include <linux/virtio_config.h>

#include <algorithm>

#include "vdev/transport/vhost_user/protocol/messages.hpp"

namespace bellwire::vhost_user {
namespace {

Result<void> check_reply(Request request, const Message& reply) {
  if (reply.header.request != static_cast<std::uint32_t>(request) || !reply.reply())
    return fault(std::errc::protocol_error, "{} came, which is no reply to {}",
                 describe(reply.header, reply.payload, reply.fds.size()),
                 name_of(static_cast<std::uint32_t>(request)));
  return {};
}

}  // namespace

FrontEnd::FrontEnd(Link link, const Dialect& dialect, const Wishes& wishes, GuestMemory memory)
    : link_(std::move(link)),
      dialect_(&dialect),
      wishes_(wishes),
      memory_(std::make_unique<GuestMemory>(std::move(memory))) {}

Result<FrontEnd> FrontEnd::create(Link link, const Dialect& dialect, const Wishes& wishes,
                                  GuestMemory memory) {
  FrontEnd front(std::move(link), dialect, wishes, std::move(memory));
  if (auto made = front.make_rings(); !made) return made.error();
  return front;
}

Result<void> FrontEnd::make_rings() {
  while (rings_.size() < wishes_.queues) {
    const bool packed = (wishes_.features & bit(VIRTIO_F_RING_PACKED)) != 0;
    auto words = RingWords::create(*memory_, packed, wishes_.queue_size, wishes_.base);
    if (!words) return words.error();
    auto wires = os::create_shared_events(2);
    if (!wires) return wires.error();
    rings_.push_back({std::move(*words), std::move((*wires)[0]), std::move((*wires)[1])});
  }
  return {};
}

Result<Message> FrontEnd::ask(Request request, std::span<const std::byte> payload,
                              std::span<const int> fds, std::uint32_t with) {
  const bool demand = acknowledges(request) && dialect_->acknowledged.empty();
  if (auto sent = link_.send(request, payload, fds, with | (demand ? flags::need_reply : 0)); !sent)
    return sent.error();
  auto reply = link_.receive();
  if (!reply) return reply.error();
  if (auto right = check_reply(request, *reply); !right) return right.error();
  return reply;
}

Result<std::uint64_t> FrontEnd::get(Request request) {
  const auto reply = ask(request);
  if (!reply) return reply.error();
  const auto value = head<std::uint64_t>(reply->payload);
  if (!value || reply->payload.size() != sizeof *value)
    return fault(std::errc::protocol_error, "the reply has {} bytes, not 8", reply->payload.size());
  return *value;
}

bool FrontEnd::acknowledges(Request request) const noexcept {
  if (!negotiated(feature::reply_ack)) return false;
  return dialect_->acknowledged.empty() ||
         std::ranges::find(dialect_->acknowledged, request) != dialect_->acknowledged.end();
}

Result<void> FrontEnd::tell(Request request, std::span<const std::byte> payload,
                            std::span<const int> fds) {
  if (!acknowledges(request)) return link_.send(request, payload, fds);
  const auto reply = acknowledged(request, payload, fds);
  if (!reply) return reply.error();
  if (*reply != 0)
    return fault(std::errc::operation_not_permitted, "{} was refused: its reply is {}",
                 name_of(static_cast<std::uint32_t>(request)), *reply);
  return {};
}

Result<std::uint64_t> FrontEnd::acknowledged(Request request, std::span<const std::byte> payload,
                                             std::span<const int> fds) {
  if (auto sent = link_.send(request, payload, fds, flags::need_reply); !sent) return sent.error();
  const auto reply = link_.receive();
  if (!reply) return reply.error();
  if (auto right = check_reply(request, *reply); !right) return right.error();
  const auto value = head<std::uint64_t>(reply->payload);
  if (!value)
    return fault(std::errc::protocol_error, "the reply has {} bytes, not 8", reply->payload.size());
  return *value;
}

Result<void> FrontEnd::reconnect(const std::string& path) {
  auto link = Link::connect(path, link_.patience(), link_.transcript());
  if (!link) return link.error();
  link_ = std::move(*link);
  features_ = protocol_features_ = 0;
  return {};
}

Result<std::uint32_t> FrontEnd::stop_ring(unsigned ring) {
  const auto reply = ask(Request::get_vring_base, as_payload(vhost_vring_state{ring, 0}));
  if (!reply) return reply.error();
  const auto state = head<vhost_vring_state>(reply->payload);
  if (!state || state->index != ring)
    return fault(std::errc::protocol_error, "GET_VRING_BASE of ring {} is answered with {}", ring,
                 describe(reply->header, reply->payload, reply->fds.size()));
  return state->num;
}

Result<void> FrontEnd::enable_ring(unsigned ring, bool enabled) {
  if ((features_ & bit(f_protocol_features)) == 0) return {};
  return tell(Request::set_vring_enable, vhost_vring_state{ring, enabled ? 1U : 0U});
}

Result<void> FrontEnd::set_wire(Request request, unsigned ring, const os::EventFd* event) {
  if (event == nullptr) return tell(request, ring | vhost_user::vring::no_fd);
  const int fds[] = {event->fd()};
  return tell(request, std::uint64_t{ring}, fds);
}

Result<void> FrontEnd::set_address(unsigned ring, std::uint32_t flags, std::uint64_t log) {
  const auto [descriptors, driver, device] = rings_[ring].words.areas();
  return tell(Request::set_vring_addr,
              vhost_vring_addr{ring, flags, memory_->user_address(descriptors),
                               memory_->user_address(device), memory_->user_address(driver), log});
}

}  // namespace bellwire::vhost_user
