// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/rack.hpp"
#include "host/bench/scale.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned doorbell_counts[] = {1, 16, 256, 2'048};
constexpr double most_over_one_doorbell = 1.1;

// To ring each in turn shows what the CPU's caches lose, too: the kernel's part, and ours.
struct RingOrder {
  const char* name;
  Order order;
  Race::Limit limit;
};
constexpr RingOrder ring_orders[] = {
    {"round trip, a doorbell", Order::the_same, most_over_one_doorbell},
    {"round trip, each doorbell in turn", Order::each_in_turn, {}},
};

std::string among(const RingOrder& order, unsigned count) {
  return text("{}, of {}", order.name, count);
}

Result<void> enter_count(Race& race, const Machine& machine, unsigned count) {
  const auto rack = Rack::create(count, machine.guest_cpu);
  if (!rack) return rack.error();
  const auto bare = BareRack::create(count, machine.guest_cpu, false);
  if (!bare) return bare.error();
  for (const auto& ringing : ring_orders) {
    const auto by = [order = ringing.order, ns = machine.ns_per_tick](auto who) {
      return [=](Samples& samples) { return who->sample(order, ns, samples); };
    };
    race.enter(among(ringing, count), by(*rack), by(*bare));
    race.plot(among(ringing, count), text("{}, of N", ringing.name), count);
  }
  return {};
}

}  // namespace

Result<void> enter_more_doorbells(Race& race, const Machine& machine) {
  for (const auto count : doorbell_counts)
    if (auto entered = enter_count(race, machine, count); !entered) return entered;
  for (const auto& order : ring_orders)
    race.compare(among(order, doorbell_counts[3]), among(order, doorbell_counts[0]), order.limit);
  return {};
}

}  // namespace bellwire::bench
