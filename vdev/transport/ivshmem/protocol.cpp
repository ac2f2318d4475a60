// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/protocol.hpp"

#include <boost/endian/conversion.hpp>
#include <cstring>
#include <span>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::ivshmem {

Result<bool> send(int socket, std::int64_t value, int fd) {
  const auto wire = boost::endian::native_to_little(value);
  return os::send_message(socket, std::as_bytes(std::span(&wire, 1)), fd);
}

Result<std::optional<Message>> Reader::next(int socket) {
  while (filled_ < bytes_.size()) {
    auto received = os::receive_message(socket, std::span(bytes_).subspan(filled_));
    if (!received) return received.error();
    if (!*received) return std::nullopt;
    if ((*received)->size == 0)
      return fault(std::errc::connection_reset, "the other side closed the connection");
    filled_ += (*received)->size;
    if ((*received)->fd.valid()) fd_ = std::move((*received)->fd);
  }
  filled_ = 0;
  std::int64_t wire = 0;
  std::memcpy(&wire, bytes_.data(), sizeof wire);
  return Message{boost::endian::little_to_native(wire), std::move(fd_)};
}

}  // namespace bellwire::ivshmem
