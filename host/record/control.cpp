// SPDX-License-Identifier: BSD-3-Clause
#include "host/record/control.hpp"

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <vector>

#include "host/record/control_peer.hpp"
#include "vdev/asio/watch.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {
namespace {

namespace asio = boost::asio;

constexpr std::size_t most_peers = 8;

}  // namespace

struct Control::State : std::enable_shared_from_this<Control::State> {
  State(RecordingThread& recording, TraceFacts known, os::Listener served)
      : thread(recording),
        facts(std::move(known)),
        listener(std::move(served)),
        readable(recording.context()) {}

  void accept_on() {
    readable.async_wait(asio::posix::descriptor_base::wait_read,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error && self->readable.is_open()) self->accept_all();
                        });
  }

  void accept_all() {
    for (;;) {
      auto connection = listener.accept();
      if (!connection)
        return log::warning("no more control: {}; restart the device", connection.error().message);
      if (!*connection) return accept_on();
      std::erase_if(peers, [](const auto& peer) { return peer.expired(); });
      if (peers.size() == most_peers) continue;  // which hangs up on the newest
      peers.push_back(ControlPeer::start(thread, facts, std::move((*connection)->socket)));
    }
  }

  void close() {
    boost::system::error_code ignored;
    readable.close(ignored);
    for (const auto& weak : peers)
      if (const auto peer = weak.lock()) peer->close();
  }

  RecordingThread& thread;
  const TraceFacts facts;
  os::Listener listener;
  asio::posix::stream_descriptor readable;  // a duplicate of the listener, for waiting only
  std::vector<std::weak_ptr<ControlPeer>> peers;
};

Control::Control(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Control::Control(Control&&) noexcept = default;
Control::~Control() {
  if (state_) state_->thread.run([this] { state_->close(); });
}

Result<Control> Control::create(RecordingThread& thread, const TraceFacts& facts,
                                const std::string& path) {
  auto listener = os::Listener::create(path);
  if (!listener) return listener.error();
  auto state = std::make_shared<State>(thread, facts, std::move(*listener));
  Result<void> watched;
  thread.run([&] {
    watched = watch(state->readable, state->listener.fd());
    if (watched) state->accept_on();
  });
  if (!watched) return watched.error();
  return Control(std::move(state));
}

}  // namespace bellwire::host
