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

/// A socket and the connection on it.
class LiarPort {
 public:
  LiarPort(os::Listener listener, LiarWorld world)
      : listener_(std::move(listener)), world_(told_where_it_lies(std::move(world))) {}
  LiarPort(const LiarPort&) = delete;

  [[nodiscard]] bool dead() const noexcept { return world_.dead; }
  [[nodiscard]] bool stuck() const noexcept { return stuck_; }
  [[nodiscard]] LiarWorld& world() noexcept { return world_; }

  void poll_for(std::vector<pollfd>& fds) const {
    if (!session_) {
      if (!stuck_) fds.push_back({listener_->fd(), POLLIN, 0});
      return;
    }
    fds.push_back({session_->fd(), POLLIN, 0});
    for (const auto& ring : session_->rings())
      if (ring->kick) fds.push_back({ring->kick->fd(), POLLIN, 0});
  }

  void serve() {
    serve_kicks();
    if (session_)
      serve_session();
    else if (!stuck_)
      accept();
  }

  void announce() {
    if (session_) session_->announce();
  }
  void close() {
    session_.reset();
    listener_.reset();
  }
  /// A frame that another port has sent. False: there is no buffer for it.
  bool receive(const vhost_user::Bytes& frame) {
    return !session_ || session_->rings().front()->receive(frame);
  }

 private:
  [[nodiscard]] LiarWorld told_where_it_lies(LiarWorld world) const {
    if (!world.nature.packed_only) return world;
    world.lies = [this, all = std::move(world.lies)](Lie lie) {
      return (world_.features & vhost_user::bit(VIRTIO_F_RING_PACKED)) != 0 && all(lie);
    };
    return world;
  }

  // All that were made before the message that is handled next.
  void serve_kicks() {
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
    if (world_.lies(Lie::is_busy_with_the_last) && ++accepted_ > 3) session_->be_busy();
    if (world_.second_port && world_.lies(Lie::forgets_a_port_that_left) && ++accepted_ > 1)
      session_->be_busy();
  }

  std::optional<os::Listener> listener_;
  LiarWorld world_;
  std::optional<LiarSession> session_;
  std::atomic<bool> stuck_ = false;
  unsigned accepted_ = 0;  // while it lies
};

/// The process that the liar pretends to be: a thread with a port, or two of a switch.
class LiarProcess {
 public:
  LiarProcess(std::vector<os::Listener> listeners, const std::function<LiarWorld()>& make_world)
      : stop_(os::EventFd::create().value()) {
    for (auto& listener : listeners) {
      auto own = make_world();
      own.second_port = !ports_.empty();
      ports_.push_back(std::make_unique<LiarPort>(std::move(listener), std::move(own)));
    }
    if (ports_.size() == 2) connect_ports();
    thread_ = std::thread([this] { run(); });
  }
  LiarProcess(const LiarProcess&) = delete;
  ~LiarProcess() {
    stop_.ring();
    thread_.join();
  }

  [[nodiscard]] bool dead() const noexcept { return dead_; }
  [[nodiscard]] bool stuck() const noexcept {
    return std::ranges::any_of(ports_, [](const auto& port) { return port->stuck(); });
  }

 private:
  void connect_ports() {
    for (const std::size_t port : {0U, 1U})
      ports_[port]->world().deliver = [other = ports_[1 - port].get()](const auto& frame) {
        return other->receive(frame);
      };
    for (const auto& port : ports_)
      port->world().back = [own = port.get()](const auto& frame) {
        static_cast<void>(own->receive(frame));
      };
  }

  void run() {
    while (!dead_ && wait()) {
      if (world().change->drain()) grow();
      for (const auto& port : ports_) {
        port->serve();
        dead_ = dead_ || port->dead();
      }
    }
    for (const auto& port : ports_) port->close();  // stuck() may be asked meanwhile
  }

  [[nodiscard]] LiarWorld& world() { return ports_.front()->world(); }

  void grow() {
    world().disk.resize(world().disk.size() + disk_bytes / 16);
    for (const auto& port : ports_) port->announce();
  }

  // False: it is to stop.
  bool wait() {
    std::vector<pollfd> fds{{stop_.fd(), POLLIN, 0}, {world().change->fd(), POLLIN, 0}};
    for (const auto& port : ports_) port->poll_for(fds);
    ::poll(fds.data(), fds.size(), -1);
    return (fds.front().revents & POLLIN) == 0;
  }

  os::EventFd stop_;
  std::vector<std::unique_ptr<LiarPort>> ports_;
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
  const auto make_world = [this, lies] {
    LiarWorld world{nature_, disk_, lies, [this] { withheld_.ring(); }};
    world.change = &change_;
    world.restarted = killed_;
    return world;
  };
  std::vector<os::Listener> listeners;
  listeners.push_back(std::move(*listener));
  if (nature_.kind == Kind::net) listeners.push_back(os::Listener::create(peer()).value());
  process_ = std::make_unique<LiarProcess>(std::move(listeners), make_world);
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
