// SPDX-License-Identifier: BSD-3-Clause
//
// The steps of the dialects.
#include <linux/virtio_config.h>
#include <sys/socket.h>

#include "vdev/transport/vhost_user/client/front_end.hpp"

namespace bellwire::vhost_user {
namespace {

constexpr std::uint32_t config_bytes = 60;  // what QEMU reads of a disk's

}  // namespace

Result<void> FrontEnd::bring_up(std::optional<Step> end) {
  for (const auto step : dialect_->steps) {
    if (step == end) break;
    if (auto done = run(step); !done) return done;
  }
  return {};
}

bool FrontEnd::offered(unsigned protocol_feature) const noexcept {
  return (offer_.protocol_features & bit(protocol_feature)) != 0;
}

Result<void> FrontEnd::run(Step step) {
  switch (step) {
    case Step::get_features:
      return learn(offer_.features, Request::get_features);
    case Step::get_protocol_features:
      if ((offer_.features & bit(f_protocol_features)) == 0) return {};
      return learn(offer_.protocol_features, Request::get_protocol_features);
    case Step::set_protocol_features:
      return agree_on_protocol_features();
    case Step::get_queue_num:
      return negotiated(feature::mq) ? learn(offer_.queues, Request::get_queue_num)
                                     : Result<void>();
    case Step::get_max_mem_slots:
      return negotiated(feature::configure_mem_slots)
                 ? learn(offer_.slots, Request::get_max_mem_slots)
                 : Result<void>();
    case Step::set_backend_req_fd:
      return negotiated(feature::backend_req) ? open_channel() : Result<void>();
    case Step::set_owner:
      return tell(Request::set_owner);
    case Step::first_calls:
      return each_ring(RingStep::call);
    case Step::get_config:
      return negotiated(feature::config) ? read_config() : Result<void>();
    case Step::get_inflight_fd:
      return negotiated(feature::inflight_shmfd) ? fetch_inflight() : Result<void>();
    case Step::set_inflight_fd:
      return negotiated(feature::inflight_shmfd) ? send_inflight() : Result<void>();
    case Step::set_features:
      return agree_on_features();
    case Step::features_ok:
      return add_status(VIRTIO_CONFIG_S_FEATURES_OK);
    case Step::memory:
      return wishes_.memory ? share_memory() : Result<void>();
    case Step::rings:
      return set_up_rings();
    case Step::enable:
      return each_ring(RingStep::enable);
    case Step::driver_ok:
      return add_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                        VIRTIO_CONFIG_S_DRIVER_OK);
  }
  return {};
}

Result<void> FrontEnd::each_ring(RingStep step) {
  for (unsigned ring = 0; ring < rings(); ++ring)
    if (auto done = run(step, ring); !done) return done;
  return {};
}

Result<void> FrontEnd::set_up_rings() {
  for (unsigned ring = 0; ring < rings(); ++ring)
    for (const auto step : dialect_->ring_steps)
      if (auto done = run(step, ring); !done) return done;
  return {};
}

Result<void> FrontEnd::run(RingStep step, unsigned ring) {
  auto& [words, kick, call] = rings_[ring];
  switch (step) {
    case RingStep::num:
      return tell(Request::set_vring_num, vhost_vring_state{ring, words.size()});
    case RingStep::base:
      return tell(Request::set_vring_base, vhost_vring_state{ring, words.base()});
    case RingStep::addr:
      return set_address(ring);
    case RingStep::kick:
      return set_wire(Request::set_vring_kick, ring, &kick);
    case RingStep::call:
      return set_wire(Request::set_vring_call, ring, &call);
    case RingStep::enable:
      return wishes_.enable ? enable_ring(ring, true) : Result<void>();
  }
  return {};
}

Result<void> FrontEnd::learn(std::uint64_t& value, Request request) {
  const auto answer = get(request);
  if (!answer) return answer.error();
  value = *answer;
  return {};
}

Result<void> FrontEnd::agree_on_protocol_features() {
  if ((offer_.features & bit(f_protocol_features)) == 0) return {};
  const auto agreed =
      offer_.protocol_features & dialect_->protocol_features & ~wishes_.never_protocol_features;
  auto told = tell(Request::set_protocol_features, agreed);
  if (told) protocol_features_ = agreed;
  return told;
}

Result<void> FrontEnd::agree_on_features() {
  const auto wanted = wishes_.features | bit(VIRTIO_F_VERSION_1) | bit(f_protocol_features);
  features_ = offer_.features & wanted & ~wishes_.never_features;
  return tell(Request::set_features, features_);
}

Result<void> FrontEnd::open_channel() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return system_fault("cannot make a pair of sockets");
  channel_.reset(ends[0]);
  const os::UniqueFd theirs(ends[1]);
  const int fds[] = {theirs.get()};
  return tell(Request::set_backend_req_fd, {}, fds);
}

Result<void> FrontEnd::read_config() {
  Bytes payload;
  append(payload, ConfigAccess{0, config_bytes, ConfigAccess::writable});
  payload.resize(payload.size() + config_bytes);
  const auto reply = ask(Request::get_config, payload);
  return reply ? Result<void>() : reply.error();
}

Result<void> FrontEnd::fetch_inflight() {
  if (inflight_.file.valid()) return {};
  inflight_.shape = {0, 0, static_cast<std::uint16_t>(rings()), wishes_.queue_size, 0};
  auto reply = ask(Request::get_inflight_fd, as_payload(inflight_.shape));
  if (!reply) return reply.error();
  const auto shape = head<vhost_user::Inflight>(reply->payload);
  if (!shape)
    return fault(std::errc::protocol_error, "the reply has {} bytes, not {}", reply->payload.size(),
                 sizeof *shape);
  if (shape->mmap_size == 0) return {};
  if (reply->fds.size() != 1)
    return fault(std::errc::protocol_error, "GET_INFLIGHT_FD's reply has {} descriptors, not 1",
                 reply->fds.size());
  inflight_ = {*shape, std::move(reply->fds.front())};
  return {};
}

Result<void> FrontEnd::fresh_inflight() {
  if (!inflight_.file.valid()) return {};
  inflight_ = {};
  if (auto fetched = fetch_inflight(); !fetched) return fetched;
  return send_inflight();
}

Result<void> FrontEnd::send_inflight() {
  if (!inflight_.file.valid()) return {};
  const int fds[] = {inflight_.file.get()};
  return tell(Request::set_inflight_fd, inflight_.shape, fds);
}

Result<void> FrontEnd::share_memory() {
  if (!dialect_->memory_by_slots || !negotiated(feature::configure_mem_slots)) return share_table();
  for (std::size_t piece = 0; piece < memory_->pieces(); ++piece)
    if (auto shared = share_slot(piece); !shared) return shared;
  return {};
}

Result<void> FrontEnd::share_table() {
  Bytes payload;
  append(payload, static_cast<std::uint32_t>(memory_->pieces()));
  append(payload, std::uint32_t{0});
  std::vector<int> fds;
  for (std::size_t piece = 0; piece < memory_->pieces(); ++piece) {
    append(payload, memory_->region(piece));
    fds.push_back(memory_->fd(piece));
  }
  return tell(Request::set_mem_table, std::span<const std::byte>(payload), fds);
}

Result<void> FrontEnd::share_slot(std::size_t piece) {
  const int fds[] = {memory_->fd(piece)};
  return tell(Request::add_mem_reg, SingleRegion{0, memory_->region(piece)}, fds);
}

Result<void> FrontEnd::add_status(std::uint8_t bits) {
  if (!negotiated(feature::status)) return {};
  const auto now = get(Request::get_status);
  if (!now) return now.error();
  return tell(Request::set_status, *now | bits);
}

}  // namespace bellwire::vhost_user
