// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/kept_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

struct Ends {
  os::UniqueFd first, second;
};

Result<Ends> create_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_fault("cannot make a pipe");
  return Ends{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

// A message in it is one number, an int.
Result<Ends> create_sockets() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return system_fault("cannot make a pair of sockets");
  return Ends{os::UniqueFd(ends[0]), os::UniqueFd(ends[1])};
}

void send_number(int socket, int number) noexcept {
  [[maybe_unused]] const auto sent = ::send(socket, &number, sizeof number, MSG_NOSIGNAL);
}

// Waits for it. Empty: the other side is gone.
std::optional<int> receive_number(int fd) noexcept {
  int number = 0;
  ssize_t size = 0;
  do size = ::read(fd, &number, sizeof number);
  while (size < 0 && errno == EINTR);
  return size == sizeof number ? std::optional(number) : std::nullopt;
}

// What commands have as their standard input: nothing comes, and it ends with the suite. The
// terminal's would stop them, since they are not in its group; some back-ends leave at its end.
int no_input() {
  static const auto pipe = create_pipe();
  return pipe ? pipe->first.get() : -1;
}

// The rest, up to start(), runs in the keeper, which is a copy of a process with threads: nothing
// may allocate, and it never returns.

// The command dies with the keeper. `failed` is a pipe: if the program can't be run, errno goes
// into it; otherwise exec closes it.
[[noreturn]] void become(char* const* words, pid_t keeper, const sigset_t& mask, int failed) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(127);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(failed, &error, sizeof error);
  ::_exit(127);
}

// Sends the suite errno of its start, 0 if it runs. -1: it does not.
pid_t run(char* const* words, const sigset_t& mask, int suite) {
  const auto keeper = ::getpid();
  int failing[2] = {-1, -1};
  const bool ready = ::pipe2(failing, O_CLOEXEC) == 0;
  const auto command = ready ? ::fork() : -1;
  if (command == 0) become(words, keeper, mask, failing[1]);
  if (command < 0) {
    send_number(suite, errno);
    return -1;
  }
  ::close(failing[1]);
  send_number(suite, receive_number(failing[0]).value_or(0));
  ::close(failing[0]);
  return command;
}

// Kills the children that it can, and waits for each. How many these were.
int end_some_children() {
  const int list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  char text[4096];
  const auto size = list < 0 ? 0 : ::read(list, text, sizeof text);
  if (list >= 0) ::close(list);
  int ended = 0;
  pid_t child = 0;
  for (ssize_t at = 0; at < size; ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      child = child * 10 + (text[at] - '0');
      continue;
    }
    if (child > 0 && ::kill(child, SIGKILL) == 0 && ::waitpid(child, nullptr, 0) == child) ++ended;
    child = 0;
  }
  return ended;
}

// Reaps whoever has ended. How the command has, if it is among them.
std::optional<int> reap(pid_t command, int signals) {
  signalfd_siginfo taken{};
  [[maybe_unused]] const auto size = ::read(signals, &taken, sizeof taken);
  std::optional<int> end;
  int status = 0;
  for (pid_t one = ::waitpid(-1, &status, WNOHANG); one > 0; one = ::waitpid(-1, &status, WNOHANG))
    if (one == command) end = status;
  return end;
}

// Passes signals on until the command ends: how. Empty: the suite has ended first.
std::optional<int> watch(pid_t command, int suite, int signals) {
  for (;;) {
    pollfd waited[] = {{suite, POLLIN, 0}, {signals, POLLIN, 0}};
    if (::poll(waited, 2, -1) < 0) continue;
    if (waited[1].revents != 0)
      if (const auto end = reap(command, signals)) return end;
    if (waited[0].revents == 0) continue;
    const auto number = receive_number(suite);
    if (!number) return std::nullopt;
    ::kill(command, *number);
  }
}

// It has a session of its own, so that neither the terminal nor whoever ends the suite's group ends
// it, and a name of its own. All that it holds of the suite is `suite`.
[[noreturn]] void keep(char* const* words, int suite, int input) {
  ::setsid();
  ::prctl(PR_SET_NAME, "conform-keeper");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all, children, mask;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &mask);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // standard output is the suite's
  ::dup2(input, STDIN_FILENO);
  if (suite > 3) ::close_range(3, static_cast<unsigned>(suite) - 1, 0);
  ::close_range(static_cast<unsigned>(suite) + 1, ~0U, 0);
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) send_number(suite, errno);
  const auto command = signals < 0 ? -1 : run(words, mask, suite);
  if (command < 0) ::_exit(0);
  const auto end = watch(command, suite, signals);
  if (end) ::kill(-command, SIGKILL);  // where the kernel lists no children
  while (end_some_children() > 0) {
  }
  if (end) send_number(suite, *end);
  ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<KeptProcess>> KeptProcess::start(const std::vector<std::string>& words) {
  auto copies = words;
  std::vector<char*> pointers;
  for (auto& word : copies) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  auto sockets = create_sockets();
  if (!sockets) return sockets.error();
  const int input = no_input();
  const auto keeper = ::fork();
  if (keeper < 0) return system_fault("cannot start {}", words.front());
  if (keeper == 0) keep(pointers.data(), sockets->second.get(), input);
  sockets->second.reset();
  std::unique_ptr<KeptProcess> process(new KeptProcess(keeper, std::move(sockets->first)));
  errno = receive_number(process->socket_.get()).value_or(ECHILD);
  if (errno == 0) return process;
  return system_fault("cannot run '{}'", words.front());
}

KeptProcess::~KeptProcess() {
  socket_.reset();
  while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void KeptProcess::send(int signal) noexcept {
  send_number(socket_.get(), signal);
}

std::optional<int> KeptProcess::wait(std::chrono::milliseconds limit, int stop) noexcept {
  if (!status_ && os::wait_for_peer(socket_.get(), limit, stop) == os::Waited::readable)
    status_ = receive_number(socket_.get()).value_or(SIGKILL);  // the keeper's end is the command's
  return status_;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return text("by signal {}", WTERMSIG(status));
  return text("with status {}", WEXITSTATUS(status));
}

}  // namespace bellwire::host::conform
