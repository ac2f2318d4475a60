// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/client/client_link.hpp"

#include <algorithm>

#include "vdev/core/address_range.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::vfio_user {

std::span<std::byte> ClientMemory::find(const DmaAccess& access) const noexcept {
  const auto next = pieces_.upper_bound(access.address);
  if (next == pieces_.begin()) return {};
  const auto& [address, bytes] = *std::prev(next);
  const auto offset = access.address - address;
  if (!fits(offset, access.count, bytes.size())) return {};
  return bytes.subspan(offset, access.count);
}

Result<Bytes> ClientMemory::answer(const Message& request) {
  const auto access = head<DmaAccess>(request.payload);
  const auto command = static_cast<Command>(request.header.command);
  const bool reads = command == Command::dma_read;
  const auto data = request.payload.size() - sizeof(DmaAccess);
  if (!access || (!reads && command != Command::dma_write) || access->count > most_transfer ||
      data != (reads ? 0 : access->count))
    return fault(std::errc::invalid_argument, "command {} of {} bytes from a device",
                 request.header.command, request.payload.size());
  const auto memory = find(*access);
  if (memory.size() != access->count)
    return fault(std::errc::bad_address, "the device may not access {} bytes at {:#x}",
                 access->count, access->address);
  Bytes reply;
  append(reply, *access);
  if (reads)
    append(reply, memory);
  else
    std::ranges::copy(std::span(request.payload).subspan(sizeof(DmaAccess)), memory.begin());
  served_ += memory.size();
  return reply;
}

namespace {

constexpr auto glance = std::chrono::milliseconds(1);  // between two looks at `enough`

std::chrono::milliseconds left(ClientLink::Clock::time_point end) {
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(end - ClientLink::Clock::now());
  return std::max(time, std::chrono::milliseconds(0));
}

}  // namespace

Result<void> ClientLink::send(Outgoing message, Clock::time_point end) {
  writer_.push(std::move(message));
  for (;;) {
    const auto sent = writer_.flush(socket_.get());
    if (!sent) return sent.error();
    if (*sent) return {};
    if (!os::wait_writable(socket_.get(), left(end)))
      return fault(std::errc::timed_out, "the device does not read what it is sent");
  }
}

// Returns the next reply; empty if `enough()` is true first.
Result<std::optional<Message>> ClientLink::receive(Clock::time_point end,
                                                   const std::function<bool()>& enough) {
  while (!enough || !enough()) {
    auto message = reader_.next(socket_.get());
    if (!message) return message.error();
    if (*message && (*message)->reply()) return std::move(*message);
    if (*message) {
      if (auto answered = answer(**message, end); !answered) return answered.error();
      continue;
    }
    const auto time = left(end);
    if (time.count() == 0)
      return fault(std::errc::timed_out, "nothing came from the device for {} ms",
                   patience_.count());
    (void)os::wait_readable(socket_.get(), enough ? std::min(glance, time) : time);
  }
  return std::optional<Message>();
}

Result<void> ClientLink::answer(const Message& request, Clock::time_point end) {
  const auto reply = memory_.answer(request);
  auto header = request.header;
  if ((header.flags & flags::no_reply) != 0) return {};
  header.flags = flags::reply;
  if (reply) return send({pack(header, *reply), {}}, end);
  header.flags |= flags::error;
  header.error = static_cast<std::uint32_t>(reply.error().code.value());
  return send({pack(header, {}), {}}, end);
}

Result<Message> ClientLink::ask(Command command, std::span<const std::byte> payload,
                                std::vector<int> fds) {
  const auto end = Clock::now() + patience_;
  const auto header = command_header(command, ++id_);
  if (auto sent = send({pack(header, payload), std::move(fds)}, end); !sent) return sent.error();
  auto received = receive(end, {});
  if (!received) return received.error();
  auto& reply = **received;
  if (reply.header.id != header.id || reply.header.command != header.command)
    return fault(std::errc::protocol_error, "a reply to command {} came to command {}",
                 reply.header.command, header.command);
  if ((reply.header.flags & flags::error) == 0) return std::move(reply);
  return Error{std::error_code(static_cast<int>(reply.header.error), std::generic_category()),
               text("the device refused command {}: errno {}", header.command, reply.header.error)};
}

Result<void> ClientLink::notify(Command command, std::span<const std::byte> payload) {
  const auto header = command_header(command, ++id_, flags::no_reply);
  return send({pack(header, payload), {}}, Clock::now() + patience_);
}

Result<void> ClientLink::serve(const std::function<bool()>& enough) {
  const auto received = receive(Clock::now() + patience_, enough);
  if (!received) return received.error();
  if (*received) return fault(std::errc::protocol_error, "an unexpected reply");
  return {};
}

}  // namespace bellwire::vfio_user
