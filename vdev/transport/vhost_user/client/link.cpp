// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/link.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "vdev/os/unix_socket.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"

namespace bellwire::vhost_user {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t shown_lines = 12;

std::chrono::milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()),
                  std::chrono::milliseconds(0));
}

std::string describe_payload(std::span<const std::byte> payload) {
  if (payload.empty()) return {};
  if (payload.size() == sizeof(std::uint64_t)) {
    const auto value = *head<std::uint64_t>(payload);
    return text(": {:#x}", value);
  }
  return text(", {} bytes", payload.size());
}

bool has_ring_state(std::uint32_t request) {
  using enum Request;
  const auto is = [request](Request one) { return request == static_cast<std::uint32_t>(one); };
  return is(set_vring_num) || is(set_vring_base) || is(get_vring_base) || is(set_vring_enable);
}

}  // namespace

std::string Transcript::joined(bool ours) const {
  std::vector<const std::string*> chosen;
  for (const auto& line : lines_)
    if (line.ours == ours) chosen.push_back(&line.what);
  std::string all;
  const auto first = chosen.size() - std::min(chosen.size(), shown_lines);
  if (first > 0) all = text("… ({} more); ", first);
  for (auto at = first; at < chosen.size(); ++at) all += (at > first ? "; " : "") + *chosen[at];
  return all;
}

std::string describe(const Header& header, std::span<const std::byte> payload, std::size_t fds) {
  auto line = name_of(header.request);
  const auto state = head<vhost_vring_state>(payload);
  const auto address = head<vhost_vring_addr>(payload);
  if (has_ring_state(header.request) && state && payload.size() == sizeof *state)
    line += text(" ring {}: {}", state->index, state->num);
  else if (header.request == static_cast<std::uint32_t>(Request::set_vring_addr) && address)
    line += text(" ring {}: {:#x}, {:#x}, {:#x}, flags {}", address->index, address->desc_user_addr,
                 address->avail_user_addr, address->used_user_addr, address->flags);
  else
    line += describe_payload(payload);
  if (fds > 0) line += text(" with {} fd{}", fds, fds > 1 ? "s" : "");
  const auto usual = flags::version | (header.flags & (flags::reply | flags::need_reply));
  if ((header.flags & flags::need_reply) != 0) line += " [need_reply]";
  if (header.flags != usual) line += text(" [flags {:#x}]", header.flags);
  return line;
}

Result<Link> Link::connect(const std::string& path, const Patience& patience,
                           Transcript& transcript) {
  auto socket = os::connect_unix(path, {}, patience.limit, patience.stop);
  if (!socket) return socket.error();
  return Link(std::move(*socket), patience, transcript);
}

Result<void> Link::send(Request request, std::span<const std::byte> payload,
                        std::span<const int> fds, std::uint32_t with) {
  const auto bytes = pack(request, payload, with);
  return send_raw(describe(*head<Header>(bytes), payload, fds.size()), bytes, fds);
}

Result<void> Link::send_raw(const std::string& what, std::span<const std::byte> bytes,
                            std::span<const int> fds) {
  transcript_->sent(what);
  const auto end = Clock::now() + patience_.limit;
  while (!bytes.empty()) {
    const auto sent = os::send_parcel(socket_.get(), bytes, fds);
    if (!sent) return sent.error();
    bytes = bytes.subspan(*sent);
    if (*sent > 0) fds = {};
    if (*sent == 0 && !os::wait_writable(socket_.get(), left_until(end)))
      return fault(std::errc::timed_out, "the back-end does not read what is sent");
  }
  return {};
}

Result<Message> Link::receive_within(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (;;) {
    auto message = reader_.next(socket_.get());
    if (!message) return message.error();
    if (*message) return std::move(**message);
    if (os::wait_for_peer(socket_.get(), left_until(end), patience_.stop) != os::Waited::readable)
      return fault(std::errc::timed_out, "no answer");
  }
}

Result<Message> Link::receive() {
  auto message = receive_within(patience_.limit);
  if (message)
    transcript_->came(describe(message->header, message->payload, message->fds.size()));
  else if (message.error().code == std::errc::timed_out)
    transcript_->came(text("nothing within {} ms", patience_.limit.count()));
  else if (message.error().code == std::errc::protocol_error)
    transcript_->came("no message: " + message.error().message);
  else
    transcript_->came("the connection was closed");
  return message;
}

bool Link::closed_in_time() {
  const auto end = Clock::now() + patience_.limit;
  for (;;) {
    const auto message = receive();
    if (!message) return message.error().code == std::errc::connection_reset;
    // A back-end that goes on sending has not closed it, and may go on for ever.
    if (Clock::now() >= end || os::wait_for_peer(-1, {}, patience_.stop) == os::Waited::stopped)
      return false;
  }
}

std::optional<Message> Link::unexpected() {
  auto message = receive_within(patience_.quiet);
  if (!message) return std::nullopt;
  transcript_->came(describe(message->header, message->payload, message->fds.size()));
  return std::move(*message);
}

std::optional<pid_t> peer_process(int socket) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || who.pid <= 0)
    return std::nullopt;
  return who.pid;
}

}  // namespace bellwire::vhost_user
