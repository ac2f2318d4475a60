// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/testing/liar.hpp"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "host/conform/testing/liar_session.hpp"

namespace bellwire::host::conform {
namespace {

constexpr std::size_t disk_bytes = 64 << 10;

}  // namespace

/// The process that the liar pretends to be: a thread with a socket.
class LiarProcess {
 public:
  LiarProcess(os::Listener listener, LiarWorld world)
      : stop_(os::EventFd::create().value()),
        listener_(std::move(listener)),
        world_(told_where_it_lies(std::move(world))),
        thread_([this] { run(); }) {}
  LiarProcess(const LiarProcess&) = delete;
  ~LiarProcess() {
    stop_.ring();
    thread_.join();
  }

  [[nodiscard]] bool dead() const noexcept { return dead_; }
  [[nodiscard]] bool stuck() const noexcept { return stuck_; }

 private:
  [[nodiscard]] LiarWorld told_where_it_lies(LiarWorld world) const {
    if (!world.nature.packed_only) return world;
    world.lies = [this, all = std::move(world.lies)](Lie lie) {
      return (world_.features & vhost_user::bit(VIRTIO_F_RING_PACKED)) != 0 && all(lie);
    };
    return world;
  }

  void run() {
    while (!world_.dead && wait()) {
      serve_kicks();
      if (session_)
        serve_session();
      else if (!stuck_)
        accept();
    }
    dead_ = world_.dead;
    session_.reset();
    listener_.reset();
  }

  // False: it is to stop.
  bool wait() {
    std::vector<pollfd> fds{{stop_.fd(), POLLIN, 0}, {world_.change->fd(), POLLIN, 0}};
    if (session_) {
      fds.push_back({session_->fd(), POLLIN, 0});
      for (const auto& ring : session_->rings())
        if (ring->kick) fds.push_back({ring->kick->fd(), POLLIN, 0});
    } else if (!stuck_) {
      fds.push_back({listener_->fd(), POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), -1);
    return (fds.front().revents & POLLIN) == 0;
  }

  // All that were made before the message that is handled next.
  void serve_kicks() {
    if (world_.change->drain()) {
      world_.disk.resize(world_.disk.size() + 4096);
      if (session_) session_->announce();
    }
    if (!session_) return;
    for (const auto& ring : session_->rings())
      if (ring->kick && ring->kick->wait(std::chrono::milliseconds(0))) ring->kicked();
    if (world_.close || world_.dead) end_session();
  }

  void serve_session() {
    if (!os::wait_readable(session_->fd(), std::chrono::milliseconds(0))) return;
    // A kick that came since is older than the message, too.
    serve_kicks();
    if (session_ && !session_->receive()) end_session();
  }

  void end_session() {
    if (!session_) return;
    if (session_->in_a_message() && world_.lies(Lie::is_stuck_at_half_a_message)) {
      stuck_ = true;
      world_.withhold();
    }
    dead_ = world_.dead;
    session_.reset();
    if (!world_.lies(Lie::makes_its_socket_anew)) return;
    const auto path = listener_->path();
    listener_.reset();
    listener_.emplace(os::Listener::create(path).value());
  }

  void accept() {
    auto connection = listener_->accept();
    if (!connection || !*connection) return;
    session_.emplace(std::move((*connection)->socket), world_);
    if (world_.lies(Lie::is_busy_with_the_last) && ++busy_ > 3) session_->be_busy();
  }

  os::EventFd stop_;
  std::optional<os::Listener> listener_;
  LiarWorld world_;
  std::optional<LiarSession> session_;
  std::atomic<bool> stuck_ = false;
  unsigned busy_ = 0;
  std::atomic<bool> dead_ = false;
  std::thread thread_;  // the last: it uses the others
};

Liar::Liar(std::string socket, const Nature& nature)
    : socket_(std::move(socket)),
      nature_(nature),
      withheld_(os::EventFd::create().value()),
      change_(os::EventFd::create().value()),
      lying_(false),
      disk_(disk_bytes) {}

Liar::~Liar() = default;

void Liar::next_statement(unsigned number) {
  const bool confined = std::ranges::find(confined_lies, nature_.lie) != confined_lies.end();
  lying_ = !confined || number == static_cast<unsigned>(nature_.lie);
  static_cast<void>(withheld_.drain());
  if (process_ && process_->stuck()) withheld_.ring();
}

Result<void> Liar::start() {
  kill();
  if (killed_ && lying_ && nature_.lie == Lie::cannot_start_again)
    return fault(std::errc::address_in_use, "it does not start again");
  auto listener = os::Listener::create(socket_);
  if (!listener) return listener.error();
  const auto lies = [this](Lie lie) { return lie == nature_.lie && lying_; };
  LiarWorld world{nature_, disk_, lies, [this] { withheld_.ring(); }};
  world.change = &change_;
  world.restarted = killed_;
  process_ = std::make_unique<LiarProcess>(std::move(*listener), std::move(world));
  return {};
}

void Liar::kill() {
  killed_ = killed_ || process_;
  process_.reset();
}

Result<std::string> Liar::terminate(std::chrono::milliseconds limit) {
  if (nature_.lie == Lie::ignores_sigterm)
    return fault(std::errc::timed_out, "it still runs {} ms after SIGTERM", limit.count());
  kill();
  return "with status 0";
}

Result<void> Liar::change_config() {
  change_.ring();
  return {};
}

std::optional<std::string> Liar::ended() {
  if (!process_ || !process_->dead()) return std::nullopt;
  return "by signal 11";
}

}  // namespace bellwire::host::conform
