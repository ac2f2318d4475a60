// SPDX-License-Identifier: BSD-3-Clause
//
// Part of the suite `kvm`: what a doorbell costs the guest that rings it, by each way in which KVM
// takes it; beside bare C (bare_doorbells).
#include <array>
#include <memory>
#include <span>

#include "host/bench/bare/bare.h"
#include "host/bench/bare/bench_guest.h"
#include "host/bench/suites.hpp"
#include "vdev/machine/kvm/eventfds.hpp"
#include "vdev/machine/kvm/program.hpp"

extern "C" const std::byte bellwire_bench_guest[];  // GUEST_SIZE bytes

namespace bellwire::bench {
namespace {

constexpr std::uint32_t bursts = 40;  // a round
constexpr std::uint64_t first_address = 0x48000000;
constexpr std::uint64_t first_port = 0x1000;
constexpr std::uint64_t apart = 16;
constexpr std::uint32_t ring_size = 4;

enum class Wire { none, datamatch, wildcard, any_length };

struct DoorbellWay {
  const char* name;
  std::uint32_t way;
  Wire wire;
};
constexpr DoorbellWay doorbell_ways[] = {
    {"doorbell, nothing rung", BENCH_NOTHING, Wire::none},
    {"doorbell, exit, MMIO", BENCH_MMIO, Wire::none},
    {"doorbell, exit, PIO", BENCH_PIO, Wire::none},
    {"doorbell, ioeventfd datamatch, MMIO", BENCH_MMIO, Wire::datamatch},
    {"doorbell, ioeventfd wildcard, MMIO", BENCH_MMIO, Wire::wildcard},
    {"doorbell, ioeventfd length 0, MMIO", BENCH_MMIO, Wire::any_length},
    {"doorbell, ioeventfd datamatch, PIO", BENCH_PIO, Wire::datamatch},
    {"doorbell, ioeventfd wildcard, PIO", BENCH_PIO, Wire::wildcard},
    {"doorbell, ioeventfd length 0, PIO", BENCH_PIO, Wire::any_length},
};

std::uint64_t address_of(const DoorbellWay& way) {
  const auto index = static_cast<std::uint64_t>(&way - doorbell_ways);
  return (way.way == BENCH_PIO ? first_port : first_address) + index * apart;
}

kvm_ioeventfd request_of(const DoorbellWay& way) {
  kvm_ioeventfd request{};
  request.addr = address_of(way);
  request.len = way.wire == Wire::any_length ? 0 : ring_size;
  request.flags = way.way == BENCH_PIO ? KVM_IOEVENTFD_FLAG_PIO : 0;
  if (way.wire == Wire::datamatch) {
    request.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
    request.datamatch = BENCH_VALUE;
  }
  return request;
}

// The words that host and guest share (bench_guest.h).
struct GuestData {
  std::uint32_t way;
  std::uint32_t count;
  std::uint64_t address;
  std::uint32_t ticks[BENCH_MOST];
};
static_assert(offsetof(GuestData, way) == BENCH_WAY && offsetof(GuestData, count) == BENCH_COUNT &&
              offsetof(GuestData, address) == BENCH_ADDRESS &&
              offsetof(GuestData, ticks) == BENCH_TICKS);
static_assert(bursts <= BENCH_MOST);

void note(std::span<const std::uint32_t> ticks, double ns_per_tick, Samples& samples) {
  samples.times += ticks.size() * BENCH_BURST;
  for (const auto each : ticks) samples.ns.push_back(each * ns_per_tick / BENCH_BURST);
}

std::vector<kvm_ioeventfd> requests() {
  std::vector<kvm_ioeventfd> all;
  for (const auto& way : doorbell_ways)
    if (way.wire != Wire::none) all.push_back(request_of(way));
  return all;
}

// A guest with all the wires, so that each way is tried among the others.
struct Ringer {
  kvm::Vm vm;
  kvm::Program guest;
  os::EventFd event;
  std::vector<kvm::Ioeventfd> wires;

  Result<void> wire_all() {
    for (const auto& request : requests()) {
      auto wire = kvm::Ioeventfd::create(vm, event, request);
      if (!wire) return wire.error();
      wires.push_back(std::move(*wire));
    }
    return {};
  }

  Result<void> sample(const DoorbellWay& way, double ns_per_tick, Samples& samples) {
    auto& shared = guest.data<GuestData>();
    shared.way = way.way;
    shared.count = bursts;
    shared.address = address_of(way);
    const auto exits = run_until_done();
    if (!exits) return exits.error();
    samples.counts.add(Event::exits, *exits);
    note(std::span(shared.ticks).first(bursts), ns_per_tick, samples);
    return {};
  }

  // Returns the exits to user space that it took.
  Result<std::uint64_t> run_until_done() {
    for (std::uint64_t exits = 0;;) {
      const auto exit = guest.cpu().run();
      if (!exit) return exit.error();
      if (guest.said(GUEST_DONE)) return exits;
      if (guest.said(GUEST_FAULT)) return guest.unexpected();
      if (*exit == KVM_EXIT_MMIO || *exit == KVM_EXIT_IO)
        ++exits;
      else if (*exit != KVM_EXIT_INTR)
        return guest.unexpected();
    }
  }
};

Result<std::shared_ptr<Ringer>> create_ringer() {
  auto vm = kvm::Vm::create(true);
  if (!vm) return vm.error();
  auto guest = kvm::Program::load(*vm, bellwire_bench_guest);
  if (!guest) return guest.error();
  auto event = os::EventFd::create();
  if (!event) return event.error();
  std::shared_ptr<Ringer> ringer(
      new Ringer{std::move(*vm), std::move(*guest), std::move(*event), {}});
  if (auto wired = ringer->wire_all(); !wired) return wired.error();
  return ringer;
}

Result<void> sample_bare(bare_doorbells* doorbells, const DoorbellWay& way, double ns_per_tick,
                         Samples& samples) {
  std::array<std::uint32_t, bursts> ticks;
  const int exits = bare_doorbells_ring(doorbells, way.way, address_of(way), bursts, ticks.data());
  if (exits < 0) return system_fault("{}: bare C failed", way.name);
  samples.counts.add(Event::exits, static_cast<unsigned>(exits));
  note(ticks, ns_per_tick, samples);
  return {};
}

}  // namespace

Result<void> add_doorbells(Benchmark& benchmark, const Environment& environment) {
  const auto ringer = create_ringer();
  if (!ringer) return ringer.error();
  const auto wanted = requests();
  const std::shared_ptr<bare_doorbells> bare(bare_doorbells_create(wanted.data(), wanted.size()),
                                             bare_doorbells_destroy);
  if (!bare) return system_fault("cannot make the bare virtual machine of doorbells");
  for (const auto& way : doorbell_ways) {
    benchmark.add(
        way.name,
        [ringer = *ringer, &way, ns = environment.ns_per_tick](Samples& samples) {
          return ringer->sample(way, ns, samples);
        },
        [bare, &way, ns = environment.ns_per_tick](Samples& samples) {
          return sample_bare(bare.get(), way, ns, samples);
        });
  }
  benchmark.compare("doorbell, ioeventfd datamatch, MMIO", "doorbell, exit, MMIO");
  benchmark.compare("doorbell, ioeventfd datamatch, PIO", "doorbell, exit, PIO");
  return {};
}

}  // namespace bellwire::bench
