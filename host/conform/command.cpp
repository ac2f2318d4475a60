// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/command.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include <csignal>
#include <thread>

namespace bellwire::host::conform {
namespace {

constexpr std::chrono::milliseconds look_again_at_child{5};

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

// What a shell takes for a word: braces need quotes.
std::string word_for(std::size_t placeholder) {
  return text("\x1a{}\x1a", placeholder);
}

// In the child, where nothing may allocate: ends with the suite, and in a group of its own, so that
// what it starts can be ended with it.
[[noreturn]] void become(char* const* words, pid_t suite) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != suite) ::_exit(127);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // standard output is the suite's
  ::execvp(words[0], words);
  static constexpr char message[] = "bellwire: cannot run the command\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message, sizeof message - 1);
  ::_exit(127);
}

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view option, const std::string& command,
                                               std::span<const Placeholder> placeholders) {
  auto plain = command;
  for (std::size_t at = 0; at < placeholders.size(); ++at)
    plain = replaced(std::move(plain), placeholders[at].name, word_for(at));
  wordexp_t split{};
  const int failed = ::wordexp(plain.c_str(), &split, WRDE_NOCMD | WRDE_UNDEF);
  std::vector<std::string> words;
  if (failed == 0)
    for (std::size_t at = 0; at < split.we_wordc; ++at) words.emplace_back(split.we_wordv[at]);
  if (failed == 0 || failed == WRDE_NOSPACE) ::wordfree(&split);
  for (auto& word : words)
    for (std::size_t at = 0; at < placeholders.size(); ++at)
      word = replaced(std::move(word), word_for(at), placeholders[at].value);
  if (words.empty())
    return fault(std::errc::invalid_argument,
                 "{} '{}' is not a command: it is split as a shell does, but pipes, "
                 "semicolons, braces and $(…) need quotes, or a script of their own",
                 option, escaped(command));
  return words;
}

Result<pid_t> spawn(const std::vector<std::string>& words) {
  auto copies = words;
  std::vector<char*> pointers;
  for (auto& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const auto suite = ::getpid();
  const auto child = ::fork();
  if (child < 0) return system_fault("cannot start {}", words.front());
  if (child == 0) become(pointers.data(), suite);
  ::setpgid(child, child);  // whoever of the two is first
  return child;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return text("by signal {}", WTERMSIG(status));
  return text("with status {}", WEXITSTATUS(status));
}

Result<void> run_command(const std::vector<std::string>& words, std::chrono::milliseconds limit) {
  const auto child = spawn(words);
  if (!child) return child.error();
  const auto end = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (::waitpid(*child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ::kill(-*child, SIGKILL);
      static_cast<void>(::waitpid(*child, &status, 0));
      return fault(std::errc::timed_out, "{} still runs after {} ms", words.front(), limit.count());
    }
    std::this_thread::sleep_for(look_again_at_child);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fault(std::errc::no_child_process, "{} ended {}", words.front(), end_of(status));
}

}  // namespace bellwire::host::conform
