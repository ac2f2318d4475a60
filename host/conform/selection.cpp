// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/selection.hpp"

#include <charconv>
#include <optional>

namespace bellwire::host::conform {
namespace {

struct Range {
  unsigned first, last;
};

std::optional<unsigned> number_of(std::string_view digits) {
  unsigned number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? std::optional(number) : std::nullopt;
}

Result<Range> range_of(std::string_view word) {
  const auto dash = word.find('-');
  const auto first = number_of(word.substr(0, dash));
  const auto last = dash == word.npos ? first : number_of(word.substr(dash + 1));
  if (!first || !last)
    return fault(std::errc::invalid_argument,
                 "--only: '{}' is not a number or a range of statements, such as 7 or 5-9", word);
  if (*first > *last)
    return fault(std::errc::invalid_argument, "--only: the range {} is empty: say {}-{}", word,
                 *last, *first);
  return Range{*first, *last};
}

}  // namespace

Result<std::vector<const Statement*>> selected(const std::vector<std::string>& words) {
  const auto all = all_statements();  // by number, from 1
  std::vector<const Statement*> some;
  for (const auto& word : words) {
    const auto range = range_of(word);
    if (!range) return range.error();
    for (const auto number : {range->first, range->last})
      if (number < 1 || number > all.size())
        return fault(std::errc::invalid_argument, "there is no statement {}; --list shows 1 to {}",
                     number, all.size());
    for (auto number = range->first; number <= range->last; ++number)
      some.push_back(all[number - 1]);
  }
  return some;
}

}  // namespace bellwire::host::conform
