// SPDX-License-Identifier: BSD-3-Clause
//
// The rules 27 to 37 of docs/semantics.md: what KVM does with irqfds and GSI routes.
#include <array>

#include "vdev/machine/rules/fixture.hpp"
#include "vdev/machine/rules/rule.hpp"

namespace bellwire::rules {
namespace {

using machine::msi_route;
using machine::pin_route;

constexpr std::uint32_t gsi = 5;
constexpr unsigned pin = 20;
constexpr std::uint8_t vector = 0x41, other_vector = 0x42;

Observation no_irqchip(const World& world) {
  MachineFixture fixture(world, {.irqchip = false});
  Observation observation;
  observation.error("assign", fixture.irqfd(fixture.wire(), gsi));
  return observation;
}

Observation unknown_flags(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  Observation observation;
  observation.error("flag 4", fixture.irqfd(wire, gsi, 1u << 2));
  observation.error("flag 31", fixture.irqfd(wire, gsi, 1u << 31));
  return observation;
}

Observation one_each(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire(), other = fixture.wire();
  const auto neighbour = world.machine({}).value();
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(fixture.fd(wire));
  Observation observation;
  observation.error("assign", fixture.irqfd(wire, gsi)).error("again", fixture.irqfd(wire, gsi));
  observation.error("other GSI", fixture.irqfd(wire, gsi + 1));
  observation.error("other machine", neighbour->irqfd(request));
  observation.error("other eventfd, same GSI", fixture.irqfd(other, gsi));
  return observation;
}

Observation irqfd_deassign(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire(), stranger = fixture.wire();
  fixture.route({msi_route(gsi, vector)});
  fixture.irqfd(wire, gsi);
  Observation observation;
  observation.error("other GSI", fixture.remove_irqfd(wire, gsi + 1));
  observation.error("other eventfd", fixture.remove_irqfd(stranger, gsi));
  fixture.signal(wire);
  observation.vectors("signal", fixture.take(1));
  observation.error("both right", fixture.remove_irqfd(wire, gsi));
  fixture.signal(wire);
  observation.vectors("signal", fixture.take()).number("count", fixture.count(wire));
  return observation;
}

Observation takes_the_count(const World& world) {
  MachineFixture fixture(world);
  const auto counter = fixture.wire(), semaphore = fixture.wire(true);
  fixture.route({msi_route(gsi, vector), msi_route(gsi + 1, other_vector)});
  fixture.irqfd(counter, gsi);
  fixture.irqfd(semaphore, gsi + 1);
  fixture.signal(counter, 3);
  fixture.signal(semaphore, 5);
  Observation observation;
  observation.vectors("taken", fixture.take(2)).number("left of 3", fixture.count(counter));
  unsigned left = 0;
  while (fixture.count(semaphore) != 0) ++left;
  observation.number("left of a semaphore's 5", left);
  return observation;
}

Observation pending_at_assign(const World& world) {
  MachineFixture fixture(world);
  const auto stays = fixture.wire(), dropped = fixture.wire();
  fixture.route({msi_route(gsi, vector), msi_route(gsi + 1, other_vector)});
  Observation observation;
  fixture.signal(stays, 4);
  fixture.irqfd(stays, gsi);
  observation.vectors("assigned at 4", fixture.take(1)).vectors("again", fixture.take());
  observation.number("count", fixture.count(stays));
  fixture.signal(dropped, 4);
  fixture.irqfd(dropped, gsi + 1);
  observation.vectors("another", fixture.take(1));
  fixture.remove_irqfd(dropped, gsi + 1);
  observation.number("count after deassign", fixture.count(dropped));
  return observation;
}

Observation line_up_and_down(const World& world) {
  MachineFixture fixture(world);
  const auto message = fixture.wire(), line = fixture.wire();
  fixture.machine().set_pin({.number = pin, .vector = other_vector, .level = true});
  fixture.route({msi_route(gsi, vector), pin_route(gsi + 1, pin)});
  fixture.irqfd(message, gsi);
  fixture.irqfd(line, gsi + 1);
  Observation observation;
  fixture.signal(message);
  observation.vectors("message, at once", fixture.take());
  fixture.signal(line);
  observation.vectors("line", fixture.take(1)).vectors("after its EOI", fixture.take());
  return observation;
}

Observation resample(const World& world) {
  MachineFixture fixture(world);
  const std::array lines{fixture.wire(), fixture.wire()};
  const std::array resamples{fixture.wire(), fixture.wire()};
  fixture.machine().set_pin({.number = pin, .vector = vector, .level = true});
  fixture.route({pin_route(gsi, pin)});
  for (unsigned index = 0; index < lines.size(); ++index)
    fixture.irqfd(lines[index], gsi, KVM_IRQFD_FLAG_RESAMPLE, resamples[index]);
  for (const auto line : lines) fixture.signal(line);
  Observation observation;
  observation.number("resampled before EOI",
                     fixture.count(resamples[0]) + fixture.count(resamples[1]));
  observation.vectors("both raised", fixture.take(1)).vectors("after EOI", fixture.take());
  observation.number("resampled", fixture.count(resamples[0]))
      .number("and", fixture.count(resamples[1]));
  fixture.signal(lines[0]);
  observation.vectors("raised again", fixture.take(1));
  return observation;
}

Observation close_detaches(const World& world) {
  MachineFixture fixture(world);
  const auto line = fixture.wire(), resampled = fixture.wire(), other = fixture.wire(),
             kept = fixture.wire();
  fixture.machine().set_pin({.number = pin, .vector = vector, .level = true});
  fixture.route({pin_route(gsi, pin)});
  fixture.irqfd(line, gsi, KVM_IRQFD_FLAG_RESAMPLE, resampled);
  fixture.irqfd(other, gsi, KVM_IRQFD_FLAG_RESAMPLE, kept);
  fixture.close(line);
  fixture.signal(other);
  Observation observation;
  observation.vectors("the other raised", fixture.take(1));
  observation.number("resampled, closed", fixture.count(resampled));
  observation.number("resampled, open", fixture.count(kept));
  const auto fresh = fixture.wire();
  observation.error("a fresh one", fixture.irqfd(fresh, gsi, KVM_IRQFD_FLAG_RESAMPLE, resampled));
  fixture.signal(fresh);
  observation.vectors("raised", fixture.take(1)).number("resampled", fixture.count(resampled));
  return observation;
}

Observation gsi_range(const World& world) {
  MachineFixture fixture(world);
  Observation observation;
  observation.error("GSI 4096", fixture.irqfd(fixture.wire(), 4096));
  observation.error("GSI 2^32 - 1", fixture.irqfd(fixture.wire(), ~0u));
  const std::array routes{msi_route(4096, vector)};
  observation.error("a route of GSI 4096", fixture.machine().set_routes(routes));
  return observation;
}

Observation rerouted(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  fixture.route({msi_route(gsi, vector)});
  fixture.irqfd(wire, gsi);
  Observation observation;
  const auto signalled = [&](std::string_view what, std::size_t expected) {
    fixture.signal(wire);
    observation.vectors(what, fixture.take(expected));
  };
  signalled("first", 1);
  fixture.route({msi_route(gsi, other_vector)});
  signalled("rerouted", 1);
  fixture.route({});
  signalled("no route", 0);
  observation.number("count", fixture.count(wire));
  return observation;
}

constexpr std::array irqfd_table{
    Rule{27, Subject::machine, "Without an in-kernel irqchip there are no irqfds", "assign: EINVAL",
         "assign: EAGAIN", no_irqchip},
    Rule{28, Subject::machine, "Flags beyond DEASSIGN and RESAMPLE are refused",
         "flag 4: EINVAL, flag 31: EINVAL", "", unknown_flags},
    Rule{29, Subject::machine, "One eventfd, one irqfd; many eventfds may share a GSI",
         "assign: ok, again: EBUSY, other GSI: EBUSY, other machine: EBUSY, "
         "other eventfd, same GSI: ok",
         "assign: ok, again: EBUSY, other GSI: EBUSY, other machine: ok, "
         "other eventfd, same GSI: ok",
         one_each},
    Rule{30, Subject::machine, "Deassign goes by eventfd and GSI; it succeeds when there was none",
         "other GSI: ok, other eventfd: ok, signal: 0x41, both right: ok, signal: none, count: 1",
         "", irqfd_deassign},
    Rule{31, Subject::machine, "A signal's count is taken: all, or 1 of a semaphore's",
         "taken: 0x41 0x42, left of 3: 0, left of a semaphore's 5: 4", "", takes_the_count},
    Rule{32, Subject::machine, "Pending at assign: injected once; the count stays until deassign",
         "assigned at 4: 0x41, again: none, count: 4, another: 0x42, count after deassign: 0", "",
         pending_at_assign},
    Rule{33, Subject::machine, "A message is sent at once; a line goes up, then down",
         "message, at once: 0x41, line: 0x42, after its EOI: none", "", line_up_and_down},
    Rule{34, Subject::machine, "Resample: raised until EOI, which signals each resample eventfd",
         "resampled before EOI: 0, both raised: 0x41, after EOI: none, resampled: 1, and: 1, "
         "raised again: 0x41",
         "", resample},
    Rule{35, Subject::machine, "Close detaches; a fresh eventfd attaches",
         "the other raised: 0x41, resampled, closed: 0, resampled, open: 1, a fresh one: ok, "
         "raised: 0x41, resampled: 1",
         "", close_detaches},
    Rule{36, Subject::machine, "The GSI's range isn't checked at assign",
         "GSI 4096: ok, GSI 2^32 - 1: ok, a route of GSI 4096: EINVAL", "", gsi_range},
    Rule{37, Subject::machine, "Routes change under live irqfds",
         "first: 0x41, rerouted: 0x42, no route: none, count: 0", "", rerouted},
};

}  // namespace

std::span<const Rule> irqfd_rules() noexcept {
  return irqfd_table;
}

}  // namespace bellwire::rules
