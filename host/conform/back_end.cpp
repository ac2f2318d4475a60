// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/back_end.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "host/conform/command.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host::conform {
namespace {

constexpr std::chrono::seconds start_limit{20};
constexpr std::chrono::milliseconds poll_interval{10};
bool is_socket(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

Result<std::unique_ptr<StartedBackEnd>> StartedBackEnd::create(const std::string& command,
                                                               const std::string& socket,
                                                               const std::string& peer, int stop) {
  const Placeholder placeholders[] = {{"{socket}", socket}, {"{peer}", peer}};
  auto words = split_command("--start", command, placeholders);
  if (!words) return words.error();
  return std::make_unique<StartedBackEnd>(std::move(*words), socket, stop, peer);
}

StartedBackEnd::~StartedBackEnd() {
  kill();
  clean_up();
}

void StartedBackEnd::clean_up() {
  for (const auto& path : {socket_, peer_})
    if (is_socket(path) && !os::connect_unix(path, {})) ::unlink(path.c_str());
}

Result<void> StartedBackEnd::run() {
  const auto child = spawn(words_);
  if (!child) return child.error();
  process_ = *child;
  return {};
}

bool StartedBackEnd::serves() const {
  return os::connect_unix(socket_, {}) && (peer_.empty() || os::connect_unix(peer_, {}));
}

Result<void> StartedBackEnd::start() {
  kill();
  end_.clear();
  if (auto running = run(); !running) return running;
  const auto end = std::chrono::steady_clock::now() + start_limit;
  while (!serves()) {
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
