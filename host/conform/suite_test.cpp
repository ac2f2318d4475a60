// SPDX-License-Identifier: BSD-3-Clause
//
// The suite on back-ends that keep every statement, that break one, and that are nothing of the
// kind.
#include "host/conform/suite.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

#include "host/conform/inflight_part.hpp"
#include "host/conform/testing/liar.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"

namespace bellwire::host::conform {
namespace {

using testing::TemporaryFolder;

constexpr unsigned last_statement = 161;

// ThreadSanitizer needs a few of the rounds that use the same threads in the same way; each takes
// ten times as long.
#if defined(__SANITIZE_THREAD__)
constexpr bool under_tsan = true;
#else
constexpr bool under_tsan = false;
#endif

Settings settings_for(const std::string& socket, int stop) {
  Settings settings{.socket = socket,
                    .dialect = vhost_user::dialect_of("qemu-8"),
                    .kind = std::nullopt,
                    .patience = {},
                    .away = std::chrono::milliseconds(1)};
  // The liar settles at each round trip, and says what it withholds: nothing is waited for in vain.
  settings.patience = {
      .limit = testing::patience, .quiet = std::chrono::milliseconds(1), .stop = stop};
  return settings;
}

Findings try_some(const Nature& nature, std::span<const Statement* const> statements,
                  std::string_view dialect = "qemu-8") {
  const TemporaryFolder folder;
  Liar liar(folder.file("socket"), nature);
  liar.next_statement(0);
  liar.start().value();
  auto settings = settings_for(folder.file("socket"), liar.withheld());
  settings.dialect = vhost_user::dialect_of(dialect);
  if (nature.kind == Kind::net) settings.peer = liar.peer();
  settings.change_config = [&liar](pid_t) { return liar.change_config(); };
  return run_suite(
      settings, liar, statements, [] { return false; }, [](const Verdict&) {});
}

Findings try_all(const Nature& nature, std::string_view dialect = "qemu-8") {
  return try_some(nature, all_statements(), dialect);
}

// Those about the same things as the statement, and some of the others, others for each: all pairs
// of a lie and a statement would take fifteen times as long.
std::vector<const Statement*> around(unsigned number) {
  auto some = all_statements();
  std::erase_if(some, [number](const Statement* statement) {
    const auto distance = std::max(statement->number, number) - std::min(statement->number, number);
    return distance > 2 && distance % 31 != 0;
  });
  return some;
}

// "41: reason; " for each.
std::string those(const Findings& findings, Outcome outcome) {
  std::string all;
  for (const auto& verdict : findings.verdicts)
    if (verdict.outcome == outcome)
      all += text("{}: {}; ", verdict.statement->number, verdict.reason);
  return all;
}

std::set<unsigned> failing(const Findings& findings) {
  std::set<unsigned> numbers;
  for (const auto& verdict : findings.verdicts)
    if (verdict.outcome == Outcome::fail) numbers.insert(verdict.statement->number);
  return numbers;
}

Findings check_honest(const Nature& nature) {
  const auto findings = try_all(nature);
  CHECK(findings.verdicts.size() == last_statement);
  CHECK(findings.probe.kind == nature.kind);
  CHECK(those(findings, Outcome::fail) == "");
  CHECK(findings.count(Outcome::pass) > 80);
  return findings;
}

Nature nature_for(Lie lie) {
  Nature nature{.lie = lie};
  if (lie == Lie::repeats_itself) nature.kind = Kind::rng;
  if (lie == Lie::keeps_what_is_sent || lie == Lie::loses_buffers_to_receive ||
      (lie >= Lie::spoils_long_frames && lie <= Lie::fills_disabled_rings) ||
      lie == Lie::sends_frames_back || lie == Lie::delivers_runts)
    nature.kind = Kind::net;
  nature.read_only = lie == Lie::writes_read_only_disk;
  constexpr std::array forgetful{Lie::forgets_what_is_in_flight,
                                 Lie::forgets_after_a_kill,
                                 Lie::forgets_after_a_kill_at_set_up,
                                 Lie::forgets_while_it_is_away,
                                 Lie::believes_the_base,
                                 Lie::forgets_after_many_kills};
  nature.slow = std::ranges::find(forgetful, lie) != forgetful.end();
  return nature;
}

}  // namespace

TEST_CASE("statements are numbered from 1, and say what and where") {
  unsigned expected = 0;
  for (const auto* const statement : all_statements()) {
    CAPTURE(statement->number);
    CHECK(statement->number == ++expected);
    CHECK(!statement->says.empty());
    CHECK(!statement->source.empty());
    CHECK(bool(statement->attempt));
  }
  CHECK(expected == last_statement);
}

TEST_CASE("a disk that keeps every statement fails none") {
  check_honest({});
  if (!under_tsan) check_honest({.read_only = true});
}

TEST_CASE("an entropy source and a network device that keep every statement fail none") {
  if (!under_tsan) check_honest({.kind = Kind::rng});
  check_honest({.kind = Kind::net});
}

TEST_CASE("a device that is not found out gets the statements that need no requests") {
  const auto findings = try_all({.kind = Kind::unknown});
  CHECK(findings.trouble == "");
  CHECK(findings.probe.kind == Kind::unknown);
  CHECK(those(findings, Outcome::fail) == "");
  CHECK(findings.count(Outcome::pass) > 30);
  const auto reasons = those(findings, Outcome::not_applicable);
  for (const auto* const number : {"34", "92", "102", "140"})
    CHECK(reasons.find(text("; {}: {};", number, needs_known_kind)) != reasons.npos);
}

TEST_CASE("a disk that keeps every statement fails none in any dialect") {
  const auto dialects = vhost_user::dialects();
  for (const auto& dialect : under_tsan ? dialects.first(1) : dialects) {
    CAPTURE(dialect.name);
    CHECK(those(try_all({}, dialect.name), Outcome::fail) == "");
  }
}

TEST_CASE("a slow disk can be tried with every statement that is about disks, and fails none") {
  const auto findings = check_honest({.slow = true});
  CHECK(those(findings, Outcome::untried) == "");
  for (const auto& verdict : findings.verdicts)
    if (verdict.outcome == Outcome::not_applicable) CAPTURE(verdict.statement->number);
  CHECK(findings.count(Outcome::not_applicable) == 15);  // read-only disks, entropy, networks
}

TEST_CASE("a back-end that breaks one statement fails that one, and no other") {
  constexpr unsigned step = under_tsan ? 7 : 1;
  for (unsigned number = 1; number <= last_statement; number += step) {
    const auto findings = try_some(nature_for(Lie{number}), around(number));
    CAPTURE(number);
    CAPTURE(those(findings, Outcome::fail));
    CAPTURE(those(findings, Outcome::untried));
    CHECK(failing(findings) == std::set{number});
  }
}

TEST_CASE("a back-end that breaks a statement in packed rings alone fails it, and no other") {
  constexpr std::array tried{
      Lie::serves_disabled_rings, Lie::serves_stopped_rings, Lie::answers_before_completing,
      Lie::disables_at_stop,      Lie::never_calls,          Lie::needs_a_call,
      Lie::ignores_no_interrupt,  Lie::drops_tables,         Lie::keeps_bad_address,
      Lie::keeps_uneven_table,    Lie::forgets_after_a_kill, Lie::begins_at_zero_after_a_kill,
      Lie::marks_no_data,         Lie::marks_no_used_ring,   Lie::serves_one_per_kick};
  for (const auto lie : tried) {
    auto nature = nature_for(lie);
    nature.packed_only = true;
    const auto number = static_cast<unsigned>(lie);
    const auto findings = try_some(nature, around(number));
    CAPTURE(number);
    const auto said = those(findings, Outcome::fail);
    CHECK(failing(findings) == std::set{number});
    CHECK(said.starts_with(text("{}: with packed rings: ", number)));
  }
}

TEST_CASE("nobody on the socket: every statement says so") {
  const TemporaryFolder folder;
  ForeignBackEnd nobody;
  const auto findings = run_suite(
      settings_for(folder.file("socket"), -1), nobody, all_statements(), [] { return false; },
      [](const Verdict&) {});
  CHECK(!findings.trouble.empty());
  CHECK(findings.count(Outcome::pass) == 0);
  CHECK(findings.verdicts.size() == last_statement);
}

TEST_CASE("a back-end that never answers costs one deadline for each statement that is tried") {
  const TemporaryFolder folder;
  const auto listener = os::Listener::create(folder.file("socket")).value();
  ForeignBackEnd silent;
  auto settings = settings_for(folder.file("socket"), -1);
  settings.patience.limit = std::chrono::milliseconds(20);
  const auto findings = run_suite(
      settings, silent, all_statements(), [] { return false; }, [](const Verdict&) {});
  CHECK(findings.count(Outcome::pass) == 0);
  CHECK(failing(findings).contains(1));
  CHECK(findings.verdicts.size() == last_statement);
}

TEST_CASE("an interrupted run keeps the verdicts that it has") {
  const TemporaryFolder folder;
  Liar liar(folder.file("socket"), {});
  liar.start().value();
  unsigned reported = 0;
  const auto findings = run_suite(
      settings_for(folder.file("socket"), liar.withheld()), liar, all_statements(),
      [&reported] { return reported == 5; }, [&reported](const Verdict&) { ++reported; });
  CHECK(findings.verdicts.size() == 5);
}

TEST_CASE("a region of requests in flight is looked at only where it is, whatever its maker says") {
  using vhost_user::SplitInflightEntry;
  using vhost_user::SplitInflightHeader;
  constexpr std::size_t entries = 128, part = sizeof(SplitInflightHeader) + 128 * 16;
  const TemporaryFolder folder;
  const auto listener = os::Listener::create(folder.file("socket")).value();
  const auto settings = settings_for(folder.file("socket"), -1);
  const Probe probe;
  ForeignBackEnd nobody;
  Trial trial(settings, probe, nobody);
  auto front = trial.connect();
  const auto look = [&](std::uint64_t size, std::uint16_t queues, std::uint64_t file) {
    front.inflight() = {{size, 0, queues, entries, 0}, os::create_memfd("region", file).value()};
    const InflightPart<SplitInflightHeader, SplitInflightEntry> seen(trial, front, 0, entries);
    return seen.header().version == 0 && !seen.anything_in_flight();
  };
  CHECK(look(part, 1, part));
  CHECK(look(2 * part, 1, part));  // that the file is too short is another statement's
  CHECK_THROWS_AS(look(part, 1, 1), Failed);
  CHECK_THROWS_AS(look(8, 1, part), Failed);
  CHECK_THROWS_AS(look(part, 2, part), Failed);
  CHECK_THROWS_AS(look(part, 0, part), Failed);
  CHECK_THROWS_AS(look(~std::uint64_t{0}, 1, 1), Failed);
}

}  // namespace bellwire::host::conform
