// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 16 to 22: who is answered, and how often.
#include "host/conform/trial.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
namespace flags = vhost_user::flags;
using vhost_user::bit;

constexpr Needs reply_ack{.protocol_features = bit(feature::reply_ack)};
constexpr std::uint32_t no_ring = 200;

// Messages that every back-end must take, and that change nothing of importance.
struct Sample {
  Request request;
  vhost_vring_state state;
  bool payload;
};
constexpr Sample samples[] = {
    {Request::set_owner, {}, false},
    {Request::set_vring_num, {0, 128}, true},
    {Request::set_vring_base, {0, 0}, true},
};

std::span<const std::byte> payload_of(const Sample& sample) {
  return sample.payload ? payload(sample.state) : std::span<const std::byte>();
}

FrontEnd before_memory(Trial& trial) {
  return trial.up({}, {}, vhost_user::Step::memory);
}

void one_reply_each(Trial& trial) {
  auto front = before_memory(trial);
  for (const auto& sample : samples) {
    const auto name = vhost_user::name_of(static_cast<std::uint32_t>(sample.request));
    const auto reply = front.acknowledged(sample.request, payload_of(sample));
    trial.expect(bool(reply), "{}: {}", name, reply ? "" : reply.error().message);
    trial.expect(*reply == 0, "{}'s reply is {}", name, *reply);
  }
  trial.settle(front);  // a second reply to one of them would be taken for this answer
}

void acknowledgement_flags(Trial& trial) {
  auto front = before_memory(trial);
  const auto check = [&](Request request, std::span<const std::byte> payload) {
    trial.expect(front.link().send(request, payload, {}, flags::need_reply), "sending");
    const auto reply = front.link().receive();
    trial.expect(bool(reply), "{}", reply ? "" : reply.error().message);
    trial.expect(reply->header.flags == (flags::version | flags::reply),
                 "the flags of the reply to {} are {:#x}, not 0x5",
                 vhost_user::name_of(static_cast<std::uint32_t>(request)), reply->header.flags);
  };
  check(Request::set_vring_num, payload(samples[1].state));
  check(Request::get_queue_num, {});
}

void one_answer(Trial& trial) {
  auto front = before_memory(trial);
  trial.expect(front.link().send(Request::get_features, {}, {}, flags::need_reply), "GET_FEATURES");
  const auto first = front.link().receive();
  trial.expect(bool(first), "{}", first ? "" : first.error().message);
  trial.expect(front.link().send(Request::get_protocol_features, {}), "GET_PROTOCOL_FEATURES");
  const auto second = front.link().receive();
  trial.expect(bool(second), "{}", second ? "" : second.error().message);
  trial.expect(second->header.request == static_cast<std::uint32_t>(Request::get_protocol_features),
               "a second answer came: {}",
               vhost_user::describe(second->header, second->payload, second->fds.size()));
}

void no_reply_unasked(Trial& trial) {
  auto front = before_memory(trial);
  trial.expect(front.link().send(Request::set_vring_num, payload(samples[1].state)),
               "SET_VRING_NUM");
  trial.expect(front.link().send(Request::get_features, {}), "GET_FEATURES");
  const auto reply = front.link().receive();
  trial.expect(bool(reply), "{}", reply ? "" : reply.error().message);
  trial.expect(reply->header.request == static_cast<std::uint32_t>(Request::get_features),
               "SET_VRING_NUM was answered, unasked");
}

void no_false_success(Trial& trial) {
  auto front = before_memory(trial);
  trial.expect_refused(front, Request::set_vring_num, payload(vhost_vring_state{no_ring, 128}));
}

void log_base_answered(Trial& trial) {
  auto front = trial.up();
  const auto file = Trial::prepare(
      vhost_user::GuestMemory::create(std::array{PieceShape{.size = 1 << 20}}), "memory for a log");
  const int fds[] = {file.fd(0)};
  trial.expect(front.link().send(Request::set_log_base, payload(vhost_user::Log{1 << 20, 0}), fds),
               "SET_LOG_BASE");
  const auto reply = front.link().receive();
  trial.expect(bool(reply), "{}", reply ? "" : reply.error().message);
  trial.expect(reply->header.request == static_cast<std::uint32_t>(Request::set_log_base),
               "something else was answered");
}

void channel_taken(Trial& trial) {
  using vhost_user::Step;
  auto front = trial.connect();
  for (const auto step :
       {Step::get_features, Step::get_protocol_features, Step::set_protocol_features})
    Trial::prepare(front.run(step), "agreeing on protocol features");
  if (!front.negotiated(feature::backend_req))
    throw Untried{text("{} has no such channel", front.dialect().program)};
  trial.begin();
  trial.expect(front.run(Step::set_backend_req_fd), "SET_BACKEND_REQ_FD");
  trial.settle(front);
}

constexpr Statement acknowledgements_table[] = {
    {16, "A message that asks for a reply gets exactly one, 0 if it was done",
     "vhost-user: REPLY_ACK", reply_ack, one_reply_each},
    {17,
     "The flags of such a reply are the version and the reply flag, nothing else",
     "vhost-user: Header, REPLY_ACK",
     {.protocol_features = bit(feature::reply_ack) | bit(feature::mq)},
     acknowledgement_flags},
    {18, "A message with an answer of its own gets no second one, though it asks for a reply",
     "vhost-user: REPLY_ACK", reply_ack, one_answer},
    {19, "A message that does not ask for a reply gets none", "vhost-user: REPLY_ACK", reply_ack,
     no_reply_unasked},
    {20, "A message for a ring that doesn't exist is refused", "vhost-user: REPLY_ACK", reply_ack,
     no_false_success},
    {21,
     "SET_LOG_BASE is answered, asked for or not",
     "vhost-user: Communication",
     {.protocol_features = bit(feature::log_shmfd)},
     log_base_answered},
    {22,
     "A channel for the back-end's requests is taken",
     "vhost-user: Back-end communication",
     {.protocol_features = bit(feature::backend_req)},
     channel_taken},
};

}  // namespace

std::span<const Statement> acknowledgement_statements() noexcept {
  return acknowledgements_table;
}

}  // namespace bellwire::host::conform
