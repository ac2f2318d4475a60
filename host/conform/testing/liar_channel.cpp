// SPDX-License-Identifier: BSD-3-Clause
//
// What the liar says by itself when its disk has become longer.
#include "host/conform/testing/liar_session.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
namespace flags = vhost_user::flags;
using vhost_user::bit;

}  // namespace

// What the front-end thought of the last announcement.
void LiarSession::hear_of_errors() {
  vhost_user::Bytes bytes(sizeof(vhost_user::Header) + sizeof(std::uint64_t));
  for (;;) {
    const auto come = os::receive_bytes(channel_.get(), bytes);
    if (!come || !*come || **come < bytes.size()) return;
    offended_ = offended_ || bytes[sizeof(vhost_user::Header)] != std::byte{0};
  }
}

void LiarSession::announce() {
  const bool reply_ack = (protocol_features_ & bit(feature::reply_ack)) != 0;
  const bool on_connection = !channel_.valid() && lies(Lie::announces_on_the_connection);
  if (!channel_.valid() && !on_connection) return;
  if (!running() && !lies(Lie::announces_while_stopped)) return;
  if (!on_connection) hear_of_errors();
  if (lies(Lie::announces_nothing) || (offended_ && lies(Lie::is_silent_after_an_error)))
    return world_.withhold();
  const bool asks = reply_ack || lies(Lie::asks_without_reply_ack);
  const auto message = vhost_user::pack(vhost_user::BackendRequest::config_change_msg,
                                        std::span<const std::byte>(), asks ? flags::need_reply : 0);
  const auto sent = os::send_parcel(on_connection ? socket_.get() : channel_.get(), message, {});
  if (!sent && lies(Lie::dies_of_a_closed_channel)) world_.dead = true;
  if (sent && *sent == 0 && lies(Lie::waits_for_room_in_the_channel)) {
    for (const auto& ring : rings_) ring->deaf = true;
  }
  if (lies(Lie::announces_on_the_first_channel)) world_.withhold();
}

}  // namespace bellwire::host::conform
