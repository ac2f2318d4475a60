// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/explore/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "vdev/os/text.hpp"

namespace bellwire::explore {
namespace {

constexpr std::string_view late = "late", none = "-";

std::string name(Option option, const std::vector<std::string>& actors) {
  return option == is_late ? std::string(late) : actors.at(option);
}

Result<Choice> parse_choice(std::string_view word, const std::vector<std::string>& actors) {
  Choice choice{};
  const auto colon = std::min(word.find(':'), word.size());
  const auto [end, error] = std::from_chars(word.data(), word.data() + colon, choice.step);
  if (error != std::errc() || end != word.data() + colon || colon == word.size())
    return fault(std::errc::invalid_argument, "'{}' is no choice: write STEP:ACTOR or STEP:late",
                 word);
  const auto chosen = word.substr(colon + 1);
  const auto actor = std::find(actors.begin(), actors.end(), chosen);
  if (chosen != late && actor == actors.end())
    return fault(std::errc::invalid_argument, "'{}': there is no actor '{}': choose {} or late",
                 word, chosen, fmt::join(actors, ", "));
  choice.option = chosen == late ? is_late : static_cast<Option>(actor - actors.begin());
  return choice;
}

}  // namespace

std::string text(const Schedule& schedule, const std::vector<std::string>& actors) {
  std::string words;
  for (const auto& choice : schedule)
    words += bellwire::text("{}{}:{}", words.empty() ? "" : " ", choice.step,
                            name(choice.option, actors));
  return words.empty() ? std::string(none) : words;
}

Result<Schedule> parse(std::string_view text, const std::vector<std::string>& actors) {
  Schedule schedule;
  if (text == none) return schedule;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const auto choice = parse_choice(word, actors);
    if (!choice) return choice.error();
    if (!schedule.empty() && choice->step < schedule.back().step)
      return fault(std::errc::invalid_argument, "'{}': the steps don't grow", word);
    schedule.push_back(*choice);
  }
  return schedule;
}

}  // namespace bellwire::explore
