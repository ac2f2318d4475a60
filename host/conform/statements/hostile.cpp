// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 79 to 92: what no driver may do, and what must go on in spite of it.
#include <unistd.h>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;
using vhost_user::Step;
using First = vhost_user::RingWords::Descriptor;  // of a request

constexpr std::uint64_t nowhere = 0xdead'0000'0000;
constexpr std::uint64_t mebibyte = 1 << 20;
constexpr Needs needs_reply_ack{.protocol_features = bit(vhost_user::feature::reply_ack)};

// Offers a request whose chain `bend` has made impossible, and then good ones.
template <class Bend>
void returned(Trial& trial, std::uint64_t features, Bend bend) {
  auto front = trial.up({.features = features});
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.begin();
  auto& words = traffic.ring().words;
  // What is behind the first descriptor of a packed ring would be a request of its own.
  const auto buffers = traffic.request();
  const auto head =
      words.describe(std::span(buffers).first(words.is_packed() ? 1 : buffers.size()));
  bend(words, words.descriptor(head.value()), *head, front);
  traffic.offer_malformed(*head);
  traffic.kick();
  traffic.await(1, "the malformed request");
  traffic.serve(3, "the requests after a malformed one");
}

void address_nowhere(Trial& trial) {
  returned(trial, 0, [](auto&, First first, auto, auto&) { first.addr = nowhere; });
}

void beyond_the_region(Trial& trial) {
  returned(trial, 0, [](auto&, First first, auto, FrontEnd& front) {
    const auto region = front.memory().region(0);
    first.addr = region.guest_address + region.size - 8;
  });
}

void next_beyond(Trial& trial) {
  returned(trial, 0, [](auto& ring, First first, std::uint16_t head, auto&) {
    first.flags |= VRING_DESC_F_NEXT;
    ring.split().descriptor(head).next = static_cast<std::uint16_t>(ring.size() + 5);
  });
}

void endless(Trial& trial) {
  returned(trial, 0, [](auto& ring, First first, std::uint16_t head, auto&) {
    first.flags |= VRING_DESC_F_NEXT;
    ring.split().descriptor(head).next = head;
  });
}

void next_and_indirect(Trial& trial) {
  returned(trial, bit(VIRTIO_RING_F_INDIRECT_DESC),
           [](auto& ring, First first, std::uint16_t head, auto&) {
             first.flags = VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT;
             ring.split().descriptor(head).next = head;
           });
}

void uneven_table(Trial& trial) {
  returned(trial, bit(VIRTIO_RING_F_INDIRECT_DESC), [](auto&, First first, auto, auto&) {
    first.flags = VRING_DESC_F_INDIRECT;
    first.len = 17;
  });
}

void nested_table(Trial& trial) {
  returned(trial, bit(VIRTIO_RING_F_INDIRECT_DESC),
           [](auto& ring, First first, auto, FrontEnd& front) {
             const auto place = front.memory().allocate(sizeof(vring_desc));
             if (ring.is_packed())
               *front.memory().as<vring_packed_desc>(place) = {place, sizeof(vring_packed_desc), 0,
                                                               VRING_DESC_F_INDIRECT};
             else
               *front.memory().as<vring_desc>(place) = {place, sizeof(vring_desc),
                                                        VRING_DESC_F_INDIRECT, 0};
             first.addr = place;
             first.len = sizeof(vring_desc);
             first.flags = VRING_DESC_F_INDIRECT;
           });
}

// A ring whose own words are impossible stops alone, and can be set up anew.
template <class Spoil>
void broken_and_restarted(Trial& trial, Spoil spoil) {
  auto front = trial.up();
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.begin();
  spoil(traffic.ring().words.split());
  traffic.kick();
  trial.settle(front);
  static_cast<void>(trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE"));
  traffic.ring().words.begin_anew();
  using enum vhost_user::RingStep;
  for (const auto step : {num, base, addr, call, vhost_user::RingStep::kick})
    trial.expect(front.run(step, traffic.index()), "setting the ring up anew");
  traffic.serve(3, "requests after the ring was set up anew");
}

void head_beyond(Trial& trial) {
  broken_and_restarted(trial, [](vhost_user::SplitRing& ring) {
    ring.offer(static_cast<std::uint16_t>(ring.size() + 7));
  });
}

void index_beyond(Trial& trial) {
  broken_and_restarted(trial, [](vhost_user::SplitRing& ring) {
    ring.set_available_index(static_cast<std::uint16_t>(ring.offered() + 2 * ring.size()));
  });
}

void set_up_nowhere(Trial& trial) {
  auto front = trial.up({}, {}, Step::rings);
  const vhost_vring_addr address{0, 0, nowhere, nowhere + 4096, nowhere + 8192, 0};
  static_cast<void>(front.run(vhost_user::RingStep::num, 0));
  static_cast<void>(front.link().send(Request::set_vring_addr, payload(address)));
  static_cast<void>(front.run(vhost_user::RingStep::kick, 0));
  static_cast<void>(front.enable_ring(0, true));
  front.ring(0).kick.ring();
  static_cast<void>(front.get(Request::get_features));  // or the end of the connection
}

void ring_nowhere(Trial& trial) {
  set_up_nowhere(trial);
  trial.expect_alive("after a ring outside of all memory");
}

void file_cut_short(Trial& trial) {
  {
    auto front = trial.up(
        {}, {{.guest_address = mebibyte, .size = mebibyte, .user_address = 0x7f12'0000'0000},
             {.guest_address = 4 * mebibyte,
              .size = mebibyte,
              .user_address = 0x7f34'0000'0000,
              .sealed = false}});
    TestRequests traffic(trial, front);
    traffic.serve(1, "a request before");
    trial.begin();
    auto buffers = traffic.request();
    for (auto& buffer : buffers)
      if (buffer.writable) buffer.address = front.memory().allocate(buffer.size, 4096, 1);
    const auto head = traffic.ring().words.describe(buffers);
    if (::ftruncate(front.memory().fd(1), 0) != 0) throw Untried{"the file can't be cut short"};
    trial.transcript().sent("the file of the second region is truncated");
    traffic.offer_as(head.value(), buffers);
    traffic.kick();
    static_cast<void>(front.get(Request::get_features));  // or the end of the connection
    static_cast<void>(front.link().unexpected());
  }
  trial.expect_alive("after the memory's file was truncated");
}

void impossible_size(Trial& trial) {
  for (const std::uint32_t size : {0U, 65536U}) {
    auto front = trial.up({}, {}, Step::memory);
    trial.expect_refused(front, Request::set_vring_num, payload(vhost_vring_state{0, size}));
  }
}

void region_that_wraps(Trial& trial) {
  auto front = trial.up({.never_protocol_features = bit(vhost_user::feature::configure_mem_slots)},
                        {}, Step::memory);
  vhost_user::Bytes table;
  vhost_user::append(table, std::uint64_t{1});
  vhost_user::append(
      table, vhost_user::MemoryRegion{~std::uint64_t{0} - 4095, mebibyte, 0x7f12'0000'0000, 0});
  const int fds[] = {front.memory().fd(0)};
  trial.expect_refused(front, Request::set_mem_table, table, fds);
}

constexpr Needs needs_tables{.features = bit(VIRTIO_RING_F_INDIRECT_DESC),
                             .layouts = Layouts::both};

constexpr Statement hostile_table[] = {
    {79, "A buffer outside of all memory: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5", either_layout, address_nowhere},
    {80, "A buffer beyond its region's end: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5", either_layout, beyond_the_region},
    {81,
     "A next descriptor beyond the table: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5",
     {},
     next_beyond},
    {82,
     "A chain without end: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5",
     {},
     endless},
    {83,
     "Next and indirect at once: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5.3",
     {.features = bit(VIRTIO_RING_F_INDIRECT_DESC)},
     next_and_indirect},
    {84, "An indirect table of 17 bytes: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5.3", needs_tables, uneven_table},
    {85, "An indirect table in a table: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.7.5.3", needs_tables, nested_table},
    {86,
     "A head beyond the table stops its ring alone, until it is set up anew",
     "virtio 1.2: 2.7.6",
     {},
     head_beyond},
    {87,
     "An available index that is too far ahead stops its ring alone, until it is set up anew",
     "virtio 1.2: 2.7.6",
     {},
     index_beyond},
    {88, "A ring outside of all memory does no harm", "vhost-user: SET_VRING_ADDR", either_layout,
     ring_nowhere},
    {89, "Memory whose file is truncated does no harm", "vhost-user: Memory access", either_layout,
     file_cut_short},
    {90, "A ring of 0 or 65536 entries is refused", "virtio 1.2: 2.7", needs_reply_ack,
     impossible_size},
    {91, "A region that wraps at 2^64 is refused", "vhost-user: Memory regions description",
     needs_reply_ack, region_that_wraps},
};

}  // namespace

std::span<const Statement> hostile_statements() noexcept {
  return hostile_table;
}

}  // namespace bellwire::host::conform
