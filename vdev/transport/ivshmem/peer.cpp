// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/peer.hpp"

#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <charconv>
#include <string_view>

#include "vdev/asio/watch.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/limits.hpp"
#include "vdev/os/poll.hpp"
#include "vdev/os/shared_event.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/transport/ivshmem/peer_state.hpp"

namespace bellwire::ivshmem {
namespace asio = boost::asio;

namespace {
constexpr std::string_view device_prefix = "bellwire-device/";
constexpr std::uint64_t usual_fds = 512;  // seven for each of 32 vectors, and some
constexpr int messages_a_turn = 64;
}  // namespace

std::string device_name(unsigned slot) {
  static std::atomic<unsigned> serial{0};
  return text("{}{}/{}.{}", device_prefix, slot, ::getpid(), serial++);
}

std::optional<unsigned> slot_of_device(const std::string& name) noexcept {
  if (!name.starts_with(device_prefix)) return std::nullopt;
  unsigned slot = 0;
  const char* first = name.data() + device_prefix.size();
  const auto [end, error] = std::from_chars(first, name.data() + name.size(), slot);
  if (error != std::errc() || end == name.data() + name.size() || *end != '/') return std::nullopt;
  return slot;
}

// Shared with the handlers that follow the socket.
struct Peer::State : std::enable_shared_from_this<Peer::State> {
  State(asio::io_context& context, Endpoint wanted)
      : endpoint(std::move(wanted)), readable(context) {}

  Result<void> handshake(std::chrono::milliseconds patience);
  Result<bool> read_one();
  Result<void> use_memory();
  void bind_lines();
  void follow();

  [[nodiscard]] bool complete() {
    return !memory.bytes().empty() && peers.own_vectors().size() >= vectors;
  }

  Endpoint endpoint;
  os::UniqueFd socket;
  asio::posix::stream_descriptor readable;  // a duplicate of the socket, for waiting only
  Reader reader;
  PeerState peers;
  MemoryView memory;
  unsigned vectors = 0;  // how many of our own complete the handshake
  std::optional<Id> driver;
  std::vector<InterruptLine> lines;
};

Result<void> Peer::State::handshake(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!complete()) {
    auto read = read_one();
    if (!read && read.error().code == std::errc::connection_reset)
      return fault(std::errc::connection_reset,
                   "'{}' closed the connection: if it is a switchboard, slot {} has a device "
                   "already or does not exist; stop that device or choose another slot",
                   endpoint.path, endpoint.slot);
    if (!read) return read.error();
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || (!*read && !os::wait_readable(socket.get(), left)))
      return fault(std::errc::timed_out,
                   "'{}' is no ivshmem server that works: {} did not come within {} ms",
                   endpoint.path, peers.missing(), patience.count());
  }
  lines = std::vector<InterruptLine>(peers.own_vectors().size());
  bind_lines();
  return {};
}

// False when no whole message waits.
Result<bool> Peer::State::read_one() {
  auto message = reader.next(socket.get());
  if (!message) return message.error();
  if (!*message) return false;
  auto change = peers.take(std::move(**message));
  if (!change)
    return fault(std::errc::protocol_error, "'{}': {}", endpoint.path, change.error().message);
  using Kind = PeerState::Change::Kind;
  if (change->kind == Kind::memory)
    if (auto used = use_memory(); !used) return used.error();
  if (change->kind == Kind::peer_vector) driver = change->id;
  if (change->kind == Kind::peer_left && driver == change->id)
    driver = peers.peers().empty() ? std::nullopt : std::optional(peers.peers().rbegin()->first);
  if (change->kind == Kind::peer_vector || change->kind == Kind::peer_left) bind_lines();
  return true;
}

Result<void> Peer::State::use_memory() {
  const auto size = os::file_size(peers.memory().get());
  if (!size) return size.error();
  if (*size < sizeof(bellwire_header))
    return fault(std::errc::protocol_error, "'{}' shares {} bytes, which hold no header",
                 endpoint.path, *size);
  auto mapping = os::Mapping::create(peers.memory().get(), *size);
  if (!mapping) return mapping.error();
  memory = MemoryView(std::move(*mapping));
  vectors = std::max(endpoint.vectors, 1U);
  if (ring::blank(memory.bytes())) return {};
  auto layout = ring::Layout::open(memory);
  if (!layout) return layout.error();
  if (endpoint.vectors == 0) vectors = layout->queues();
  return {};
}

// Lines without a vector of the driver's stay unbound: what is raised there is pending.
void Peer::State::bind_lines() {
  for (std::size_t index = 0; index < lines.size(); ++index) {
    const auto found = driver ? peers.peers().find(*driver) : peers.peers().end();
    if (found == peers.peers().end() || index >= found->second.size()) {
      lines[index].unbind();
      continue;
    }
    if (auto event = found->second[index].duplicate()) {
      lines[index].bind(std::move(*event));
    } else {
      lines[index].unbind();
      log::warning("{}: interrupt {}: {}", endpoint.path, index, event.error().message);
    }
  }
}

void Peer::State::follow() {
  readable.async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error) return;
                        for (int count = 0; count < messages_a_turn; ++count) {
                          const auto read = self->read_one();
                          if (!read) {
                            log::warning("{}: {}; the wires stay", self->endpoint.path,
                                         read.error().message);
                            return;
                          }
                          if (!*read) break;
                        }
                        self->follow();
                      });
}

Peer::Peer(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

Peer::~Peer() {
  boost::system::error_code ignored;
  state_->readable.close(ignored);
}

Result<std::unique_ptr<Peer>> Peer::connect(asio::io_context& context, const Endpoint& endpoint,
                                            std::chrono::milliseconds patience) {
  if (auto enough = os::ensure_fds(usual_fds); !enough) return enough.error();
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  auto state = std::make_shared<State>(context, endpoint);
  const auto name = endpoint.guest ? std::string() : device_name(endpoint.slot);
  auto socket = os::connect_unix(endpoint.path, name);
  if (!socket) return socket.error();
  state->socket = std::move(*socket);
  if (auto shaken = state->handshake(patience); !shaken) return shaken.error();
  if (auto watched = watch(state->readable, state->socket.get()); !watched) return watched.error();
  state->follow();
  return std::unique_ptr<Peer>(new Peer(std::move(state)));
}

Result<Attachment> Peer::attach(RegisterBlock*) {
  auto doorbells = os::duplicate(state_->peers.own_vectors());
  if (!doorbells) return doorbells.error();
  Attachment attachment{
      .doorbells = std::move(*doorbells), .interrupts = {}, .memory = state_->memory};
  for (const auto& line : state_->lines) attachment.interrupts.push_back(line.interrupt());
  if (state_->endpoint.guest) return attachment;
  auto& header = *reinterpret_cast<bellwire_header*>(attachment.memory.bytes().data());
  ring::store(header.device.peer, *state_->peers.own_id(), ring::release);
  return attachment;
}

}  // namespace bellwire::ivshmem
