// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <array>

#include "vdev/machine/rules/rule.hpp"
#include "vdev/machine/rules/sight.hpp"
#include "vdev/machine/rules/stage.hpp"

namespace bellwire::rules {
namespace {

using machine::Space;

constexpr std::uint64_t base = 0xd000'0000;
constexpr std::uint16_t port = 0x510;
constexpr int nowhere = 1 << 20;  // a descriptor that isn't open

std::string malformed(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  Sight sight;
  sight.error("length 3", stage.doorbell(wire, {.length = 3}));
  sight.error("length 16", stage.doorbell(wire, {.length = 16}));
  sight.error("address wraps", stage.doorbell(wire, {.address = ~std::uint64_t{0} - 2}));
  sight.error("unknown flag", stage.doorbell(wire, {}, 1u << 16));
  return std::move(sight).text();
}

std::string wrong_files(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  kvm_ioeventfd request{};
  request.addr = base;
  request.len = 4;
  Sight sight;
  sight.error("any length with datamatch", stage.doorbell(wire, {.length = 0, .match = 1}));
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::system_error(errno, std::system_category(), "pipe");
  const std::array<os::UniqueFd, 2> ends{os::UniqueFd(pipe[0]), os::UniqueFd(pipe[1])};
  request.fd = pipe[0];
  sight.error("a pipe", stage.machine().ioeventfd(request));
  request.fd = nowhere;
  sight.error("a closed one", stage.machine().ioeventfd(request));
  return std::move(sight).text();
}

std::string hits(const World& world) {
  Stage stage(world);
  const auto four = stage.wire(), any = stage.wire(), matching = stage.wire();
  stage.doorbell(four, {});
  stage.doorbell(any, {.address = base + 64, .length = 0});
  stage.doorbell(matching, {.address = base + 128, .match = 7});
  Sight sight;
  sight.note("4 at 4", stage.write({}, 1)).note("2 at 4", stage.write({.length = 2}, 1));
  sight.note("one byte on", stage.write({.address = base + 1}, 1));
  sight.note("2 at any", stage.write({.address = base + 64, .length = 2}, 1));
  sight.note("8 at any", stage.write({.address = base + 64, .length = 8}, 1));
  sight.note("equal", stage.write({.address = base + 128}, 7));
  sight.note("unequal", stage.write({.address = base + 128}, 8));
  return std::move(sight).text();
}

std::string misses(const World& world) {
  Stage stage(world);
  Sight sight;
  sight.note("1", stage.write({.length = 1}, 0x5a)).note("2", stage.write({.length = 2}, 0x1234));
  sight.note("4", stage.write({}, 0xdeadbeef));
  sight.note("8", stage.write({.length = 8}, 0x0123456789abcdef));
  sight.note("port", stage.write({Space::pio, port}, 0xcafe));
  return std::move(sight).text();
}

std::string reads(const World& world) {
  Stage stage(world);
  const auto mmio = stage.wire(), any = stage.wire(), pio = stage.wire();
  stage.doorbell(mmio, {});
  stage.doorbell(any, {.address = base + 64, .length = 0});
  stage.doorbell(pio, {Space::pio, port});
  Sight sight;
  sight.note("memory", stage.read({})).note("any length", stage.read({.address = base + 64}));
  sight.note("port", stage.read({Space::pio, port}));
  sight.number("counts", stage.count(mmio) + stage.count(any) + stage.count(pio));
  return std::move(sight).text();
}

std::string collisions(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  Sight sight;
  const auto assign = [&](std::string_view what, const Spot& spot) {
    sight.error(what, stage.doorbell(wire, spot));
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
  return std::move(sight).text();
}

std::string neighbours(const World& world) {
  Stage stage(world);
  std::vector<unsigned> wires;
  const std::array spots{Spot{.length = 1},    Spot{.length = 2},         Spot{.length = 4},
                         Spot{.length = 8},    Spot{.address = base + 2}, Spot{Space::pio, port},
                         Spot{.address = port}};
  Sight sight;
  int error = 0;
  for (const auto& spot : spots) {
    wires.push_back(stage.wire());
    error |= stage.doorbell(wires.back(), spot);
  }
  sight.error("all assign", error);
  for (const auto& spot : spots) stage.write(spot, 1);
  std::string counts;
  for (const auto wire : wires)
    counts += text("{}{}", counts.empty() ? "" : " ", stage.count(wire));
  sight.note("counts", counts);
  return std::move(sight).text();
}

std::string right_datamatch(const World& world) {
  Stage stage(world);
  const std::array wires{stage.wire(), stage.wire(), stage.wire()};
  for (const auto wire : wires) stage.doorbell(wire, {.match = wire});
  stage.write({}, 1);
  Sight sight;
  for (const auto wire : wires) sight.number(text("data {}", wire), stage.count(wire));
  return std::move(sight).text();
}

std::string deassign(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire(), other = stage.wire();
  stage.doorbell(wire, {.match = 5});
  Sight sight;
  const auto remove = [&](std::string_view what, unsigned which, const Spot& spot) {
    sight.error(what, stage.remove_doorbell(which, spot));
  };
  remove("other bus", wire, {.space = Space::pio, .match = 5});
  remove("other eventfd", other, {.match = 5});
  remove("other address", wire, {.address = base + 4, .match = 5});
  remove("other length", wire, {.length = 2, .match = 5});
  remove("no datamatch", wire, {});
  remove("other data", wire, {.match = 6});
  remove("all the same", wire, {.match = 5});
  remove("again", wire, {.match = 5});
  return std::move(sight).text();
}

std::string writes_count(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire();
  stage.doorbell(wire, {});
  for (const std::uint64_t value : {9U, 0U, 77U}) stage.write({}, value);
  Sight sight;
  sight.number("3 writes", stage.count(wire));
  return std::move(sight).text();
}

std::string closed(const World& world) {
  Stage stage(world);
  const auto wire = stage.wire(), other = stage.wire();
  stage.doorbell(wire, {});
  const int number = stage.fd(wire);
  stage.close(wire);
  kvm_ioeventfd request{};
  request.addr = base;
  request.len = 4;
  request.fd = number;
  request.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
  Sight sight;
  sight.error("another at its place", stage.doorbell(other, {}));
  sight.error("deassign by its number", stage.machine().ioeventfd(request));
  return std::move(sight).text();
}

std::string many(const World& world) {
  constexpr unsigned entries = 3000;
  Stage stage(world, {.irqchip = false});
  const auto wire = stage.wire();
  int error = 0;
  for (unsigned index = 0; index < entries; ++index)
    error |= stage.doorbell(wire, {.address = base + 4 * index});
  Sight sight;
  sight.error("3,000 assign, no irqchip", error);
  sight.note("the last", stage.write({.address = base + 4 * (entries - 1)}, 1));
  sight.note("behind it", stage.write({.address = base + 4 * entries}, 1));
  return std::move(sight).text();
}

constexpr std::array rules{
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
         "", deassign},
    Rule{24, Subject::machine, "N writes add N; what was written is lost", "3 writes: 3", "",
         writes_count},
    Rule{25, Subject::machine, "A closed eventfd's entry stays, and can't be deassigned",
         "another at its place: EEXIST, deassign by its number: EBADF", "", closed},
    Rule{26, Subject::machine, "3,000 entries are fine; no irqchip is needed",
         "3,000 assign, no irqchip: ok, the last: doorbell, behind it: user space, 0x1", "", many},
};

}  // namespace

std::span<const Rule> ioeventfd_rules() noexcept {
  return rules;
}

}  // namespace bellwire::rules
