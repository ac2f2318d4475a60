// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/command.hpp"

#include <sys/wait.h>
#include <wordexp.h>

#include <utility>

#include "host/conform/kept_process.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

// What a shell takes for a word: braces need quotes.
std::string word_for(std::size_t placeholder) {
  return text("\x1a{}\x1a", placeholder);
}

/// A command as a shell reads it.
struct Reading {
  std::string text;      // with spaces for its line breaks that are not in quotes
  std::string unquoted;  // what is not in quotes
  char quote = 0;        // which was not closed; 0: none
};

Reading read(std::string text) {
  Reading reading;
  bool literal = false;
  for (char& one : text) {
    if (std::exchange(literal, false)) continue;
    if (one == '\\' && reading.quote != '\'') {
      literal = true;
    } else if (reading.quote != 0) {
      if (one == reading.quote) reading.quote = 0;
    } else if (one == '\'' || one == '"') {
      reading.quote = one;
    } else {
      if (one == '\n') one = ' ';
      reading.unquoted += one;
    }
  }
  reading.text = std::move(text);
  return reading;
}

// "{sock}", if no such placeholder is known. In quotes it may be another program's.
std::string unknown_placeholder(std::string_view unquoted) {
  for (auto at = unquoted.find('{'); at != unquoted.npos; at = unquoted.find('{', at + 1)) {
    const auto end = unquoted.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at + 1);
    if (end == unquoted.npos || unquoted[end] != '}' || end == at + 1) continue;
    if (at == 0 || unquoted[at - 1] != '$') return std::string(unquoted.substr(at, end + 1 - at));
  }
  return {};
}

std::string names_of(std::span<const Placeholder> placeholders) {
  std::string names;
  for (const auto& one : placeholders) names += (names.empty() ? "" : ", ") + std::string(one.name);
  return names;
}

// Why it cannot be split; empty: it may be possible.
std::string mistake_in(const Reading& reading, std::span<const Placeholder> placeholders) {
  if (reading.text.find_first_not_of(" \t") == std::string::npos) return "is empty: give a command";
  if (reading.quote != 0) return text("has a {} that is not closed", reading.quote);
  if (const auto name = unknown_placeholder(reading.unquoted); !name.empty())
    return text("has the unknown {}; there are {}", name, names_of(placeholders));
  return {};
}

std::string mistake_of(int failed) {
  if (failed == WRDE_BADVAL) return "has a variable that is not set";
  return "is not a command: it is split as a shell does, but pipes, semicolons, braces and $(…) "
         "need quotes, or a script of their own";
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view option, const std::string& command,
                                               std::span<const Placeholder> placeholders) {
  auto plain = command;
  for (std::size_t at = 0; at < placeholders.size(); ++at)
    plain = replaced(std::move(plain), placeholders[at].name, word_for(at));
  const auto reading = read(std::move(plain));
  if (const auto mistake = mistake_in(reading, placeholders); !mistake.empty())
    return fault(std::errc::invalid_argument, "{} '{}' {}", option, escaped(command), mistake);
  wordexp_t split{};
  const int failed = ::wordexp(reading.text.c_str(), &split, WRDE_NOCMD | WRDE_UNDEF);
  std::vector<std::string> words;
  if (failed == 0)
    for (std::size_t at = 0; at < split.we_wordc; ++at) words.emplace_back(split.we_wordv[at]);
  if (failed == 0 || failed == WRDE_NOSPACE) ::wordfree(&split);
  for (auto& word : words)
    for (std::size_t at = 0; at < placeholders.size(); ++at)
      word = replaced(std::move(word), word_for(at), placeholders[at].value);
  if (words.empty())
    return fault(std::errc::invalid_argument, "{} '{}' {}", option, escaped(command),
                 mistake_of(failed));
  return words;
}

Result<void> run_command(const std::vector<std::string>& words, std::chrono::milliseconds limit,
                         int stop) {
  const auto process = KeptProcess::start(words);
  if (!process) return process.error();
  const auto status = (*process)->wait(limit, stop);
  if (!status && os::wait_for_peer(-1, {}, stop) == os::Waited::stopped)
    return fault(std::errc::operation_canceled, "{} is interrupted", words.front());
  if (!status)
    return fault(std::errc::timed_out, "{} still runs after {} ms", words.front(), limit.count());
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
  return fault(std::errc::no_child_process, "{} ended {}", words.front(), end_of(*status));
}

}  // namespace bellwire::host::conform
