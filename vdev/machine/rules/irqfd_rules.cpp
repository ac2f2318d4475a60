// SPDX-License-Identifier: BSD-3-Clause
#include <array>

#include "vdev/machine/rules/rule.hpp"
#include "vdev/machine/rules/sight.hpp"
#include "vdev/machine/rules/stage.hpp"

namespace bellwire::rules {
namespace {

using machine::msi_route;
using machine::pin_route;

constexpr std::uint32_t gsi = 5;
constexpr unsigned pin = 20;
constexpr std::uint8_t vector = 0x41, other_vector = 0x42;

std::string no_irqchip(const World& world) {
  Stage stage(world, {.irqchip = false});
  Sight sight;
  sight.error("assign", stage.irqfd(stage.wire(), gsi));
  return std::move(sight).text();
}

std::string unknown_flags(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  Sight sight;
  sight.error("flag 4", stage.irqfd(wire, gsi, 1u << 2));
  sight.error("flag 31", stage.irqfd(wire, gsi, 1u << 31));
  return std::move(sight).text();
}

std::string one_each(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire(), other = stage.wire();
  const auto neighbour = world.machine({}).value();
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(stage.fd(wire));
  Sight sight;
  sight.error("assign", stage.irqfd(wire, gsi)).error("again", stage.irqfd(wire, gsi));
  sight.error("other GSI", stage.irqfd(wire, gsi + 1));
  sight.error("other machine", neighbour->irqfd(request));
  sight.error("other eventfd, same GSI", stage.irqfd(other, gsi));
  return std::move(sight).text();
}

std::string deassign(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire(), stranger = stage.wire();
  stage.route({msi_route(gsi, vector)});
  stage.irqfd(wire, gsi);
  Sight sight;
  sight.error("other GSI", stage.remove_irqfd(wire, gsi + 1));
  sight.error("other eventfd", stage.remove_irqfd(stranger, gsi));
  stage.signal(wire);
  sight.vectors("signal", stage.take(1));
  sight.error("both right", stage.remove_irqfd(wire, gsi));
  stage.signal(wire);
  sight.vectors("signal", stage.take()).number("count", stage.count(wire));
  return std::move(sight).text();
}

std::string takes_the_count(const World& world) {
  Stage stage(world);
  const auto counter = stage.wire(), semaphore = stage.wire(true);
  stage.route({msi_route(gsi, vector), msi_route(gsi + 1, other_vector)});
  stage.irqfd(counter, gsi);
  stage.irqfd(semaphore, gsi + 1);
  stage.signal(counter, 3);
  stage.signal(semaphore, 5);
  Sight sight;
  sight.vectors("taken", stage.take(2)).number("left of 3", stage.count(counter));
  unsigned left = 0;
  while (stage.count(semaphore) != 0) ++left;
  sight.number("left of a semaphore's 5", left);
  return std::move(sight).text();
}

std::string pending_at_assign(const World& world) {
  Stage stage(world);
  const auto stays = stage.wire(), dropped = stage.wire();
  stage.route({msi_route(gsi, vector), msi_route(gsi + 1, other_vector)});
  Sight sight;
  stage.signal(stays, 4);
  stage.irqfd(stays, gsi);
  sight.vectors("assigned at 4", stage.take(1)).vectors("again", stage.take());
  sight.number("count", stage.count(stays));
  stage.signal(dropped, 4);
  stage.irqfd(dropped, gsi + 1);
  sight.vectors("another", stage.take(1));
  stage.remove_irqfd(dropped, gsi + 1);
  sight.number("count after deassign", stage.count(dropped));
  return std::move(sight).text();
}

std::string line_up_and_down(const World& world) {
  Stage stage(world);
  const auto message = stage.wire(), line = stage.wire();
  stage.machine().set_pin({.number = pin, .vector = other_vector, .level = true});
  stage.route({msi_route(gsi, vector), pin_route(gsi + 1, pin)});
  stage.irqfd(message, gsi);
  stage.irqfd(line, gsi + 1);
  Sight sight;
  stage.signal(message);
  sight.vectors("message, at once", stage.take());
  stage.signal(line);
  sight.vectors("line", stage.take(1)).vectors("after its EOI", stage.take());
  return std::move(sight).text();
}

std::string resample(const World& world) {
  Stage stage(world);
  const std::array lines{stage.wire(), stage.wire()};
  const std::array resamples{stage.wire(), stage.wire()};
  stage.machine().set_pin({.number = pin, .vector = vector, .level = true});
  stage.route({pin_route(gsi, pin)});
  for (unsigned index = 0; index < lines.size(); ++index)
    stage.irqfd(lines[index], gsi, KVM_IRQFD_FLAG_RESAMPLE, resamples[index]);
  for (const auto line : lines) stage.signal(line);
  Sight sight;
  sight.number("resampled before EOI", stage.count(resamples[0]) + stage.count(resamples[1]));
  sight.vectors("both raised", stage.take(1)).vectors("after EOI", stage.take());
  sight.number("resampled", stage.count(resamples[0])).number("and", stage.count(resamples[1]));
  stage.signal(lines[0]);
  sight.vectors("raised again", stage.take(1));
  return std::move(sight).text();
}

std::string close_detaches(const World& world) {
  Stage stage(world);
  const auto line = stage.wire(), resampled = stage.wire(), other = stage.wire(),
             kept = stage.wire();
  stage.machine().set_pin({.number = pin, .vector = vector, .level = true});
  stage.route({pin_route(gsi, pin)});
  stage.irqfd(line, gsi, KVM_IRQFD_FLAG_RESAMPLE, resampled);
  stage.irqfd(other, gsi, KVM_IRQFD_FLAG_RESAMPLE, kept);
  stage.close(line);
  stage.signal(other);
  Sight sight;
  sight.vectors("the other raised", stage.take(1));
  sight.number("resampled, closed", stage.count(resampled));
  sight.number("resampled, open", stage.count(kept));
  const auto fresh = stage.wire();
  sight.error("a fresh one", stage.irqfd(fresh, gsi, KVM_IRQFD_FLAG_RESAMPLE, resampled));
  stage.signal(fresh);
  sight.vectors("raised", stage.take(1)).number("resampled", stage.count(resampled));
  return std::move(sight).text();
}

std::string gsi_range(const World& world) {
  Stage stage(world);
  Sight sight;
  sight.error("GSI 4096", stage.irqfd(stage.wire(), 4096));
  sight.error("GSI 2^32 - 1", stage.irqfd(stage.wire(), ~0u));
  const std::array routes{msi_route(4096, vector)};
  sight.error("a route of GSI 4096", stage.machine().set_routes(routes));
  return std::move(sight).text();
}

std::string rerouted(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  stage.route({msi_route(gsi, vector)});
  stage.irqfd(wire, gsi);
  Sight sight;
  const auto signalled = [&](std::string_view what, std::size_t expected) {
    stage.signal(wire);
    sight.vectors(what, stage.take(expected));
  };
  signalled("first", 1);
  stage.route({msi_route(gsi, other_vector)});
  signalled("rerouted", 1);
  stage.route({});
  signalled("no route", 0);
  sight.number("count", stage.count(wire));
  return std::move(sight).text();
}

constexpr std::array rules{
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
         "", deassign},
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
  return rules;
}

}  // namespace bellwire::rules
