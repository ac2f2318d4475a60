// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/control.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "host/trace/record/control_peer.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {

struct Control::State {
  State(RecordingThread& recording, TraceFacts known)
      : thread(recording), facts(std::move(known)) {}

  void take(os::UniqueFd socket) {
    std::erase_if(peers, [](const auto& peer) { return peer.expired(); });
    if (peers.size() == Control::most_peers)
      return log::warning("a control peer was turned away: {} are there already",
                          Control::most_peers);
    peers.push_back(ControlPeer::start(thread, facts, std::move(socket)));
  }

  void close() {
    acceptor.reset();
    for (const auto& weak : peers)
      if (const auto peer = weak.lock()) peer->close();
  }

  RecordingThread& thread;
  const TraceFacts facts;
  std::optional<Acceptor> acceptor;
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
  auto state = std::make_shared<State>(thread, facts);
  Result<void> accepting;
  thread.run([&] {
    auto acceptor = Acceptor::create(thread.context(), std::move(*listener),
                                     [weak = std::weak_ptr(state)](auto came) {
                                       if (const auto control = weak.lock())
                                         control->take(std::move(came.socket));
                                     });
    if (acceptor)
      state->acceptor = std::move(*acceptor);
    else
      accepting = acceptor.error();
  });
  if (!accepting) return accepting.error();
  return Control(std::move(state));
}

}  // namespace bellwire::host
