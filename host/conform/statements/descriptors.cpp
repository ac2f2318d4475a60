// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 149 to 151: descriptors that are missing, and those of messages that are refused.
#include "host/conform/trial.hpp"
#include "vdev/transport/vhost_user/protocol/messages.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::Step;

constexpr Needs acknowledged{.protocol_features = bit(feature::reply_ack)};

void slot_without_descriptor(Trial& trial) {
  auto front = trial.up({}, {}, Step::memory);
  const vhost_user::SingleRegion region{0, front.memory().region(0)};
  trial.expect_refused(front, Request::add_mem_reg, payload(region));
}

void wire_without_descriptor(Trial& trial) {
  for (const auto request :
       {Request::set_vring_kick, Request::set_vring_call, Request::set_vring_err}) {
    auto front = trial.up({}, {}, Step::rings);
    const auto name = vhost_user::name_of(static_cast<std::uint32_t>(request));
    const auto reply = front.acknowledged(request, std::uint64_t{0});
    trial.expect(!reply || *reply != 0, "{} of ring 0 without its descriptor: the reply is 0",
                 name);
  }
}

pid_t listed_process(Trial& trial) {
  auto front = trial.connect();
  trial.settle(front);
  const auto process = vhost_user::peer_process(front.link().fd());
  if (!process || !open_descriptors(*process))
    throw Untried{"the descriptors of the back-end's process can't be listed"};
  return *process;
}

// Two regions, of which the second can't be.
void send_bad_table(Trial& trial) {
  auto front =
      trial.up({.never_protocol_features = bit(feature::configure_mem_slots)}, {}, Step::memory);
  vhost_user::Bytes table;
  vhost_user::append(table, std::uint64_t{2});
  vhost_user::append(table, front.memory().region(0));
  auto second = front.memory().region(0);
  second.guest_address = ~std::uint64_t{0} - 4095;
  vhost_user::append(table, second);
  const int fds[] = {front.memory().fd(0), front.memory().fd(0)};
  static_cast<void>(
      front.acknowledged(Request::set_mem_table, std::span<const std::byte>(table), fds));
}

void refused_table_closed(Trial& trial) {
  const auto process = listed_process(trial);
  const auto open = [process] { return open_descriptors(process).value_or(0); };
  send_bad_table(trial);
  trial.expect_alive("after a table that is to be refused");
  const auto before = open();
  for (int count = 0; count < 8; ++count) send_bad_table(trial);
  trial.expect_alive("after tables that are to be refused");
  trial.expect(trial.eventually([&] { return open() <= before + 2; }),
               "the process has {} descriptors open, {} before", open(), before);
}

constexpr Statement descriptors_table[] = {
    {149,
     "A slot to be added without a descriptor is refused",
     "vhost-user: ADD_MEM_REG",
     {.protocol_features = bit(feature::reply_ack) | bit(feature::configure_mem_slots)},
     slot_without_descriptor},
    {150,
     "An eventfd's message without its descriptor is refused, unless it says that there is none",
     "vhost-user: SET_VRING_KICK", acknowledged, wire_without_descriptor},
    {151, "The descriptors of a table that is refused are closed", "vhost-user: SET_MEM_TABLE",
     acknowledged, refused_table_closed},
};

}  // namespace

std::span<const Statement> descriptor_statements() noexcept {
  return descriptors_table;
}

}  // namespace bellwire::host::conform
