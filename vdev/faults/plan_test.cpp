// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/plan.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace bellwire;
using namespace std::chrono_literals;

TEST_CASE("a plan reads as it was written, in one form") {
  struct Written {
    const char* words;
    const char* read;
  };
  const Written plans[] = {
      {"drop doorbell 5", "drop doorbell 5"},
      {"drop interrupt", "drop interrupt"},
      {"drop interrupt every 1", "drop interrupt"},
      {"drop interrupt every 7", "drop interrupt every 7"},
      {"drop interrupt 1/1000; delay doorbell 50us..2ms; seed 42",
       "drop interrupt 1/1000; delay doorbell 50us..2ms; seed 42"},
      {"seed 0\n\n  drop doorbell 3/3 ;; ", "drop doorbell 3/3; seed 0"},
      {"delay doorbell 5 1000us", "delay doorbell 5 1ms"},
      {"delay doorbell every 2 1500us..1500us", "delay doorbell every 2 1500us"},
      {"double interrupt 1", "double interrupt 1 100us"},
      {"double interrupt 1 60s", "double interrupt 1 60s"},
      {"merge interrupt", "merge interrupt 10ms"},
      {"reorder doorbell 1/2 1ns..1s", "reorder doorbell 1/2 1ns..1s"},
      {"misroute\tinterrupt 18446744073709551615", "misroute interrupt 18446744073709551615"},
      {"invent interrupt 5ms..7ms", "invent interrupt 5ms..7ms"},
      {"stall doorbell 100 500ms;crash interrupt 200",
       "stall doorbell 100 500ms; crash interrupt 200"},
      {"double completion 5; stall completion 1/2 1ms",
       "double completion 5; stall completion 1/2 1ms"},
      {"drop completion every 2; misroute completion; crash completion 7",
       "drop completion every 2; misroute completion; crash completion 7"},
      {"corrupt completion 1/9; scramble completion 3",
       "corrupt completion 1/9; scramble completion 3"},
      {"swap interrupt every 9", "swap interrupt every 9"},
      {"seed 18446744073709551615", "seed 18446744073709551615"},
  };
  for (const auto& written : plans) {
    CAPTURE(written.words);
    const auto plan = FaultPlan::parse(written.words);
    REQUIRE(plan.has_value());
    CHECK(describe(*plan) == written.read);
    CHECK((FaultPlan::parse(describe(*plan)).value() == *plan));
  }
}

TEST_CASE("a wrong plan is refused with the word, its place, and what is allowed there") {
  struct Wrong {
    const char* words;
    std::vector<const char*> said;
  };
  const Wrong plans[] = {
      {"", {"empty"}},
      {" ; \n", {"empty"}},
      {"lose interrupt 1", {"'lose' at character 1", "choose drop, delay", "scramble, swap, seed"}},
      {"freeze guest every 1s 5ms", {"'freeze' at character 1", "only boot-vm does that"}},
      {"drop doorbell 1; reset guest after 1s", {"'reset' at character 18", "only boot-vm"}},
      {"drop", {"'drop' at character 1", "doorbell, interrupt or completion must follow"}},
      {"drop; delay doorbell 5us", {"'drop' at character 1"}},
      {"drop kick 1", {"'kick' at character 6", "choose doorbell, interrupt or completion"}},
      {"merge completion 1", {"'completion' at character 7", "choose doorbell or interrupt"}},
      {"corrupt doorbell 1", {"'doorbell' at character 9", "choose completion"}},
      {"swap doorbell 1", {"'doorbell' at character 6", "choose interrupt"}},
      {"double completion 5 1ms", {"'1ms' at character 21", "nothing more may follow"}},
      {"stall completion 5", {"a time must follow"}},
      {"drop doorbell 0", {"'0' at character 15", "from 1 on"}},
      {"drop doorbell -1", {"'-1' at character 15", "N, every N or A/B"}},
      {"drop doorbell 18446744073709551616", {"'18446744073709551616' at character 15"}},
      {"drop doorbell five", {"'five'"}},
      {"drop doorbell 5us", {"'5us' at character 15", "N, every N or A/B"}},
      {"drop doorbell 5 6", {"'6' at character 17", "nothing more may follow"}},
      {"drop doorbell 2/1", {"'2/1'", "A is from 1 to B"}},
      {"drop doorbell 0/5", {"'0/5'"}},
      {"drop doorbell 1/0", {"'1/0'"}},
      {"drop doorbell 1/", {"'1/'"}},
      {"drop doorbell /", {"'/'"}},
      {"drop doorbell 1/2/3", {"'1/2/3'"}},
      {"drop doorbell every", {"'every' at character 15", "a number must follow"}},
      {"drop doorbell every 0", {"'0' at character 21"}},
      {"drop doorbell every 1/2", {"'1/2'"}},
      {"delay doorbell", {"'doorbell' at character 7", "a time must follow"}},
      {"delay doorbell 5", {"'5' at character 16", "a time must follow"}},
      {"delay doorbell 5 5", {"'5' at character 18", "a time such as"}},
      {"delay doorbell 0us", {"'0us' at character 16"}},
      {"delay doorbell -5us", {"'-5us'"}},
      {"delay doorbell 61s", {"'61s'", "up to 60s"}},
      {"delay doorbell 99999999999999999999s", {"'99999999999999999999s'"}},
      {"delay doorbell 5min", {"'5min'"}},
      {"delay doorbell 1.5ms", {"'1.5ms'"}},
      {"delay doorbell 5us..", {"'5us..'"}},
      {"delay doorbell 5us...6us", {"'5us...6us'"}},
      {"delay doorbell 2ms..50us", {"'2ms..50us'", "the range is empty"}},
      {"delay doorbell 5us 6us", {"'6us' at character 20", "nothing more may follow"}},
      {"invent doorbell", {"a time must follow"}},
      {"invent doorbell 5 5ms", {"'5' at character 17", "a time such as"}},
      {"crash doorbell 5 5ms", {"'5ms'", "nothing more may follow"}},
      {"seed", {"'seed' at character 1", "a number from 0 to 18446744073709551615"}},
      {"seed x", {"'x' at character 6"}},
      {"seed 18446744073709551616", {"'18446744073709551616'"}},
      {"seed 1 2", {"'2' at character 8"}},
      {"seed 1; seed 1", {"'seed' at character 9", "a seed already"}},
  };
  for (const auto& wrong : plans) {
    CAPTURE(wrong.words);
    const auto plan = FaultPlan::parse(wrong.words);
    REQUIRE(plan.has_error());
    CHECK(plan.error().code == std::errc::invalid_argument);
    for (const std::string part : wrong.said) {
      CAPTURE(plan.error().message);
      CAPTURE(part);
      CHECK(plan.error().message.find(part) != std::string::npos);
    }
  }
}

TEST_CASE("plans add up, to a limit") {
  auto plan = FaultPlan::parse("drop doorbell 1; seed 3").value();
  CHECK(plan.add(FaultPlan::parse("seed 4").value()).has_error());
  REQUIRE(plan.add(FaultPlan::parse("drop interrupt 2").value()).has_value());
  CHECK(describe(plan) == "drop doorbell 1; drop interrupt 2; seed 3");
  std::string many;
  for (std::size_t rule = 0; rule < FaultPlan::most_rules; ++rule) many += "drop doorbell 1;";
  CHECK(FaultPlan::parse(many).has_value());
  CHECK(FaultPlan::parse(many + "drop doorbell 1").has_error());
  CHECK(plan.add(FaultPlan::parse(many).value()).has_error());
}

TEST_CASE("a rule says which signals it chooses, and for how long") {
  const auto rule = [](const char* words) { return FaultPlan::parse(words).value().rules.front(); };
  CHECK(rule("drop doorbell 5").hits(5, 0));
  CHECK_FALSE(rule("drop doorbell 5").hits(10, 0));
  CHECK(rule("drop doorbell every 5").hits(10, 0));
  CHECK_FALSE(rule("drop doorbell every 5").hits(11, 0));
  CHECK(rule("drop doorbell 1/4").hits(1, (~std::uint64_t{0} >> 2)));
  CHECK_FALSE(rule("drop doorbell 1/4").hits(1, (std::uint64_t{1} << 62)));
  CHECK(rule("drop doorbell 4/4").hits(1, ~std::uint64_t{0}));
  const auto delay = rule("delay doorbell 10ns..12ns");
  for (const auto& [random, time] : {std::pair{0, 10ns}, {1, 11ns}, {2, 12ns}, {3, 10ns}})
    CHECK(delay.time(static_cast<std::uint64_t>(random)) == time);
}
