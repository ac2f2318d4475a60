// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/setup.hpp"

#include <algorithm>
#include <bit>

#include "vdev/core/transport.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::simulate {
namespace {

using namespace std::chrono_literals;

// What a driver can bear or recover from: these words, and between them how rare it is.
struct RuleWords {
  const char *words, *time;
  unsigned queues;       // it takes so many
  std::uint64_t rarest;  // one in 5 + that number, at most; 0: the time says how often
};
constexpr RuleWords rule_words[] = {
    {"drop doorbell 1/", "", 1, 2'000},
    {"drop interrupt 1/", "", 1, 2'000},
    {"delay doorbell 1/", " 10us..2ms", 1, 200},
    {"delay interrupt 1/", " 10us..2ms", 1, 200},
    {"delay interrupt 1/", " 1ms..100ms", 1, 2'000},
    {"double doorbell 1/", "", 1, 200},
    {"double interrupt 1/", "", 1, 200},
    {"merge doorbell 1/", "", 1, 200},
    {"merge interrupt 1/", "", 1, 200},
    {"reorder doorbell 1/", "", 2, 200},
    {"reorder interrupt 1/", "", 2, 200},
    {"misroute doorbell 1/", "", 2, 2'000},
    {"misroute interrupt 1/", "", 2, 2'000},
    {"invent doorbell ", "100us..50ms", 1, 0},
    {"invent interrupt ", "100us..50ms", 1, 0},
    {"stall doorbell 1/", " 10us..20ms", 1, 2'000},
    {"stall interrupt 1/", " 10us..20ms", 1, 2'000},
    {"stall completion 1/", " 10us..20ms", 1, 5'000},
    {"crash doorbell 1/", "", 1, 20'000},
    {"crash interrupt 1/", "", 1, 20'000},
    {"crash completion 1/", "", 1, 20'000},
};

// One of each action and wire at most: the first rule that chooses a signal has it.
FaultPlan plan_by_chance(Random& random, unsigned queues) {
  std::string words = text("seed {}", random.next());
  for (std::uint64_t left = random.below(4); left > 0; --left) {
    const auto& rule = random.one_of(rule_words);
    if (rule.queues > queues) continue;
    words += text("; {}", rule.words);
    if (rule.rarest > 0) words += text("{}", 5 + random.below(rule.rarest));
    words += rule.time;
  }
  return FaultPlan::parse(words).value();
}

PairSetup set_up_one(const Choice& choice, Random& random) {
  const auto names = device_names();
  PairSetup setup;
  setup.device = names[random.below(names.size())];
  setup.queues = random.one_of({1U, 1U, 2U, 3U, 4U});
  setup.depth = random.one_of({1U, 1U, 2U, 4U, 8U, 16U, 64U});
  setup.polling = random.one_of({Polling::off, Polling::off, Polling::adaptive});
  setup.moderation = random.one_of({0us, 0us, 0us, 50us, 1000us});
  setup.device = choice.device.value_or(setup.device);
  setup.queues = choice.queues.value_or(setup.queues);
  setup.depth = choice.depth.value_or(setup.depth);
  setup.entries = std::max<std::uint32_t>(BELLWIRE_MIN_RING_ENTRIES, std::bit_ceil(setup.depth)
                                                                         << random.below(2));
  const auto by_chance = plan_by_chance(random, setup.queues);
  setup.faults = choice.faults.value_or(by_chance);
  setup.operator_on = choice.operator_on;
  setup.recover = choice.recover;
  return setup;
}

}  // namespace

std::vector<std::string> device_names() {
  return {"echo", "digest", "late"};
}

Setup set_up(const Choice& choice, Random& random) {
  const auto by_chance = random.one_of({1U, 1U, 2U, 3U});
  Setup setup;
  for (auto left = choice.pairs.value_or(by_chance); left > 0; --left)
    setup.pairs.push_back(set_up_one(choice, random));
  const bool switchboard_by_chance = random.one_in(2);
  setup.switchboard = choice.switchboard.value_or(switchboard_by_chance);
  if (!setup.switchboard) return setup;
  const auto most = std::ranges::max(setup.pairs, {}, &PairSetup::entries).entries;
  for (auto& pair : setup.pairs) pair.entries = most;
  return setup;
}

std::uint64_t payload(std::uint32_t depth) noexcept {
  return std::uint64_t{depth} * 2 * sizeof(Exchange::input);
}

bool may_lose(const FaultPlan& faults) noexcept {
  using enum FaultAction;
  return std::ranges::any_of(faults.rules, [](const FaultRule& rule) {
    return rule.action == drop || rule.action == misroute || rule.most >= 50ms;
  });
}

std::string describe(const PairSetup& setup) {
  std::string words = text("{}, {} queue{} of {}, depth {}", setup.device, setup.queues,
                           setup.queues == 1 ? "" : "s", setup.entries, setup.depth);
  if (setup.polling != Polling::off) words += ", polls";
  if (setup.moderation > 0ns)
    words += text(", interrupts every {} us at most", setup.moderation / 1us);
  if (!setup.faults.empty()) words += "; " + describe(setup.faults);
  return words;
}

}  // namespace bellwire::simulate
