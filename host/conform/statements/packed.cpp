// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 121 to 131: what only packed rings have.
#include <algorithm>

#include "host/conform/inflight_part.hpp"
#include "host/conform/test_requests.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"

namespace bellwire::host::conform {
namespace {

namespace feature = vhost_user::feature;
using vhost_user::bit;
using vhost_user::PackedPlace;
using vhost_user::PackedRing;
using vhost_user::RingStep;
using vhost_user::Step;

constexpr Needs packed_ring{.layouts = Layouts::packed};
constexpr Needs packed_events{.features = bit(VIRTIO_RING_F_EVENT_IDX), .layouts = Layouts::packed};
constexpr Wishes short_ring{.queue_size = 16};

void both_places(Trial& trial) {
  for (const unsigned count : {1U, 3U, 5U, 9U, 16U}) {
    auto front = trial.up(short_ring);
    TestRequests traffic(trial, front);
    for (unsigned served = 0; served < count; ++served) traffic.serve(1, "a request");
    const auto base = trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE");
    const auto expected = traffic.ring().words.base_when_done();
    trial.expect(base == expected,
                 "GET_VRING_BASE says {:#x} after {} requests in a ring of 16 entries, not {:#x}",
                 base, count, expected);
  }
}

void begins_at_place(Trial& trial) {
  for (const auto place : {PackedPlace{5, false}, PackedPlace{7, true}, PackedPlace{15, false}}) {
    auto front = trial.up({.queue_size = 16, .base = place.word()});
    TestRequests traffic(trial, front);
    for (int count = 0; count < 8; ++count)
      traffic.serve(1, "a request in a ring that does not begin at 0");
  }
}

void begins_at_one_place(Trial& trial) {
  constexpr PackedPlace place{6, false};
  auto front = trial.up({.queue_size = 16, .base = place.word()}, {}, Step::rings);
  TestRequests traffic(trial, front);
  for (unsigned ring = 0; ring < front.rings(); ++ring) {
    set_up(front, ring, {RingStep::num});
    trial.expect(front.tell(Request::set_vring_base, vhost_vring_state{ring, place.word()}),
                 "SET_VRING_BASE of 16 bits");
    set_up(front, ring, {RingStep::addr, RingStep::call, RingStep::kick});
  }
  Trial::prepare(front.run(Step::enable), "SET_VRING_ENABLE");
  Trial::prepare(front.run(Step::driver_ok), "SET_STATUS");
  traffic.serve(2, "requests in a ring whose base was given in 16 bits");
}

// Each buffer as two, so that a request has several descriptors whatever the device is.
std::vector<Buffer> in_halves(std::span<const Buffer> buffers) {
  std::vector<Buffer> halves;
  for (const auto& [address, size, writable] : buffers) {
    const auto half = size / 2;
    if (half > 0) halves.push_back({address, half, writable});
    halves.push_back({address + half, size - half, writable});
  }
  return halves;
}

void across_the_end(Trial& trial) {
  auto front = trial.up({.queue_size = 13});
  TestRequests traffic(trial, front);
  for (int count = 0; count < 26; ++count) {
    const auto buffers = in_halves(traffic.request());
    const auto head = traffic.ring().words.describe(buffers);
    traffic.offer_as(head.value(), buffers);
    traffic.kick();
    traffic.await(1, "a request, some of them across the ring's end");
  }
}

void any_size(Trial& trial) {
  auto front = trial.up({.queue_size = 100}, {}, Step::rings);
  for (const auto step : {Step::rings, Step::enable, Step::driver_ok})
    trial.expect(front.run(step), "setting up a ring of 100 entries");
  TestRequests traffic(trial, front);
  for (int round = 0; round < 5; ++round) traffic.serve(30, "requests in a ring of 100 entries");
}

FrontEnd with_events(Trial& trial, Wishes wishes) {
  wishes.features |= bit(VIRTIO_RING_F_EVENT_IDX);
  return trial.up(wishes);
}

// A back-end's first call may come anyway.
void warm_up(TestRequests& traffic) {
  traffic.serve(1, "a request before");
  static_cast<void>(traffic.called_though_quiet());
}

void packed_event_reached(Trial& trial) {
  auto front = with_events(trial, {});
  TestRequests traffic(trial, front);
  auto& ring = traffic.ring().words.packed();
  warm_up(traffic);
  for (int count = 0; count < 3; ++count) {
    ring.ask_for_calls(VRING_PACKED_EVENT_FLAG_DESC, ring.next_used());
    traffic.serve(1, "a request");
    trial.expect(traffic.called(), "no call, though the descriptor that was asked for is used");
  }
}

void packed_event_not_reached(Trial& trial) {
  auto front = with_events(trial, {});
  TestRequests traffic(trial, front);
  auto& ring = traffic.ring().words.packed();
  warm_up(traffic);
  ring.ask_for_calls(VRING_PACKED_EVENT_FLAG_DESC, ring.next_used().after(100, ring.size()));
  traffic.serve(4, "requests");
  trial.expect(!traffic.called_though_quiet(),
               "it was called, though the descriptor that was asked for is not used yet");
}

void packed_event_after_the_end(Trial& trial) {
  constexpr unsigned distance = 10;
  auto front = with_events(trial, {.queue_size = 32, .base = PackedPlace{24, true}.word()});
  TestRequests traffic(trial, front);
  auto& ring = traffic.ring().words.packed();
  warm_up(traffic);
  const auto each = static_cast<unsigned>(traffic.request().size());
  const auto asked = ring.next_used().after(distance, ring.size());
  ring.ask_for_calls(VRING_PACKED_EVENT_FLAG_DESC, asked);
  unsigned used = 0;
  for (; used + each <= distance; used += each) {
    traffic.serve(1, "a request before the one that was asked for");
    trial.expect(!traffic.called_though_quiet(), "it was called {} descriptors too early",
                 distance - used);
  }
  traffic.serve(1, "the request that was asked for");
  trial.expect(traffic.called(), "no call when descriptor {} behind the ring's end was used",
               asked.index);
}

void packed_next_and_indirect(Trial& trial) {
  auto front = trial.up({.features = bit(VIRTIO_RING_F_INDIRECT_DESC)});
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.begin();
  auto& ring = traffic.ring().words.packed();
  const auto buffers = in_halves(traffic.request());
  const auto head = ring.describe(std::span(buffers).first(2));
  ring.descriptor(head.value()).flags |= VRING_DESC_F_INDIRECT;
  traffic.offer_malformed(*head);
  traffic.kick();
  traffic.await(1, "the malformed request");
  traffic.serve(3, "the requests after a malformed one");
}

void packed_endless(Trial& trial) {
  auto front = trial.up(short_ring);
  TestRequests traffic(trial, front);
  traffic.serve(1, "a request before");
  trial.begin();
  auto& ring = traffic.ring().words.packed();
  std::vector<std::uint16_t> heads;
  const auto buffers = traffic.request();
  while (const auto head = ring.describe(std::span(buffers).first(1))) {
    ring.descriptor(*head).flags |= VRING_DESC_F_NEXT;
    heads.push_back(*head);
  }
  trial.transcript().sent("16 descriptors, each of which has a next one");
  std::ranges::for_each(heads.rbegin(), heads.rend(), [&](auto head) { ring.offer(head); });
  traffic.kick();
  trial.settle(front);
  static_cast<void>(trial.expect(front.stop_ring(traffic.index()), "GET_VRING_BASE"));
  // What the region of requests in flight says of the broken ring is of no use any more.
  Trial::prepare(front.fresh_inflight(), "another inflight region");
  traffic.ring().words.begin_anew();
  using enum RingStep;
  for (const auto step : {num, base, addr, call, RingStep::kick})
    trial.expect(front.run(step, traffic.index()), "setting the ring up anew");
  traffic.serve(3, "requests after the ring was set up anew");
}

void packed_region_follows(Trial& trial) {
  auto front = trial.up(short_ring);
  if (!front.inflight().file.valid())
    throw Untried{text("{} has no inflight region", front.dialect().program)};
  TestRequests traffic(trial, front);
  for (int count = 0; count < 9; ++count) traffic.serve(1, "a request");
  const InflightPart<vhost_user::PackedInflightHeader, vhost_user::PackedInflightEntry> part(
      trial, front, traffic.index(), front.wishes().queue_size);
  const auto& region = part.header();
  const auto used = traffic.ring().words.packed().next_used();
  const auto settled = [&] {
    return region.version == 1 && region.desc_num == 16 && region.used_idx == used.index &&
           region.used_wrap_counter == (used.wrap ? 1 : 0) && !part.anything_in_flight();
  };
  trial.expect(trial.eventually(settled),
               "after 9 requests, the region has version {}, {} entries, the used index {} with "
               "the wrap counter {}, or something in flight",
               region.version, region.desc_num, region.used_idx, region.used_wrap_counter);
}

constexpr Statement packed_table[] = {
    {121, "GET_VRING_BASE of a packed ring answers both places, with their wrap counters",
     "vhost-user: GET_VRING_BASE", packed_ring, both_places},
    {122, "A packed ring begins at the place and wrap counter of SET_VRING_BASE",
     "vhost-user: SET_VRING_BASE", packed_ring, begins_at_place},
    {123, "SET_VRING_BASE of a packed ring may have 16 bits: one place for both",
     "vhost-user: SET_VRING_BASE", packed_ring, begins_at_one_place},
    {124, "A request may be across a packed ring's end", "virtio 1.2: 2.8.1", packed_ring,
     across_the_end},
    {125, "A packed ring's size need not be a power of two", "virtio 1.2: 2.8", packed_ring,
     any_size},
    {126, "With EVENT_IDX, a call comes when the packed descriptor that was asked for is used",
     "virtio 1.2: 2.8.10", packed_events, packed_event_reached},
    {127, "With EVENT_IDX, no call comes before the packed descriptor that was asked for is used",
     "virtio 1.2: 2.8.10", packed_events, packed_event_not_reached},
    {128, "A descriptor that is asked for may be behind a packed ring's end", "virtio 1.2: 2.8.10",
     packed_events, packed_event_after_the_end},
    {129,
     "Next and indirect at once in a packed ring: returned with length 0, and the ring goes on",
     "virtio 1.2: 2.8.19",
     {.features = bit(VIRTIO_RING_F_INDIRECT_DESC), .layouts = Layouts::packed},
     packed_next_and_indirect},
    {130, "A list without end stops its packed ring alone, until it is set up anew",
     "virtio 1.2: 2.8.6", packed_ring, packed_endless},
    {131,
     "The inflight region of a packed ring says what is under way, and where the device is",
     "vhost-user: Inflight I/O tracking",
     {.protocol_features = bit(feature::inflight_shmfd), .layouts = Layouts::packed},
     packed_region_follows},
};

}  // namespace

std::span<const Statement> packed_statements() noexcept {
  return packed_table;
}

}  // namespace bellwire::host::conform
