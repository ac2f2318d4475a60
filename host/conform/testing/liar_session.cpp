// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/testing/liar_session.hpp"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <algorithm>
#include <cstring>

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
namespace flags = vhost_user::flags;
using vhost_user::bit;
using vhost_user::Bytes;
using vhost_user::ConfigAccess;
using vhost_user::head;
using vhost_user::Header;
using vhost_user::Message;

constexpr std::uint32_t longest_payload = 4096;
constexpr std::uint32_t config_length = 60;

constexpr std::uint64_t offered_protocol =
    bit(feature::mq) | bit(feature::log_shmfd) | bit(feature::reply_ack) |
    bit(feature::backend_req) | bit(feature::config) | bit(feature::inflight_shmfd) |
    bit(feature::reset_device) | bit(feature::configure_mem_slots) | bit(feature::status);

std::uint64_t offered_by(const LiarWorld& world) {
  const auto common = bit(VIRTIO_F_VERSION_1) | bit(vhost_user::f_protocol_features) |
                      bit(VIRTIO_RING_F_EVENT_IDX) | bit(VIRTIO_RING_F_INDIRECT_DESC) |
                      bit(VHOST_F_LOG_ALL) | bit(VIRTIO_F_RING_PACKED);
  constexpr unsigned net_mrg_rxbuf = 15, net_status = 16;
  if (world.nature.kind == Kind::net) return common | bit(net_mrg_rxbuf) | bit(net_status);
  if (world.nature.kind == Kind::rng || world.nature.kind == Kind::unknown) return common;
  return common | bit(VIRTIO_BLK_F_SEG_MAX) | bit(VIRTIO_BLK_F_BLK_SIZE) |
         bit(VIRTIO_BLK_F_CONFIG_WCE) | bit(VIRTIO_BLK_F_DISCARD) | bit(VIRTIO_BLK_F_WRITE_ZEROES) |
         (world.nature.read_only ? bit(VIRTIO_BLK_F_RO) : 0) |
         (world.lies(Lie::offers_no_flush) ? 0 : bit(VIRTIO_BLK_F_FLUSH));
}

}  // namespace

LiarSession::LiarSession(os::UniqueFd socket, LiarWorld& world)
    : socket_(std::move(socket)), world_(world) {
  world_.memory.pieces.clear();
  world_.memory.loss = os::MemoryLoss::create().value();
  world_.features = 0;
  world_.log.bits.reset();
  world_.close = false;
  make_rings();
}

void LiarSession::make_rings() {
  rings_.clear();
  const std::size_t count = world_.nature.kind == Kind::rng ? 1 : 2;
  while (rings_.size() < count) rings_.push_back(std::make_unique<LiarRing>(world_));
  rings_.front()->receives = world_.nature.kind == Kind::net;
}

bool LiarSession::running() const {
  return std::ranges::any_of(rings_, [](const auto& ring) { return ring->started(); });
}

// The rest of the message that has begun. Never more: descriptors come with a message's first byte.
std::size_t LiarSession::wanted() const {
  const auto header = head<Header>(message_);
  return (header ? sizeof *header + header->size : sizeof(Header)) - message_.size();
}

bool LiarSession::receive() {
  Bytes bytes(wanted());
  auto parcel = os::receive_parcel(socket_.get(), bytes);
  if (!parcel || (*parcel && (*parcel)->size == 0)) return false;
  if (!*parcel) return true;
  bytes.resize((*parcel)->size);
  vhost_user::append(message_, std::span<const std::byte>(bytes));
  for (auto& fd : (*parcel)->fds) fds_.push_back(std::move(fd));
  if (message_.size() < sizeof(Header) && lies(Lie::wants_whole_messages)) return false;
  const auto header = head<Header>(message_);
  if (header && message_.size() == sizeof *header && !check_header(*header)) return false;
  if (header && wanted() == 0) {
    const Message message{*header, Bytes(message_.begin() + sizeof *header, message_.end()),
                          std::exchange(fds_, {})};
    message_.clear();
    handle(message);
  }
  return !world_.close && !world_.dead;
}

bool LiarSession::check_header(const Header& header) {
  const auto takes = [this](Lie lie) {
    if (lies(lie)) world_.withhold();  // the end of the connection
    return lies(lie);
  };
  if ((header.flags & flags::version_mask) != flags::version) return takes(Lie::takes_any_version);
  if ((header.flags & flags::reply) != 0) return takes(Lie::takes_replies);
  return header.size <= longest_payload || takes(Lie::waits_for_any_payload);
}

void LiarSession::answer(std::uint32_t request, std::span<const std::byte> payload,
                         std::span<const int> fds, std::uint32_t with) {
  auto bytes = vhost_user::pack_reply(request, payload);
  auto header = *head<Header>(bytes);
  header.flags |= with;
  std::memcpy(bytes.data(), &header, sizeof header);
  static_cast<void>(os::send_parcel(socket_.get(), bytes, fds));
}

void LiarSession::handle(const Message& message) {
  const auto request = message.header.request;
  ++messages_;
  if (auto* const ring = std::exchange(late_, nullptr)) ring->complete(true);
  const bool demanded =
      message.needs_reply() && (protocol_features_ & bit(feature::reply_ack)) != 0;
  const auto done = act(message);
  const std::uint64_t value = done == Done::yes ? 0 : 1;
  const auto is = [request](Request one) { return request == static_cast<std::uint32_t>(one); };
  if (done == Done::answered) {
    if (demanded && is(Request::get_features) && lies(Lie::answers_twice))
      answer(request, payload_of(value));
    return;
  }
  const bool unasked = is(Request::set_vring_num) && lies(Lie::answers_unasked);
  if (!demanded && !unasked) {
    world_.close = world_.close || done == Done::no;
    return;
  }
  const auto with = lies(Lie::copies_need_reply) ? flags::need_reply : 0U;
  answer(request, payload_of(value), {}, with);
  if (is(Request::set_owner) && lies(Lie::acknowledges_twice)) answer(request, payload_of(value));
}

LiarSession::Done LiarSession::act(const Message& message) {
  switch (static_cast<Request>(message.header.request)) {
    case Request::set_mem_table:
    case Request::add_mem_reg:
    case Request::rem_mem_reg:
    case Request::get_max_mem_slots:
    case Request::get_inflight_fd:
    case Request::set_inflight_fd:
      return act_on_memory(message);
    case Request::set_vring_num:
    case Request::set_vring_addr:
    case Request::set_vring_base:
    case Request::get_vring_base:
    case Request::set_vring_enable:
      return act_on_ring(message);
    case Request::set_vring_kick:
    case Request::set_vring_call:
    case Request::set_vring_err:
      return set_wire(message);
    default:
      return act_on_device(message);
  }
}

LiarSession::Done LiarSession::get_features(const Message& message) {
  if (!message.fds.empty() && lies(Lie::keeps_refused_descriptors)) {
    for (const auto& fd : message.fds) static_cast<void>(fd.duplicate().release());
    if (++world_.leaks == 8) world_.withhold();
  }
  if (lies(Lie::calls_while_stopped))
    for (const auto& ring : rings_)
      if (!ring->started() && ring->call) ring->call->ring();
  auto offered = offered_by(world_);
  if (features_set_ && lies(Lie::changes_its_features)) offered ^= bit(VIRTIO_BLK_F_FLUSH);
  const auto bytes = payload_of(offered);
  const auto with = lies(Lie::answers_with_other_flags) ? flags::need_reply : 0U;
  answer(message.header.request, lies(Lie::answers_short) ? bytes.first(4) : bytes, {}, with);
  if (messages_ == 1 && lies(Lie::drops_the_second_message)) {
    Bytes rest(sizeof(Header));
    const auto dropped = os::receive_bytes(socket_.get(), rest);
    if (dropped && *dropped && **dropped > 0) world_.withhold();
  }
  return Done::answered;
}

LiarSession::Done LiarSession::set_features(std::uint64_t features) {
  features_set_ = true;
  world_.features = features;
  const bool plain = (features & bit(vhost_user::f_protocol_features)) == 0;
  for (const auto& ring : rings_)
    if (plain && !lies(Lie::starts_disabled_always)) ring->enable(true);
  if (running() && lies(Lie::disables_at_set_features)) {
    for (const auto& ring : rings_) ring->enable(false);
    world_.withhold();
  }
  return Done::yes;
}

LiarSession::Done LiarSession::act_on_device(const Message& message) {
  switch (static_cast<Request>(message.header.request)) {
    case Request::get_features:
      return get_features(message);
    case Request::set_features:
      return set_features(number_in(message));
    case Request::set_owner:
      owned_ = true;
      return Done::yes;
    case Request::reset_owner:
      if (!lies(Lie::drops_memory_at_reset_owner)) return Done::yes;
      world_.memory.pieces.clear();
      world_.withhold();
      return Done::yes;
    case Request::get_protocol_features:
      if (!owned_ && lies(Lie::wants_owner_first)) return Done::no;
      return say(message, offered_protocol);
    case Request::set_protocol_features:
      protocol_features_ = number_in(message);
      return Done::yes;
    case Request::get_queue_num:
      return say(message, std::uint64_t{rings_.size()});
    case Request::get_config:
      return get_config(message);
    case Request::set_config:
      return set_config(message);
    case Request::set_log_base:
      return set_log(message);
    case Request::set_backend_req_fd:
      if (message.fds.size() != 1 || lies(Lie::refuses_a_channel)) return Done::no;
      if (channel_.valid() && lies(Lie::announces_on_the_first_channel)) return Done::yes;
      channel_.reset(os::duplicate(message.fds.front().get()).release());
      return Done::yes;
    case Request::reset_device:
      reset_device();
      return Done::yes;
    case Request::set_status:
      return set_status(number_in(message));
    case Request::get_status:
      return say(message, status_ & ~(lies(Lie::hides_features_ok)
                                          ? std::uint64_t{VIRTIO_CONFIG_S_FEATURES_OK}
                                          : 0));
    case Request::iotlb_msg:
      if (!lies(Lie::keeps_silent_about_iotlb)) return Done::no;
      world_.withhold();
      return Done::answered;
    default:
      return lies(Lie::acknowledges_the_unknown) ? Done::yes : Done::no;
  }
}

LiarSession::Done LiarSession::set_log(const Message& message) {
  if (lies(Lie::keeps_silent_about_logs)) return world_.withhold(), Done::answered;
  const auto where = head<vhost_user::Log>(message.payload);
  if (!where || message.fds.size() != 1) return Done::no;
  auto bits = os::Mapping::create(message.fds.front().get(), where->size, where->offset);
  if (!bits) return Done::no;
  if (world_.log.bits && lies(Lie::keeps_the_first_log))
    world_.withhold();
  else
    world_.log.bits.emplace(std::move(*bits));
  return say(message, std::uint64_t{0});
}

void LiarSession::reset_device() {
  if (lies(Lie::serves_after_reset)) return;
  for (const auto& ring : rings_) ring->complete(true);
  make_rings();
  status_ = 0;
  deaf_ = lies(Lie::is_dead_after_reset);
}

LiarSession::Done LiarSession::set_status(std::uint64_t status) {
  status_ = status;
  if (status != 0) return Done::yes;
  for (const auto& ring : rings_) {
    static_cast<void>(ring->stop());
    ring->enabled = false;
    if (lies(Lie::forgets_at_status_zero)) ring->next = 0;
  }
  return Done::yes;
}

LiarSession::Done LiarSession::get_config(const Message& message) {
  const auto access = head<ConfigAccess>(message.payload);
  if (!access) return Done::no;
  Bytes config(config_length);
  const std::uint64_t capacity = world_.disk.size() / 512;
  std::memcpy(config.data(), &capacity, sizeof capacity);
  if (access->offset > config_length || access->size > config_length - access->offset) {
    if (lies(Lie::keeps_silent_beyond_config)) return world_.withhold(), Done::answered;
    answer(message.header.request, {});
    return Done::answered;
  }
  Bytes reply;
  vhost_user::append(reply, *access);
  vhost_user::append(reply,
                     std::span<const std::byte>(config).subspan(access->offset, access->size));
  if (lies(Lie::answers_config_longer)) reply.resize(reply.size() + 4);
  answer(message.header.request, reply);
  return Done::answered;
}

LiarSession::Done LiarSession::set_config(const Message& message) {
  const auto access = head<ConfigAccess>(message.payload);
  if (access && access->offset == offsetof(virtio_blk_config, wce) && access->size == 1)
    return Done::yes;
  if (!lies(Lie::writes_read_only_config)) return Done::no;
  world_.disk.resize(world_.disk.size() / 2);
  return Done::yes;
}

}  // namespace bellwire::host::conform
