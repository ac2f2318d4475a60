// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/faults/plan.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace bellwire {
namespace {

using std::chrono::nanoseconds;

enum class Need : std::uint8_t { none, optional, required };

// The wires of an action, a bit each.
constexpr unsigned interrupts = 2, doorbells_and_interrupts = 3, completions = 4, all_wires = 7;

struct Action {
  std::string_view name, participle;
  Need time = Need::none;
  nanoseconds usual{0};  // time
  bool which = true;     // whether a WHICH may follow
  unsigned wires = doorbells_and_interrupts;
};

// By FaultAction.
constexpr std::array<Action, fault_actions> actions{{
    {"drop", "dropped", Need::none, {}, true, all_wires},
    {"delay", "delayed", Need::required},
    {"double", "doubled", Need::optional, std::chrono::microseconds(100), true, all_wires},
    {"merge", "merged", Need::optional, std::chrono::milliseconds(10)},
    {"reorder", "reordered", Need::optional, std::chrono::milliseconds(10)},
    {"misroute", "misrouted", Need::none, {}, true, all_wires},
    {"invent", "invented", Need::required, {}, false},
    {"stall", "stalled", Need::required, {}, true, all_wires},
    {"crash", "crashed", Need::none, {}, true, all_wires},
    {"corrupt", "corrupted", Need::none, {}, true, completions},
    {"scramble", "scrambled", Need::none, {}, true, completions},
    {"swap", "swapped", Need::none, {}, true, interrupts},
}};

constexpr std::array<std::string_view, fault_wires> wires{"doorbell", "interrupt",
                                                          "completion"};  // by FaultWire

constexpr bool takes(const Action& action, std::size_t wire) noexcept {
  return (action.wires >> wire & 1U) != 0;
}

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr std::array<Unit, 4> units{
    {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1000}, {"ns", 1}}};

const Action& traits_of(FaultAction action) noexcept {
  return actions[static_cast<std::size_t>(action)];
}

struct Word {
  std::string_view text;
  std::size_t at;  // its place, from 1 on
};

template <class... Args>
Error wrong(const Word& word, fmt::format_string<Args...> format, Args&&... args) {
  return fault(std::errc::invalid_argument, "'{}' at character {}: {}", word.text, word.at,
               text(format, std::forward<Args>(args)...));
}

bool is_space(char letter) noexcept {
  return letter == ' ' || letter == '\t' || letter == '\r';
}

bool ends_rule(char letter) noexcept {
  return letter == ';' || letter == '\n';
}

bool is_digit(char letter) noexcept {
  return letter >= '0' && letter <= '9';
}

// The words of each rule that is not empty.
std::vector<std::vector<Word>> split(std::string_view plan) {
  std::vector<std::vector<Word>> rules(1);
  for (std::size_t at = 0; at < plan.size();) {
    const char letter = plan[at];
    if (ends_rule(letter) && !rules.back().empty()) rules.emplace_back();
    if (ends_rule(letter) || is_space(letter)) {
      ++at;
      continue;
    }
    const auto* const end = std::find_if(
        plan.begin() + at, plan.end(), [](char next) { return is_space(next) || ends_rule(next); });
    const auto size = static_cast<std::size_t>(end - plan.begin()) - at;
    rules.back().push_back({plan.substr(at, size), at + 1});
    at += size;
  }
  if (rules.back().empty()) rules.pop_back();
  return rules;
}

// Empty: it is not all digits, or too large.
std::optional<std::uint64_t> number_of(std::string_view digits) noexcept {
  std::uint64_t number = 0;
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  const auto* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && parsed == end ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> positive(std::string_view digits) noexcept {
  const auto number = number_of(digits);
  return number && *number > 0 ? number : std::nullopt;
}

// "50us"; empty: it is none, 0, or too long.
std::optional<nanoseconds> duration_of(std::string_view word) noexcept {
  const auto digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const auto number = positive(word.substr(0, digits));
  const auto unit = std::ranges::find(units, word.substr(digits), &Unit::name);
  if (!number || unit == units.end()) return std::nullopt;
  const auto most = static_cast<std::uint64_t>(nanoseconds(FaultPlan::longest).count() / unit->ns);
  if (*number > most) return std::nullopt;
  return nanoseconds(static_cast<std::int64_t>(*number) * unit->ns);
}

// A time begins with a digit and has a unit.
bool looks_like_time(std::string_view word) noexcept {
  return !word.empty() && is_digit(word.front()) &&
         word.find_first_of("nums.") != std::string_view::npos;
}

std::string names_of_actions() {
  std::string names;
  for (const auto& action : actions) names += text("{}, ", action.name);
  return names + "seed";
}

// What is held, or comes again, has a time that may be left out; a completion is neither.
Need time_of(const Action& action, FaultWire wire) noexcept {
  const bool none = wire == FaultWire::completion && action.time == Need::optional;
  return none ? Need::none : action.time;
}

// "doorbell, interrupt or completion"
std::string names_of_wires(const Action& action) {
  std::vector<std::string_view> names;
  for (std::size_t wire = 0; wire < wires.size(); ++wire)
    if (takes(action, wire)) names.push_back(wires[wire]);
  std::string list(names.front());
  for (std::size_t name = 1; name < names.size(); ++name)
    list += text("{}{}", name + 1 == names.size() ? " or " : ", ", names[name]);
  return list;
}

// One rule's words, taken one after the other.
class RuleParser {
 public:
  explicit RuleParser(const std::vector<Word>& words) noexcept : words_(words) {}

  Result<FaultRule> parse() {
    const auto action = std::ranges::find(actions, words_[0].text, &Action::name);
    if (action == actions.end())
      return wrong(words_[0], "{}choose {}", of_guest() ? only_boot_vm : "", names_of_actions());
    if (words_.size() < 2) return wrong(words_[0], "{} must follow", names_of_wires(*action));
    const auto wire = std::ranges::find(wires, words_[1].text);
    const auto index = static_cast<std::size_t>(wire - wires.begin());
    if (wire == wires.end() || !takes(*action, index))
      return wrong(words_[1], "choose {}", names_of_wires(*action));
    FaultRule rule{.action = static_cast<FaultAction>(action - actions.begin()),
                   .wire = static_cast<FaultWire>(index),
                   .least = action->usual,
                   .most = action->usual};
    time_ = time_of(*action, rule.wire);
    if (time_ == Need::none) rule.least = rule.most = {};
    next_ = 2;
    if (auto chosen = parse_which(*action, rule); !chosen) return chosen.error();
    if (auto timed = parse_time(*action, rule); !timed) return timed.error();
    if (more()) return wrong(word(), "{}", allowed(*action));
    return rule;
  }

 private:
  static constexpr std::string_view only_boot_vm = "only boot-vm does that, to its guest; here ";

  [[nodiscard]] bool of_guest() const noexcept {
    return words_[0].text == "freeze" || words_[0].text == "reset";
  }
  [[nodiscard]] bool more() const noexcept { return next_ < words_.size(); }
  [[nodiscard]] const Word& word() const noexcept { return words_[next_]; }

  // What may still follow.
  [[nodiscard]] std::string allowed(const Action& action) const {
    const bool which = action.which && next_ == 2;
    const bool time = time_ != Need::none && !timed_;
    const auto times =
        text("a time such as 50us or 50us..2ms, up to {}s", FaultPlan::longest.count());
    if (which && time) return "choose N, every N, A/B, or " + times;
    if (which) return "choose N, every N or A/B, from 1 on";
    if (time) return "choose " + times;
    return "nothing more may follow; separate rules by ;";
  }

  Result<void> parse_which(const Action& action, FaultRule& rule) {
    if (!action.which || !more() || looks_like_time(word().text)) return {};
    if (word().text == "every") return parse_every(rule);
    const auto slash = word().text.find('/');
    const auto first = positive(word().text.substr(0, slash));
    if (!first) return wrong(word(), "{}", allowed(action));
    rule.number = *first;
    rule.chooses = FaultRule::Chooses::nth;
    if (slash != std::string_view::npos) {
      const auto of = positive(word().text.substr(slash + 1));
      if (!of || *of < *first) return wrong(word(), "choose A/B, where A is from 1 to B");
      rule.of = *of;
      rule.chooses = FaultRule::Chooses::chance;
    }
    ++next_;
    return {};
  }

  Result<void> parse_every(FaultRule& rule) {
    if (++next_ == words_.size()) return wrong(words_.back(), "a number must follow");
    const auto number = positive(word().text);
    if (!number) return wrong(word(), "choose a number from 1 on");
    rule.number = *number;
    ++next_;
    return {};
  }

  Result<void> parse_time(const Action& action, FaultRule& rule) {
    if (time_ == Need::none) return {};
    if (!more()) {
      if (time_ == Need::optional) return {};
      return wrong(words_.back(), "a time must follow, such as 50us or 50us..2ms");
    }
    const auto dots = word().text.find("..");
    const auto least = duration_of(word().text.substr(0, dots));
    const auto most =
        dots == std::string_view::npos ? least : duration_of(word().text.substr(dots + 2));
    if (!least || !most) return wrong(word(), "{}", allowed(action));
    if (*most < *least) return wrong(word(), "the range is empty: put the shorter time first");
    rule.least = *least;
    rule.most = *most;
    timed_ = true;
    ++next_;
    return {};
  }

  const std::vector<Word>& words_;
  std::size_t next_ = 0;
  Need time_ = Need::none;
  bool timed_ = false;
};

Result<std::uint64_t> parse_seed(const std::vector<Word>& words) {
  const auto number = words.size() > 1 ? number_of(words[1].text) : std::nullopt;
  const auto most = std::numeric_limits<std::uint64_t>::max();
  if (!number)
    return wrong(words.size() > 1 ? words[1] : words[0], "a seed is a number from 0 to {}", most);
  if (words.size() > 2) return wrong(words[2], "nothing more may follow; separate rules by ;");
  return *number;
}

std::string describe_time(nanoseconds time) {
  const auto unit =
      std::ranges::find_if(units, [&](const Unit& each) { return time.count() % each.ns == 0; });
  return text("{}{}", time.count() / unit->ns, unit->name);
}

std::string describe_choice(const FaultRule& rule) {
  if (rule.chooses == FaultRule::Chooses::nth) return text(" {}", rule.number);
  if (rule.chooses == FaultRule::Chooses::chance) return text(" {}/{}", rule.number, rule.of);
  return rule.number == 1 ? "" : text(" every {}", rule.number);
}

}  // namespace

// A random number of 64 bits is a fraction of 2^64.
bool FaultRule::hits(std::uint64_t nth, std::uint64_t random) const noexcept {
  __extension__ using Wide = unsigned __int128;
  if (action == FaultAction::invent) return false;
  if (chooses == Chooses::nth) return nth == number;
  if (chooses == Chooses::every) return nth % number == 0;
  return static_cast<std::uint64_t>((Wide{random} * of) >> 64) < number;
}

FaultRule::Duration FaultRule::time(std::uint64_t random) const noexcept {
  const auto choices = static_cast<std::uint64_t>((most - least).count()) + 1;
  return least + Duration(static_cast<std::int64_t>(random % choices));
}

Result<FaultPlan> FaultPlan::parse(std::string_view words) {
  FaultPlan plan;
  for (const auto& rule : split(words)) {
    FaultPlan one;
    if (rule[0].text == "seed") {
      const auto seed = parse_seed(rule);
      if (!seed) return seed.error();
      one.seed = *seed;
    } else {
      const auto parsed = RuleParser(rule).parse();
      if (!parsed) return parsed.error();
      one.rules.push_back(*parsed);
    }
    if (auto added = plan.add(one); !added) return wrong(rule[0], "{}", added.error().message);
  }
  if (!plan.rules.empty() || plan.seed) return plan;
  return fault(std::errc::invalid_argument,
               "the plan is empty: write a rule such as drop interrupt 5");
}

Result<void> FaultPlan::add(const FaultPlan& other) {
  if (seed && other.seed) return fault(std::errc::invalid_argument, "the plan has a seed already");
  if (rules.size() + other.rules.size() > most_rules)
    return fault(std::errc::invalid_argument, "a plan has {} rules at most", most_rules);
  if (other.seed) seed = other.seed;
  rules.insert(rules.end(), other.rules.begin(), other.rules.end());
  return {};
}

bool FaultPlan::touches(FaultWire wire) const noexcept {
  return std::ranges::find(rules, wire, &FaultRule::wire) != rules.end();
}

std::string describe(const FaultRule& rule) {
  const auto& action = traits_of(rule.action);
  auto words = text("{} {}{}", action.name, name_of_wire(rule.wire), describe_choice(rule));
  if (time_of(action, rule.wire) == Need::none) return words;
  words += ' ' + describe_time(rule.least);
  return rule.most == rule.least ? words : words + ".." + describe_time(rule.most);
}

std::string describe(const FaultPlan& plan) {
  std::string words;
  const auto append = [&words](const std::string& rule) {
    words += (words.empty() ? "" : "; ") + rule;
  };
  for (const auto& rule : plan.rules) append(describe(rule));
  if (plan.seed) append(text("seed {}", *plan.seed));
  return words;
}

std::string_view name_of_wire(FaultWire wire) noexcept {
  return wires[static_cast<std::size_t>(wire)];
}

std::string_view name_of_action(FaultAction action) noexcept {
  return traits_of(action).name;
}

std::string_view participle_of(FaultAction action) noexcept {
  return traits_of(action).participle;
}

}  // namespace bellwire
