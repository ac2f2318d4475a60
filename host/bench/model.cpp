// SPDX-License-Identifier: BSD-3-Clause
//
// The suite `bus`: what a doorbell on the software model (vdev/machine/model) costs among more and
// more of them; beside bare C, a write of its eventfd, which is the least that it can cost. Ringing
// the same one again and again shows the lookup; ringing each in turn adds cache misses.
#include <x86intrin.h>

#include <memory>

#include "host/bench/bare/bare.h"
#include "host/bench/suites.hpp"
#include "vdev/machine/model/soft_machine.hpp"
#include "vdev/os/event_fd.hpp"

namespace bellwire::bench {
namespace {

constexpr unsigned lookups = 200;  // a round
constexpr unsigned writes = 16;    // per sample: reading the clock costs about as much as one
constexpr unsigned entry_counts[] = {1, 300, 3'000, 30'000};
constexpr std::uint64_t register_base = 0xd000'0000;
constexpr std::uint64_t register_stride = 16;
constexpr std::uint32_t register_size = 4;

struct Doorbell {
  std::uint64_t address, match;
};
Doorbell at_its_own_address(std::uint64_t index) {
  return {register_base + index * register_stride, 0};
}
Doorbell at_one_address(std::uint64_t index) {
  return {register_base, index};
}

constexpr std::uint64_t the_same = 0;
constexpr std::uint64_t each_in_turn = 7'919;  // prime, so that no cache foresees the next

struct AddressPlan {
  const char* name;
  Doorbell (*doorbell)(std::uint64_t index);
  std::uint64_t stride;  // to the next one that is rung
};
constexpr AddressPlan plans[] = {
    {"by address", at_its_own_address, the_same},
    {"by datamatch", at_one_address, the_same},
    {"by address, each in turn", at_its_own_address, each_in_turn},
};

std::string name_of(const AddressPlan& plan, unsigned count) {
  return text("doorbell {}, of {}", plan.name, count);
}

// The doorbells share an eventfd, so that only the lookup differs.
struct Doorbells {
  machine::SoftMachine machine;
  os::EventFd event;
  AddressPlan plan;
  unsigned count;
  std::uint64_t next = count / 2;

  Result<void> wire_all() {
    for (unsigned index = 0; index < count; ++index) {
      kvm_ioeventfd request{};
      const auto [address, match] = plan.doorbell(index);
      request.addr = address;
      request.datamatch = match;
      request.len = register_size;
      request.fd = event.fd();
      request.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
      errno = machine.ioeventfd(request);
      if (errno != 0) return system_fault("the model does not take doorbell {}", index);
    }
    return {};
  }
  // Whether it passed the ioeventfds, to user space.
  bool ring() {
    next = (next + plan.stride) % count;
    const auto [address, match] = plan.doorbell(next);
    return machine.write(machine::Space::mmio, address, register_size, match).has_value();
  }
  bool ring_bare() {
    bare_ring(event.fd());
    return false;
  }
};

Result<void> sample(Doorbells& doorbells, bool (Doorbells::*ring)(), double ns_per_tick,
                    Samples& samples) {
  std::uint64_t exits = 0;
  for (unsigned index = 0; index < lookups; ++index) {
    const auto before = __rdtsc();
    for (unsigned write = 0; write < writes; ++write) exits += (doorbells.*ring)() ? 1 : 0;
    samples.ns.push_back(static_cast<double>(__rdtsc() - before) * ns_per_tick / writes);
  }
  samples.counts.add(Event::exits, exits);
  samples.times += lookups * writes;
  return {};
}

Result<std::shared_ptr<Doorbells>> create_doorbells(const AddressPlan& plan, unsigned count) {
  auto event = os::EventFd::create();
  if (!event) return event.error();
  std::shared_ptr<Doorbells> doorbells(
      new Doorbells{machine::SoftMachine(), std::move(*event), plan, count});
  if (auto wired = doorbells->wire_all(); !wired) return wired.error();
  return doorbells;
}

Result<void> add_plan(Benchmark& benchmark, const AddressPlan& plan, double ns_per_tick) {
  for (const auto count : entry_counts) {
    const auto name = name_of(plan, count);
    if (benchmark.skips(name)) continue;  // to make many takes a while
    const auto doorbells = create_doorbells(plan, count);
    if (!doorbells) return doorbells.error();
    const auto by = [doorbells = *doorbells, ns_per_tick](bool (Doorbells::*ring)()) {
      return [=](Samples& samples) { return sample(*doorbells, ring, ns_per_tick, samples); };
    };
    benchmark.add(name, by(&Doorbells::ring), by(&Doorbells::ring_bare));
    if (count != entry_counts[0]) benchmark.compare(name, name_of(plan, entry_counts[0]));
  }
  return {};
}

}  // namespace

Result<void> add_lookups(Benchmark& benchmark, const Environment& environment) {
  for (const auto& plan : plans)
    if (auto added = add_plan(benchmark, plan, environment.ns_per_tick); !added) return added;
  return {};
}

}  // namespace bellwire::bench
