// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/framing.hpp"

#include "vdev/os/unix_socket.hpp"

namespace bellwire::os {

Result<bool> receive_into(int socket, std::span<std::byte> bytes, std::size_t& filled,
                          std::vector<UniqueFd>& fds) {
  while (filled < bytes.size()) {
    auto parcel = receive_parcel(socket, bytes.subspan(filled));
    if (!parcel) return parcel.error();
    if (!*parcel) return false;
    if ((*parcel)->size == 0)
      return fault(std::errc::connection_reset, "the other side closed the connection");
    filled += (*parcel)->size;
    for (auto& fd : (*parcel)->fds) fds.push_back(std::move(fd));
    // Each byte may bring some: more than any message has are no message.
    if (fds.size() > most_fds)
      return fault(std::errc::protocol_error, "a message with {} descriptors", fds.size());
  }
  return true;
}

Result<bool> FrameWriter::flush(int socket) {
  while (!waiting_.empty()) {
    const auto& [bytes, fds] = waiting_.front();
    const std::span<const int> with = sent_ == 0 ? std::span(fds) : std::span<const int>();
    const auto sent = send_parcel(socket, std::span(bytes).subspan(sent_), with);
    if (!sent) return sent.error();
    if (*sent == 0) return false;
    sent_ += *sent;
    if (sent_ < bytes.size()) continue;
    unsent_ -= bytes.size();
    waiting_.pop_front();
    sent_ = 0;
  }
  return true;
}

}  // namespace bellwire::os
