// SPDX-License-Identifier: BSD-3-Clause
//
// The rules 15 to 26 of docs/semantics.md: what KVM does with ioeventfds.
#include <unistd.h>

#include <array>

#include "vdev/machine/rules/fixture.hpp"
#include "vdev/machine/rules/rule.hpp"

namespace bellwire::rules {
namespace {

using machine::Space;

constexpr std::uint64_t base = 0xd000'0000;
constexpr std::uint16_t port = 0x510;
constexpr int nowhere = 1 << 20;  // a descriptor that isn't open

Observation malformed(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  Observation observation;
  observation.error("length 3", fixture.doorbell(wire, {.length = 3}));
  observation.error("length 16", fixture.doorbell(wire, {.length = 16}));
  observation.error("address wraps", fixture.doorbell(wire, {.address = ~std::uint64_t{0} - 2}));
  observation.error("unknown flag", fixture.doorbell(wire, {}, 1u << 16));
  return observation;
}

Observation wrong_files(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  kvm_ioeventfd request{};
  request.addr = base;
  request.len = 4;
  Observation observation;
  observation.error("any length with datamatch", fixture.doorbell(wire, {.length = 0, .match = 1}));
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  const std::array<os::UniqueFd, 2> ends{os::UniqueFd(pipe[0]), os::UniqueFd(pipe[1])};
  request.fd = pipe[0];
  observation.error("a pipe", fixture.machine().ioeventfd(request));
  request.fd = nowhere;
  observation.error("a closed one", fixture.machine().ioeventfd(request));
  return observation;
}

Observation hits(const World& world) {
  MachineFixture fixture(world);
  const auto four = fixture.wire(), any = fixture.wire(), matching = fixture.wire();
  fixture.doorbell(four, {});
  fixture.doorbell(any, {.address = base + 64, .length = 0});
  fixture.doorbell(matching, {.address = base + 128, .match = 7});
  Observation observation;
  observation.note("4 at 4", fixture.write({}, 1)).note("2 at 4", fixture.write({.length = 2}, 1));
  observation.note("one byte on", fixture.write({.address = base + 1}, 1));
  observation.note("2 at any", fixture.write({.address = base + 64, .length = 2}, 1));
  observation.note("8 at any", fixture.write({.address = base + 64, .length = 8}, 1));
  observation.note("equal", fixture.write({.address = base + 128}, 7));
  observation.note("unequal", fixture.write({.address = base + 128}, 8));
  return observation;
}

Observation misses(const World& world) {
  MachineFixture fixture(world);
  Observation observation;
  observation.note("1", fixture.write({.length = 1}, 0x5a))
      .note("2", fixture.write({.length = 2}, 0x1234));
  observation.note("4", fixture.write({}, 0xdeadbeef));
  observation.note("8", fixture.write({.length = 8}, 0x0123456789abcdef));
  observation.note("port", fixture.write({Space::pio, port}, 0xcafe));
  return observation;
}

Observation reads(const World& world) {
  MachineFixture fixture(world);
  const auto mmio = fixture.wire(), any = fixture.wire(), pio = fixture.wire();
  fixture.doorbell(mmio, {});
  fixture.doorbell(any, {.address = base + 64, .length = 0});
  fixture.doorbell(pio, {Space::pio, port});
  Observation observation;
  observation.note("memory", fixture.read({}))
      .note("any length", fixture.read({.address = base + 64}));
  observation.note("port", fixture.read({Space::pio, port}));
  observation.number("counts", fixture.count(mmio) + fixture.count(any) + fixture.count(pio));
  return observation;
}

Observation collisions(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  Observation observation;
  const auto assign = [&](std::string_view what, const Spot& spot) {
    observation.error(what, fixture.doorbell(wire, spot));
  };
  assign("4", {});
  assign("the same", {});
  assign("datamatch beside", {.match = 1});
  assign("any length beside", {.length = 0});
  assign("datamatch", {.address = base + 64, .match = 1});
  assign("same data", {.address = base + 64, .match = 1});
  assign("other data", {.address = base + 64, .match = 2});
  assign("no datamatch beside", {.address = base + 64});
  assign("any length", {.address = base + 128, .length = 0});
  assign("8 beside", {.address = base + 128, .length = 8});
  return observation;
}

Observation neighbours(const World& world) {
  MachineFixture fixture(world);
  std::vector<unsigned> wires;
  const std::array spots{Spot{.length = 1},    Spot{.length = 2},         Spot{.length = 4},
                         Spot{.length = 8},    Spot{.address = base + 2}, Spot{Space::pio, port},
                         Spot{.address = port}};
  Observation observation;
  int error = 0;
  for (const auto& spot : spots) {
    wires.push_back(fixture.wire());
    error |= fixture.doorbell(wires.back(), spot);
  }
  observation.error("all assign", error);
  for (const auto& spot : spots) fixture.write(spot, 1);
  std::string counts;
  for (const auto wire : wires)
    counts += text("{}{}", counts.empty() ? "" : " ", fixture.count(wire));
  observation.note("counts", counts);
  return observation;
}

Observation right_datamatch(const World& world) {
  MachineFixture fixture(world);
  const std::array wires{fixture.wire(), fixture.wire(), fixture.wire()};
  for (const auto wire : wires) fixture.doorbell(wire, {.match = wire});
  fixture.write({}, 1);
  Observation observation;
  for (const auto wire : wires) observation.number(text("data {}", wire), fixture.count(wire));
  return observation;
}

Observation ioeventfd_deassign(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire(), other = fixture.wire();
  fixture.doorbell(wire, {.match = 5});
  Observation observation;
  const auto remove = [&](std::string_view what, unsigned which, const Spot& spot) {
    observation.error(what, fixture.remove_doorbell(which, spot));
  };
  remove("other bus", wire, {.space = Space::pio, .match = 5});
  remove("other eventfd", other, {.match = 5});
  remove("other address", wire, {.address = base + 4, .match = 5});
  remove("other length", wire, {.length = 2, .match = 5});
  remove("no datamatch", wire, {});
  remove("other data", wire, {.match = 6});
  remove("all the same", wire, {.match = 5});
  remove("again", wire, {.match = 5});
  return observation;
}

Observation writes_count(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  fixture.doorbell(wire, {});
  for (const std::uint64_t value : {9U, 0U, 77U}) fixture.write({}, value);
  Observation observation;
  observation.number("3 writes", fixture.count(wire));
  return observation;
}

Observation closed(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire(), other = fixture.wire();
  fixture.doorbell(wire, {});
  const int number = fixture.fd(wire);
  fixture.close(wire);
  kvm_ioeventfd request{};
  request.addr = base;
  request.len = 4;
  request.fd = number;
  request.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
  Observation observation;
  observation.error("another at its place", fixture.doorbell(other, {}));
  observation.error("deassign by its number", fixture.machine().ioeventfd(request));
  return observation;
}

Observation many(const World& world) {
  constexpr unsigned entries = 3000;
  MachineFixture fixture(world, {.irqchip = false});
  const auto wire = fixture.wire();
  int error = 0;
  for (unsigned index = 0; index < entries; ++index)
    error |= fixture.doorbell(wire, {.address = base + 4 * index});
  Observation observation;
  observation.error("3,000 assign, no irqchip", error);
  observation.note("the last", fixture.write({.address = base + 4 * (entries - 1)}, 1));
  observation.note("behind it", fixture.write({.address = base + 4 * entries}, 1));
  return observation;
}

constexpr std::array ioeventfd_table{
    Rule{15, Subject::machine,
         "Lengths are 0, 1, 2, 4, 8; an address may not wrap; flags are known",
         "length 3: EINVAL, length 16: EINVAL, address wraps: EINVAL, unknown flag: EINVAL", "",
         malformed},
    Rule{16, Subject::machine, "Length 0 has no datamatch; only an open eventfd will do",
         "any length with datamatch: EINVAL, a pipe: EINVAL, a closed one: EBADF", "", wrong_files},
    Rule{17, Subject::machine, "A hit is the exact address, length (0: any) and data (if matched)",
         "4 at 4: doorbell, 2 at 4: user space, 0x1, one byte on: user space, 0x1, "
         "2 at any: doorbell, 8 at any: doorbell, equal: doorbell, unequal: user space, 0x8",
         "", hits},
    Rule{18, Subject::machine, "A miss reaches user space with its value",
         "1: user space, 0x5a, 2: user space, 0x1234, 4: user space, 0xdeadbeef, "
         "8: user space, 0x123456789abcdef, port: user space, 0xcafe",
         "", misses},
    Rule{19, Subject::machine, "A read never hits",
         "memory: user space, any length: user space, port: user space, counts: 0", "", reads},
    Rule{20, Subject::machine, "EEXIST: same bus, address, length (0: any) and data (if matched)",
         "4: ok, the same: EEXIST, datamatch beside: EEXIST, any length beside: EEXIST, "
         "datamatch: ok, same data: EEXIST, other data: ok, no datamatch beside: EEXIST, "
         "any length: ok, 8 beside: EEXIST",
         "", collisions},
    Rule{21, Subject::machine, "Other lengths, overlaps and the other bus coexist",
         "all assign: ok, counts: 1 1 1 1 1 1 1", "", neighbours},
    Rule{22, Subject::machine, "Of several datamatches the right one counts",
         "data 0: 0, data 1: 1, data 2: 0", "", right_datamatch},
    Rule{23, Subject::machine,
         "Deassign must name bus, eventfd, address, length and data, else ENOENT",
         "other bus: ENOENT, other eventfd: ENOENT, other address: ENOENT, other length: ENOENT, "
         "no datamatch: ENOENT, other data: ENOENT, all the same: ok, again: ENOENT",
         "", ioeventfd_deassign},
    Rule{24, Subject::machine, "N writes add N; what was written is lost", "3 writes: 3", "",
         writes_count},
    Rule{25, Subject::machine, "A closed eventfd's entry stays, and can't be deassigned",
         "another at its place: EEXIST, deassign by its number: EBADF", "", closed},
    Rule{26, Subject::machine, "3,000 entries are fine; no irqchip is needed",
         "3,000 assign, no irqchip: ok, the last: doorbell, behind it: user space, 0x1", "", many},
};

}  // namespace

std::span<const Rule> ioeventfd_rules() noexcept {
  return ioeventfd_table;
}

}  // namespace bellwire::rules
