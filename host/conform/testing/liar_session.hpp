// SPDX-License-Identifier: BSD-3-Clause
//
// A connection to the liar: reads messages, and does what they say, or lies. One thread, the
// liar's.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "host/conform/testing/liar_ring.hpp"

namespace bellwire::host::conform {

/// A value as a message's payload, and the number that a message's payload is.
template <class T>
std::span<const std::byte> payload_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}
inline std::uint64_t number_in(const vhost_user::Message& message) {
  return vhost_user::head<std::uint64_t>(message.payload).value_or(0);
}

class LiarSession {
 public:
  LiarSession(os::UniqueFd socket, LiarWorld& world);

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] const std::vector<std::unique_ptr<LiarRing>>& rings() const noexcept {
    return rings_;
  }
  /// The socket is readable. False: the connection is over.
  [[nodiscard]] bool receive();
  /// Whether it ended in the middle of a message.
  [[nodiscard]] bool in_a_message() const noexcept { return !message_.empty(); }
  /// The config space has changed.
  void announce();
  /// Rings are not served, as if the liar were busy.
  void be_busy() noexcept { deaf_ = true; }

 private:
  using Request = vhost_user::Request;
  enum class Done { yes, no, answered };

  [[nodiscard]] std::size_t wanted() const;
  [[nodiscard]] bool check_header(const vhost_user::Header& header);
  void handle(const vhost_user::Message& message);
  [[nodiscard]] Done act(const vhost_user::Message& message);
  [[nodiscard]] Done act_on_device(const vhost_user::Message& message);
  [[nodiscard]] Done act_on_memory(const vhost_user::Message& message);
  [[nodiscard]] Done act_on_ring(const vhost_user::Message& message);
  [[nodiscard]] Done set_wire(const vhost_user::Message& message);
  [[nodiscard]] Done set_size(LiarRing& ring, std::uint32_t size);
  [[nodiscard]] Done stop_ring(LiarRing& ring, std::uint32_t index);
  [[nodiscard]] Done get_features(const vhost_user::Message& message);
  [[nodiscard]] Done set_features(std::uint64_t features);
  [[nodiscard]] Done get_config(const vhost_user::Message& message);
  [[nodiscard]] Done set_config(const vhost_user::Message& message);
  [[nodiscard]] Done set_table(const vhost_user::Message& message);
  [[nodiscard]] Done add_region(const vhost_user::Message& message);
  [[nodiscard]] Done remove_region(const vhost_user::Message& message);
  [[nodiscard]] bool map(const vhost_user::MemoryRegion& region, int fd);
  [[nodiscard]] Done get_inflight(const vhost_user::Message& message);
  [[nodiscard]] Done set_inflight(const vhost_user::Message& message);
  [[nodiscard]] Done set_log(const vhost_user::Message& message);
  [[nodiscard]] Done set_status(std::uint64_t status);
  void keep(const os::UniqueFd& fd);
  void make_rings();
  void reset_device();
  [[nodiscard]] bool running() const;
  [[nodiscard]] bool lies(Lie lie) const { return world_.lies(lie); }
  void answer(std::uint32_t request, std::span<const std::byte> payload,
              std::span<const int> fds = {}, std::uint32_t with = 0);
  template <class T>
  Done say(const vhost_user::Message& message, const T& value) {
    answer(message.header.request, std::as_bytes(std::span(&value, 1)));
    return Done::answered;
  }

  os::UniqueFd socket_;
  LiarWorld& world_;
  vhost_user::Bytes message_;  // as far as it has come
  std::vector<os::UniqueFd> fds_;
  std::vector<std::unique_ptr<LiarRing>> rings_;
  std::uint64_t protocol_features_ = 0, status_ = 0;
  unsigned messages_ = 0;
  LiarRing* late_ = nullptr;  // answers before it completes; null: none does
  bool owned_ = false, features_set_ = false, slot_added_ = false, deaf_ = false;
  void hear_of_errors();
  os::UniqueFd channel_;
  bool offended_ = false;  // by an error on the channel
  std::optional<os::Mapping> inflight_;
};

}  // namespace bellwire::host::conform
