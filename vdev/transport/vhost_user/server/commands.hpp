// SPDX-License-Identifier: BSD-3-Clause
//
// Commands: what a front-end's requests do to a backend. It does no input or output on the
// session's socket, so tests and a fuzzer can call it directly. Some requests wait until requests
// in flight are completed; one request at a time is under way, so the next is handed over when the
// last one is done.
//
// On the device's thread. Source: vhost-user, "Front-end message types"; docs/semantics.md, 53
// to 76.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "vdev/transport/vhost_user/protocol/messages.hpp"
#include "vdev/transport/vhost_user/server/backend_channel.hpp"
#include "vdev/transport/vhost_user/server/memory_slots.hpp"
#include "vdev/transport/vhost_user/server/served_ring.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::vhost_user {

/// The answer of a request that has one of its own; empty for the others.
struct Reply {
  Bytes payload;
  std::vector<int> fds;  ///< valid until the next request is handled
};

class Commands {
 public:
  /// What we offer. A network card's config space is its front-end's, as for other back-ends.
  static constexpr std::uint64_t protocol_features =
      bit(feature::mq) | bit(feature::log_shmfd) | bit(feature::reply_ack) |
      bit(feature::backend_req) | bit(feature::config) | bit(feature::inflight_shmfd) |
      bit(feature::reset_device) | bit(feature::configure_mem_slots) | bit(feature::status);

  /// All must outlive it. `loss` records when memory of the front-end has disappeared.
  Commands(boost::asio::io_context& context, virtio::Backend& backend, DmaSpace& space,
           std::shared_ptr<os::MemoryLoss> loss);
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Called once, perhaps before handle() returns. EPROTO: the request is malformed, and what comes
  /// behind it can't be trusted. Other errors: it was understood, and is not possible.
  using Answered = std::function<void(Result<Reply>)>;
  void handle(Message request, Answered answered);

  /// What was negotiated.
  [[nodiscard]] std::uint64_t negotiated() const noexcept { return features_.negotiated; }

  /// The front-end has gone: stops the device, waits for its requests in flight, and then gives
  /// back the memory. A request that is under way is not answered any more.
  void close(std::function<void()> done);
  /// The same, and waits.
  void close_now();

 private:
  void assume_acknowledged(const MessageRule& rule);

  struct Rule;
  static const Rule rules[];
  [[nodiscard]] static const Rule* rule_for(Request request) noexcept;

  Result<Reply> get_features(Message& request);
  Result<Reply> get_protocol_features(Message& request);
  Result<Reply> set_protocol_features(Message& request);
  Result<Reply> accept(Message& request);
  Result<Reply> refuse(Message& request);
  Result<Reply> get_queue_num(Message& request);
  Result<Reply> get_max_mem_slots(Message& request);
  Result<Reply> set_vring_call(Message& request);
  Result<Reply> set_vring_err(Message& request);
  Result<Reply> set_vring_enable(Message& request);
  Result<Reply> set_log_base(Message& request);
  Result<Reply> get_config(Message& request);
  Result<Reply> set_config(Message& request);
  Result<Reply> get_status(Message& request);
  Result<Reply> get_inflight_fd(Message& request);
  Result<Reply> set_inflight_fd(Message& request);
  Result<Reply> set_backend_req_fd(Message& request);

  // These may have to wait.
  void set_features(Message& request, Answered answered);
  void set_mem_table(Message& request, Answered answered);
  void add_mem_reg(Message& request, Answered answered);
  void rem_mem_reg(Message& request, Answered answered);
  void set_vring_num(Message& request, Answered answered);
  void set_vring_addr(Message& request, Answered answered);
  void set_vring_base(Message& request, Answered answered);
  void set_vring_kick(Message& request, Answered answered);
  void get_vring_base(Message& request, Answered answered);
  void set_status(Message& request, Answered answered);
  void reset_device(Message& request, Answered answered);

  [[nodiscard]] Result<ServedRing*> ring(std::uint64_t index);
  [[nodiscard]] Result<void> enable_rings();
  /// Changes what the rings depend on, while nothing is in flight.
  void change(std::function<Result<void>()> act, Answered answered);
  /// Brings all queues in line with what is known now.
  void update_rings(Answered answered);
  void reset(std::function<void()> done);
  void tell_config_changed();

  boost::asio::io_context& context_;
  virtio::Backend& backend_;
  std::shared_ptr<os::MemoryLoss> loss_;
  ProtocolFeatures features_;
  bool acknowledged_ = false;  // SET_PROTOCOL_FEATURES has come, or need not
  MemorySlots memory_;
  Tracking tracking_;
  std::deque<ServedRing> rings_;
  os::UniqueFd inflight_fd_;  // of the last GET_INFLIGHT_FD
  std::optional<BackendChannel> channel_;
  bool config_changed_ = false;  // while all rings were stopped
  Registration config_watch_;
};

}  // namespace bellwire::vhost_user
