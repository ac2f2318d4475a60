// SPDX-License-Identifier: BSD-3-Clause
//
// FrontEnd: plays a front-end of vhost-user without a virtual machine. It connects to a back-end,
// shares memory, sets up rings and kicks them, in the order of a dialect or message by message. For
// tests, for load, and for whoever holds a back-end against the specification.
//
//     FrontEnd front(std::move(link), dialects().front(), {}, GuestMemory::create(shapes).value());
//     front.bring_up().value();
//
// One thread. Errors: those of Link; EPERM: the back-end refused, its reply was not 0; EPROTO: the
// answer is not one to the question.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vdev/os/event_fd.hpp"
#include "vdev/transport/vhost_user/client/dialect.hpp"
#include "vdev/transport/vhost_user/client/guest_memory.hpp"
#include "vdev/transport/vhost_user/client/link.hpp"
#include "vdev/transport/vhost_user/client/ring_words.hpp"

namespace bellwire::vhost_user {

/// A value as a message's payload.
template <class T>
[[nodiscard]] std::span<const std::byte> as_payload(const T& value) noexcept {
  return std::as_bytes(std::span(&value, 1));
}

/// What to agree on, as far as the back-end offers it.
struct Wishes {
  unsigned queues = 1;
  std::uint16_t queue_size = 128;
  std::uint16_t base = 0;      ///< where the rings begin, see RingWords::create()
  std::uint64_t features = 0;  ///< beside VIRTIO_F_VERSION_1 and bit 30; VIRTIO_F_RING_PACKED
                               ///< only if it is known to be offered: the rings are made so
  std::uint64_t never_features = 0;
  std::uint64_t never_protocol_features = 0;
  bool enable = true;  ///< false: SET_VRING_ENABLE is left out
  bool memory = true;  ///< false: sharing memory is left out
};

/// What the back-end said of itself.
struct Offer {
  std::uint64_t features = 0;
  std::uint64_t protocol_features = 0;
  std::uint64_t queues = 1;
  std::uint64_t slots = 0;
};

/// A ring and its wires.
struct Ring {
  RingWords words;
  os::EventFd kick;
  os::EventFd call;
};

class FrontEnd {
 public:
  /// Makes the rings in the first piece of the memory. ENOMEM, EMFILE.
  [[nodiscard]] static Result<FrontEnd> create(Link link, const Dialect& dialect,
                                               const Wishes& wishes, GuestMemory memory);
  FrontEnd(FrontEnd&&) noexcept = default;

  /// All steps of the dialect, or up to and without `end`.
  [[nodiscard]] Result<void> bring_up(std::optional<Step> end = {});
  [[nodiscard]] Result<void> run(Step step);
  [[nodiscard]] Result<void> run(RingStep step, unsigned ring);

  // Single messages.

  /// A message that has an answer of its own.
  [[nodiscard]] Result<Message> ask(Request request, std::span<const std::byte> payload = {},
                                    std::span<const int> fds = {}, std::uint32_t with = 0);
  /// The same with an answer of one number, whose flags and size are checked.
  [[nodiscard]] Result<std::uint64_t> get(Request request);
  /// A message that has none; it is acknowledged if the dialect asks for that.
  [[nodiscard]] Result<void> tell(Request request, std::span<const std::byte> payload = {},
                                  std::span<const int> fds = {});
  template <class T>
  [[nodiscard]] Result<void> tell(Request request, const T& value, std::span<const int> fds = {}) {
    return tell(request, as_payload(value), fds);
  }
  /// The same, acknowledged whatever the dialect says, if REPLY_ACK is negotiated: the reply's
  /// number, 0 for success.
  [[nodiscard]] Result<std::uint64_t> acknowledged(Request request,
                                                   std::span<const std::byte> payload = {},
                                                   std::span<const int> fds = {});
  template <class T>
  [[nodiscard]] Result<std::uint64_t> acknowledged(Request request, const T& value,
                                                   std::span<const int> fds = {}) {
    return acknowledged(request, as_payload(value), fds);
  }
  /// GET_VRING_BASE: stops the ring; its next available index.
  [[nodiscard]] Result<std::uint32_t> stop_ring(unsigned ring);
  [[nodiscard]] Result<void> enable_ring(unsigned ring, bool enabled);
  /// SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR. No descriptor: bit 8 instead.
  [[nodiscard]] Result<void> set_wire(Request request, unsigned ring, const os::EventFd* event);
  [[nodiscard]] Result<void> set_address(unsigned ring, std::uint32_t flags = 0,
                                         std::uint64_t log = 0);
  [[nodiscard]] Result<void> share_table();
  [[nodiscard]] Result<void> share_slot(std::size_t piece);

  /// Closes the connection; memory, rings and the inflight region stay.
  void hang_up() noexcept { link_.close(); }
  /// Connects anew, for another bring_up(). SET_VRING_BASE names the ring's used index, as QEMU has
  /// it after a lost connection; of a packed ring, what was taken here.
  [[nodiscard]] Result<void> reconnect(const std::string& path);

  [[nodiscard]] Link& link() noexcept { return link_; }
  [[nodiscard]] const Offer& offer() const noexcept { return offer_; }
  [[nodiscard]] std::uint64_t features() const noexcept { return features_; }
  [[nodiscard]] bool negotiated(unsigned protocol_feature) const noexcept {
    return (protocol_features_ & bit(protocol_feature)) != 0;
  }
  [[nodiscard]] GuestMemory& memory() noexcept { return *memory_; }
  [[nodiscard]] Ring& ring(unsigned index) noexcept { return rings_[index]; }
  [[nodiscard]] unsigned rings() const noexcept { return static_cast<unsigned>(rings_.size()); }
  [[nodiscard]] const Dialect& dialect() const noexcept { return *dialect_; }
  [[nodiscard]] const Wishes& wishes() const noexcept { return wishes_; }

  /// Our end of the channel for the back-end's own requests; invalid: there is none.
  [[nodiscard]] const os::UniqueFd& channel() const noexcept { return channel_; }

  /// What the back-end tracks its requests in; keep it for the next connection after a crash.
  struct Inflight {
    vhost_user::Inflight shape{};
    os::UniqueFd file;  ///< invalid: none
  };
  [[nodiscard]] Inflight& inflight() noexcept { return inflight_; }
  /// Another region in place of it, as after a reset of the device, when nothing is under way.
  [[nodiscard]] Result<void> fresh_inflight();

 private:
  FrontEnd(Link link, const Dialect& dialect, const Wishes& wishes, GuestMemory memory);
  [[nodiscard]] bool acknowledges(Request request) const noexcept;
  [[nodiscard]] bool offered(unsigned protocol_feature) const noexcept;
  [[nodiscard]] Result<void> make_rings();
  [[nodiscard]] Result<void> each_ring(RingStep step);
  [[nodiscard]] Result<void> set_up_rings();
  [[nodiscard]] Result<void> learn(std::uint64_t& value, Request request);
  [[nodiscard]] Result<void> agree_on_features();
  [[nodiscard]] Result<void> agree_on_protocol_features();
  [[nodiscard]] Result<void> open_channel();
  [[nodiscard]] Result<void> read_config();
  [[nodiscard]] Result<void> fetch_inflight();
  [[nodiscard]] Result<void> send_inflight();
  [[nodiscard]] Result<void> share_memory();
  [[nodiscard]] Result<void> add_status(std::uint8_t bits);

  Link link_;
  const Dialect* dialect_;
  Wishes wishes_;
  std::unique_ptr<GuestMemory> memory_;  // the rings point to it
  std::vector<Ring> rings_;
  Offer offer_;
  std::uint64_t features_ = 0, protocol_features_ = 0;
  os::UniqueFd channel_;
  Inflight inflight_;
};

}  // namespace bellwire::vhost_user
