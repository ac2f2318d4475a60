// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/journal.hpp"

#include <algorithm>
#include <iterator>

namespace bellwire::replay {

std::string_view name_of(EntryKind kind) noexcept {
  constexpr std::string_view names[] = {"nothing",
                                        "facts",
                                        "end",
                                        "attached",
                                        "detached",
                                        "generation",
                                        "doorbell",
                                        "request",
                                        "completion",
                                        "interrupt",
                                        "stopping",
                                        "client",
                                        "access",
                                        "answer",
                                        "reset",
                                        "transfer",
                                        "end of a transfer",
                                        "wire",
                                        "region",
                                        "turn",
                                        "waiting",
                                        "direct use of memory",
                                        "features",
                                        "read of the config space",
                                        "write of the config space",
                                        "start",
                                        "stop",
                                        "enabled",
                                        "chain",
                                        "return",
                                        "pause"};
  static_assert(std::size(names) == entry_kinds);
  const auto index = static_cast<std::size_t>(kind);
  return index < std::size(names) ? names[index] : "unknown";
}

std::string text_of(const Facts& facts) {
  std::string all;
  for (const auto& [name, what] : facts) all += text("{}={}\n", name, what);
  return all;
}

Result<Facts> parse_facts(std::string_view text) {
  Facts facts;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    const auto equals = line.find('=');
    if (end == text.npos || equals == line.npos)
      return fault(std::errc::protocol_error, "its facts are damaged at '{}'", escaped(line));
    facts.emplace(line.substr(0, equals), line.substr(equals + 1));
    text.remove_prefix(end + 1);
  }
  return facts;
}

}  // namespace bellwire::replay
