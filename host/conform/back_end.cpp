// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/back_end.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

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
  if (std::ranges::none_of(*words, [&](auto& word) { return word.find(socket) != word.npos; }))
    return fault(std::errc::invalid_argument,
                 "--start '{}' does not say where to listen: {{socket}} must stand in it",
                 escaped(command));
  return std::make_unique<StartedBackEnd>(std::move(*words), socket, stop, peer);
}

StartedBackEnd::StartedBackEnd(std::vector<std::string> words, std::string socket, int stop,
                               std::string peer)
    : words_(std::move(words)), socket_(std::move(socket)), peer_(std::move(peer)), stop_(stop) {}

StartedBackEnd::~StartedBackEnd() {
  kill();
  clean_up();
}

void StartedBackEnd::clean_up() {
  for (const auto& path : {socket_, peer_})
    if (is_socket(path) && !os::connect_unix(path, {})) ::unlink(path.c_str());
}

Result<void> StartedBackEnd::reach() const {
  for (const auto& path : {socket_, peer_})
    if (!path.empty())
      if (const auto reached = os::connect_unix(path, {}); !reached) return reached.error();
  return {};
}

// Whoever serves a socket already would be taken for the one that is started.
Result<void> StartedBackEnd::check_unserved() const {
  for (const auto& path : {socket_, peer_}) {
    if (path.empty()) continue;
    const auto reached = os::connect_unix(path, {});
    if (reached || reached.error().code == std::errc::resource_unavailable_try_again)
      return fault(std::errc::address_in_use,
                   "'{}' is served already, and not by the process that --start starts: end the "
                   "one that serves it, or name another socket",
                   path);
    if (reached.error().code == std::errc::not_a_socket)
      return fault(std::errc::file_exists,
                   "'{}' exists and is not a socket: remove it, or choose another path", path);
    if (reached.error().code != std::errc::no_such_file_or_directory &&
        reached.error().code != std::errc::connection_refused)
      return reached.error();
  }
  return {};
}

Error StartedBackEnd::not_served(const Error& why) const {
  return fault(std::errc::timed_out, "{} is not ready after {} s: {}", words_.front(),
               start_limit.count(), why.message);
}

Result<void> StartedBackEnd::start() {
  kill();
  if (auto unserved = check_unserved(); !unserved) return unserved;
  auto started = KeptProcess::start(words_);
  if (!started) return started.error();
  process_ = std::move(*started);
  const auto end = std::chrono::steady_clock::now() + start_limit;
  for (;;) {
    const auto reached = reach();
    if (reached) return {};
    if (auto how = ended())
      return fault(std::errc::no_child_process, "{} ended {} before it served '{}'{}",
                   words_.front(), *how, socket_,
                   *how == end_of(0) ? "; a back-end must not put itself into the background" : "");
    const bool stopped = os::wait_for_peer(-1, poll_interval, stop_) == os::Waited::stopped;
    if (stopped || std::chrono::steady_clock::now() > end) return not_served(reached.error());
  }
}

void StartedBackEnd::kill() {
  process_.reset();
}

Result<std::string> StartedBackEnd::terminate(std::chrono::milliseconds limit) {
  if (!process_) return std::string();
  process_->send(SIGTERM);
  if (const auto status = process_->wait(limit, stop_)) return end_of(*status);
  return fault(std::errc::timed_out, "it still runs {} ms after SIGTERM", limit.count());
}

std::optional<std::string> StartedBackEnd::ended() {
  const auto status = process_ ? process_->wait({}) : std::nullopt;
  return status ? std::optional(end_of(*status)) : std::nullopt;
}

}  // namespace bellwire::host::conform
