// SPDX-License-Identifier: BSD-3-Clause
//
// RingObserver: notes, for one ring, what the front-end wants to know of its requests: what is in
// flight, which pages of the guest's memory were written, and that the ring is broken. On the
// device's thread.
// Source: vhost-user, "Inflight I/O tracking", "Migration", VHOST_USER_SET_VRING_ERR.
#pragma once

#include <optional>

#include "vdev/transport/vhost_user/server/dirty_log.hpp"
#include "vdev/transport/vhost_user/server/inflight.hpp"
#include "vdev/transport/vhost_user/server/memory_slots.hpp"
#include "vdev/transport/vhost_user/server/packed_inflight.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::vhost_user {

/// What the rings of a front-end have in common.
struct Tracking {
  std::optional<InflightRegion> inflight;
  std::optional<DirtyLog> log;
  bool log_all = false;  ///< VHOST_F_LOG_ALL was accepted
};

class RingObserver final : public virtio::QueueObserver {
 public:
  RingObserver(Tracking& tracking, const MemorySlots& memory) noexcept
      : tracking_(tracking), memory_(memory) {}

  /// For a ring that is about to start: where it continues.
  [[nodiscard]] Resumption begin(unsigned index, const virtio::QueueLayout& layout,
                                 const virtio::QueuePosition& asked);

  /// The guest address at which writes of the used ring are logged; none: they are not.
  void log_used_ring(std::optional<std::uint64_t> address) noexcept { used_ring_ = address; }
  /// Rung when the ring turns out to be broken.
  void set_error_event(std::optional<os::EventFd> event) noexcept { error_ = std::move(event); }

  void taken(const virtio::Chain& chain) noexcept override;
  void returning(const virtio::Chain& chain, std::uint32_t written) noexcept override;
  void publishing(const virtio::QueuePosition& position) noexcept override;
  void published(const virtio::QueuePosition& position) noexcept override;
  void broken(const Error& why) noexcept override;

 private:
  [[nodiscard]] bool logs() const noexcept { return tracking_.log_all && tracking_.log; }

  Tracking& tracking_;
  const MemorySlots& memory_;
  std::optional<SplitInflight> split_;  // of these, one at most
  std::optional<PackedInflight> packed_;
  std::optional<std::uint64_t> used_ring_;
  std::uint64_t used_ring_size_ = 0;
  std::optional<os::EventFd> error_;
};

}  // namespace bellwire::vhost_user
