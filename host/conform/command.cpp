// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/command.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"

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

struct Pipe {
  os::UniqueFd from, to;
};
Result<Pipe> create_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_fault("cannot make a pipe");
  return Pipe{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

// What commands have as their standard input: nothing comes, and it ends with the suite. The
// terminal's would stop them, since they are not in its group; some back-ends leave at its end.
int no_input() {
  static const auto pipe = create_pipe();
  return pipe ? pipe->from.get() : -1;
}

// In the child, where nothing may allocate. The child dies with the suite, and has a process group
// of its own, so that what it starts can be killed with it. `failed` is a pipe: if the program
// can't be run, the child writes errno into it; otherwise exec closes it.
[[noreturn]] void become(char* const* words, pid_t suite, int input, int failed) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != suite) ::_exit(127);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // standard output is the suite's
  ::dup2(input, STDIN_FILENO);
  ::execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(failed, &error, sizeof error);
  ::_exit(127);
}

// What a child has said of its failure to become the command; 0: it has become it.
int error_of(const os::UniqueFd& failed) {
  int error = 0;
  ssize_t size = 0;
  do size = ::read(failed.get(), &error, sizeof error);
  while (size < 0 && errno == EINTR);
  return size == sizeof error ? error : 0;
}

// Of all threads: an orphan is given to any of them.
std::vector<pid_t> children() {
  std::vector<pid_t> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/task", error), end; !error && at != end;
       at.increment(error)) {
    std::ifstream list(at->path() / "children");
    for (pid_t child = 0; list >> child;) all.push_back(child);
  }
  return all;
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

Result<pid_t> spawn(const std::vector<std::string>& words) {
  auto copies = words;
  std::vector<char*> pointers;
  for (auto& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  auto failing = create_pipe();
  if (!failing) return failing.error();
  const int input = no_input();
  const auto suite = ::getpid();
  const auto child = ::fork();
  if (child < 0) return system_fault("cannot start {}", words.front());
  if (child == 0) become(pointers.data(), suite, input, failing->to.get());
  ::setpgid(child, child);  // whoever of the two is first
  failing->to.reset();
  errno = error_of(failing->from);
  if (errno == 0) return child;
  const auto error = system_fault("cannot run '{}'", words.front());
  static_cast<void>(::waitpid(child, nullptr, 0));
  return error;
}

void adopt_orphans() noexcept {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void end_children() {
  for (auto all = children(); !all.empty(); all = children())
    for (const auto child : all) {
      ::kill(child, SIGKILL);
      if (::waitpid(child, nullptr, 0) < 0 && errno != EINTR) return;
    }
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return text("by signal {}", WTERMSIG(status));
  return text("with status {}", WEXITSTATUS(status));
}

namespace {

// Empty: it has ended.
std::optional<Error> wait_for(pid_t child, int& status, std::chrono::milliseconds limit, int stop) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end)
      return fault(std::errc::timed_out, "still runs after {} ms", limit.count());
    if (os::wait_for_peer(-1, look_again_at_child, stop) == os::Waited::stopped)
      return fault(std::errc::operation_canceled, "is interrupted");
  }
  return std::nullopt;
}

}  // namespace

Result<void> run_command(const std::vector<std::string>& words, std::chrono::milliseconds limit,
                         int stop) {
  const auto child = spawn(words);
  if (!child) return child.error();
  int status = 0;
  if (const auto early = wait_for(*child, status, limit, stop)) {
    ::kill(-*child, SIGKILL);
    static_cast<void>(::waitpid(*child, &status, 0));
    return Error{early->code, text("{} {}", words.front(), early->message)};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fault(std::errc::no_child_process, "{} ended {}", words.front(), end_of(status));
}

}  // namespace bellwire::host::conform
