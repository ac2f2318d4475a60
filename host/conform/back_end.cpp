// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/back_end.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include <array>
#include <csignal>
#include <cstring>
#include <thread>

#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

constexpr std::chrono::seconds start_limit{20};
constexpr std::chrono::milliseconds poll_interval{10};
constexpr std::string_view socket_in_command = "{socket}";
constexpr std::string_view socket_in_words = "\x1asocket\x1a";  // what needs no quotes

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
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
  static constexpr char message[] = "bellwire: cannot run the command of --start\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message, sizeof message - 1);
  ::_exit(127);
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return text("by signal {}", WTERMSIG(status));
  return text("with status {}", WEXITSTATUS(status));
}

bool is_socket(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

Result<std::unique_ptr<StartedBackEnd>> StartedBackEnd::create(const std::string& command,
                                                               const std::string& socket,
                                                               int stop) {
  wordexp_t split{};
  const auto plain = replaced(command, socket_in_command, socket_in_words);
  const int failed = ::wordexp(plain.c_str(), &split, WRDE_NOCMD | WRDE_UNDEF);
  std::vector<std::string> words;
  if (failed == 0)
    for (std::size_t at = 0; at < split.we_wordc; ++at)
      words.push_back(replaced(split.we_wordv[at], socket_in_words, socket));
  if (failed == 0 || failed == WRDE_NOSPACE) ::wordfree(&split);
  if (words.empty())
    return fault(std::errc::invalid_argument,
                 "--start '{}' is not a command: it is split as a shell does, but pipes, "
                 "semicolons, braces and $(…) need quotes, or a script of their own",
                 escaped(command));
  return std::make_unique<StartedBackEnd>(std::move(words), socket, stop);
}

StartedBackEnd::~StartedBackEnd() {
  kill();
  remove_socket();
}

void StartedBackEnd::remove_socket() const {
  if (is_socket(socket_) && !os::connect_unix(socket_, {})) ::unlink(socket_.c_str());
}

Result<void> StartedBackEnd::run() {
  std::vector<char*> words;
  for (auto& word : words_) words.push_back(word.data());
  words.push_back(nullptr);
  const auto suite = ::getpid();
  const auto child = ::fork();
  if (child < 0) return system_fault("cannot start {}", words_.front());
  if (child == 0) become(words.data(), suite);
  ::setpgid(child, child);  // whoever of the two is first
  process_ = child;
  return {};
}

Result<void> StartedBackEnd::start() {
  kill();
  end_.clear();
  if (auto running = run(); !running) return running;
  const auto end = std::chrono::steady_clock::now() + start_limit;
  while (!os::connect_unix(socket_, {})) {
    if (auto how = ended())
      return fault(std::errc::no_child_process, "{} ended {} before it served '{}'", words_.front(),
                   *how, socket_);
    const bool stopped = stop_ >= 0 && os::wait_readable(stop_, poll_interval);
    if (stop_ < 0) std::this_thread::sleep_for(poll_interval);
    if (stopped || std::chrono::steady_clock::now() > end)
      return fault(std::errc::timed_out, "{} does not serve '{}' within {} s", words_.front(),
                   socket_, start_limit.count());
  }
  return {};
}

bool StartedBackEnd::reap(bool wait) {
  int status = 0;
  if (process_ < 0 || ::waitpid(process_, &status, wait ? 0 : WNOHANG) != process_)
    return process_ < 0;
  ::kill(-process_, SIGKILL);  // what it has started
  process_ = -1;
  end_ = end_of(status);
  return true;
}

void StartedBackEnd::kill() {
  if (process_ < 0) return;
  ::kill(-process_, SIGKILL);
  ::kill(process_, SIGKILL);
  static_cast<void>(reap(true));
}

Result<std::string> StartedBackEnd::terminate(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  if (process_ >= 0) ::kill(process_, SIGTERM);
  while (!reap(false)) {
    if (std::chrono::steady_clock::now() > end)
      return fault(std::errc::timed_out, "it still runs {} ms after SIGTERM", limit.count());
    std::this_thread::sleep_for(poll_interval);
  }
  return end_;
}

std::optional<std::string> StartedBackEnd::ended() {
  if (!reap(false)) return std::nullopt;
  return end_.empty() ? std::nullopt : std::optional(end_);
}

}  // namespace bellwire::host::conform
