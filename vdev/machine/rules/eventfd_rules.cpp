// SPDX-License-Identifier: BSD-3-Clause
//
// The rules 1 to 11 of docs/semantics.md: what read, write, poll and epoll do with an eventfd.
#include <array>

#include "vdev/machine/rules/fixture.hpp"
#include "vdev/machine/rules/rule.hpp"

namespace bellwire::rules {
namespace {

constexpr std::uint64_t full = ~std::uint64_t{0} - 1;

std::string polled(EventFile& file) {
  const auto [in, out, error] = file.poll();
  const auto words = std::string(in ? " IN" : "") + (out ? " OUT" : "") + (error ? " ERR" : "");
  return words.empty() ? "nothing" : words.substr(1);
}

std::string read(EventFile& file, std::size_t size = 8) {
  const auto [error, count] = file.read(size);
  return error != 0 ? error_name(error) : text("{}", count);
}

Observation read_sizes(const World& world) {
  const auto file = world.event_file(false);
  file->write(7);
  Observation observation;
  observation.note("4 bytes", read(*file, 4)).note("16 bytes", read(*file, 16));
  return observation;
}

Observation write_sizes(const World& world) {
  const auto file = world.event_file(false);
  Observation observation;
  for (const std::size_t size : {4U, 8U, 16U})
    observation.error(text("{} bytes", size), file->write(1, size));
  return observation;
}

Observation write_largest(const World& world) {
  const auto file = world.event_file(false);
  Observation observation;
  observation.error("2^64 - 1", file->write(~std::uint64_t{0})).note("poll", polled(*file));
  return observation;
}

Observation write_when_full(const World& world) {
  const auto file = world.event_file(false);
  Observation observation;
  observation.error("up to 2^64 - 2", file->write(full)).error("1 more", file->write(1));
  observation.error("0 more", file->write(0));
  return observation;
}

Observation read_takes(const World& world) {
  const auto counter = world.event_file(false);
  const auto semaphore = world.event_file(true);
  for (auto* file : {counter.get(), semaphore.get()}) file->write(2);
  Observation observation;
  observation.note("of 2", read(*counter)).note("again", read(*counter));
  observation.note("of a semaphore's 2", read(*semaphore)).note("again", read(*semaphore));
  observation.note("again", read(*semaphore));
  return observation;
}

Observation poll_takes_nothing(const World& world) {
  const auto file = world.event_file(false);
  Observation observation;
  observation.note("at 0", polled(*file));
  file->write(1);
  observation.note("at 1", polled(*file)).note("again", polled(*file));
  file->write(full - 1);
  observation.note("full", polled(*file))
      .note("read", read(*file) == text("{}", full) ? "all" : "less");
  return observation;
}

Observation outlives_its_file(const World& world) {
  MachineFixture fixture(world);
  const auto wire = fixture.wire();
  Observation observation;
  observation.error("assign", fixture.doorbell(wire, {}));
  fixture.close(wire);
  observation.note("a write after the close", fixture.write({}, 1));
  return observation;
}

Observation told_in_proc(const World& world) {
  const auto file = world.event_file(false);
  file->write(42);
  Observation observation;
  observation.note("42", file->fdinfo_count());
  return observation;
}

Observation edges(const World& world) {
  const auto file = world.event_file(false);
  Observation observation;
  const auto after = [&](std::string_view what, std::uint64_t value) {
    file->write(value);
    observation.yes(what, file->woke());
  };
  after("1", 1);
  after("1 more, unread", 1);
  after("0 more", 0);
  observation.yes("no write", file->woke());
  read(*file);
  after("0 when read", 0);
  return observation;
}

constexpr std::array eventfd_table{
    Rule{1, Subject::eventfd, "A read needs room for 8 bytes", "4 bytes: EINVAL, 16 bytes: 7", "",
         read_sizes},
    Rule{2, Subject::eventfd, "A write is 8 bytes",
         "4 bytes: EINVAL, 8 bytes: ok, 16 bytes: EINVAL",
         "4 bytes: EINVAL, 8 bytes: ok, 16 bytes: ok", write_sizes},
    Rule{3, Subject::eventfd, "2^64 - 1 can't be written", "2^64 - 1: EINVAL, poll: OUT", "",
         write_largest},
    Rule{4, Subject::eventfd, "A write past 2^64 - 2 would block; 0 never does",
         "up to 2^64 - 2: ok, 1 more: EAGAIN, 0 more: ok", "", write_when_full},
    Rule{5, Subject::eventfd, "A read takes the count, or 1 of a semaphore's",
         "of 2: 2, again: EAGAIN, of a semaphore's 2: 1, again: 1, again: EAGAIN", "", read_takes},
    Rule{6, Subject::eventfd, "Poll takes nothing",
         "at 0: OUT, at 1: IN OUT, again: IN OUT, full: IN, read: all", "", poll_takes_nothing},
    Rule{9, Subject::machine, "The kernel's reference outlives the file",
         "assign: ok, a write after the close: doorbell", "", outlives_its_file},
    Rule{10, Subject::eventfd, "fdinfo shows the count, in hexadecimal", "42: 2a", "",
         told_in_proc},
    Rule{11, Subject::eventfd, "Edge-triggered epoll wakes at each write, if the count isn't 0",
         "1: yes, 1 more, unread: yes, 0 more: yes, no write: no, 0 when read: no", "", edges},
};

}  // namespace

std::span<const Rule> eventfd_rules() noexcept {
  return eventfd_table;
}

}  // namespace bellwire::rules
