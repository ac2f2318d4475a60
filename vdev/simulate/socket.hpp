// SPDX-License-Identifier: BSD-3-Clause
//
// Socket: a unix stream socket of a world. Messages keep their descriptors, and their borders, as
// far as a reader takes them whole; now and then chance cuts one in two, as a stream may be. It is
// full, writable and hung up when Linux's would be. Each call returns -1 and sets errno, as the
// system's does. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vdev/os/fd.hpp"
#include "vdev/simulate/files.hpp"

namespace bellwire::simulate {

class Socket final : public File {
 public:
  explicit Socket(World& world) : world_(world) {}

  /// Its address, for whoever accepts it.
  void bind(std::string name) { name_ = std::move(name); }
  /// EADDRINUSE: somebody serves the path.
  [[nodiscard]] int listen(const std::string& path);
  [[nodiscard]] int connect(const std::string& path);
  struct Accepted {
    int fd;
    std::string name;  ///< of the other side
  };
  /// Negative: as the calls.
  [[nodiscard]] Accepted accept();

  [[nodiscard]] std::ptrdiff_t send(std::span<const std::byte> bytes, std::span<const int> fds);
  struct Arrived {
    std::ptrdiff_t size;
    std::vector<os::UniqueFd> fds;
  };
  [[nodiscard]] Arrived receive(std::span<std::byte> bytes, bool peek);
  /// What the other side has not read, as Linux counts it.
  [[nodiscard]] std::size_t unread() const noexcept;
  void set_buffer(std::size_t size) noexcept { buffer_ = std::max(size, least_buffer); }

  [[nodiscard]] std::uint32_t ready() const noexcept override;
  void closed() override;

 private:
  // As on a machine of 64 bits: what a message of few bytes takes, and the least that
  // SO_SNDBUF gives.
  static constexpr std::size_t message_size = 768, least_buffer = 4608, usual_buffer = 212'992;
  struct Message {
    std::vector<std::byte> bytes;
    std::vector<os::UniqueFd> fds;
  };

  void hang_up();

  World& world_;
  std::string name_;
  std::string path_;                           // it listens there
  std::deque<std::shared_ptr<Socket>> queue_;  // of connections, which nobody has accepted yet
  std::deque<Message> inbox_;
  Socket* peer_ = nullptr;
  std::size_t buffer_ = usual_buffer;
  bool connected_ = false, left_ = false;  // the peer has
  int error_ = 0;                          // to be told once
  std::string peer_name_;
};

}  // namespace bellwire::simulate
