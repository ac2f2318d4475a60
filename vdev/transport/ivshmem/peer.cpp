// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/peer.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <random>
#include <string_view>

#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/loop/retry.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"

namespace bellwire::ivshmem {
namespace asio = boost::asio;

namespace {
constexpr std::string_view device_prefix = "bellwire-device/";
constexpr std::uint64_t spare_fds = 48;      // sockets, logs, Asio, a recording
constexpr std::uint64_t fds_per_vector = 7;  // here, in the runner, and in the attachment
constexpr int messages_per_turn = 64;
constexpr std::chrono::seconds queue_patience{30};  // while a server accepts many others first
constexpr std::chrono::milliseconds look_again{50};
constexpr std::chrono::milliseconds suspicious_silence{3000};

using Clock = std::chrono::steady_clock;

Error stopped(const PeerOptions& endpoint) {
  return fault(std::errc::operation_canceled, "stopped while it waited for '{}'", endpoint.path);
}
}  // namespace

std::string device_name(unsigned slot) {
  std::random_device random;
  return text("{}{}/{:08x}{:08x}", device_prefix, slot, random(), random());
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
struct Peer::Impl : std::enable_shared_from_this<Peer::Impl> {
  Impl(asio::io_context& io, PeerOptions wanted)
      : endpoint(std::move(wanted)),
        context(io),
        readable(io),
        lossy(io),
        retry(io, endpoint.path) {
    if (endpoint.vectors > 0) vectors = endpoint.vectors;
  }

  Result<void> handshake(const Patience& patience);
  [[nodiscard]] Error greeting_fault(const Error& error) const;
  [[nodiscard]] Error silence_fault(bool answers, std::chrono::milliseconds time) const;
  Result<bool> read_one();
  Result<void> use_memory();
  Result<void> check_format();
  [[nodiscard]] Error lost() const;
  void watch_memory();
  Result<void> bind_lines();
  void follow();
  void hear();
  Result<bool> read_some();

  [[nodiscard]] bool complete() {
    return !memory.bytes().empty() && peers.own_vectors().size() >= wanted_vectors();
  }
  [[nodiscard]] std::size_t wanted_vectors() const;

  PeerOptions endpoint;
  asio::io_context& context;
  os::UniqueFd socket;
  asio::posix::stream_descriptor readable;  // a duplicate of the socket, for waiting only
  asio::posix::stream_descriptor lossy;     // readable when the memory is lost
  Retry retry;
  MessageReader reader;
  PeerState peers;
  std::shared_ptr<os::MemoryLoss> loss;
  MemoryView memory;
  std::weak_ptr<Runs> runs;         // whoever runs the device
  std::optional<unsigned> vectors;  // how many vectors of our own complete the handshake, if known
  std::optional<Id> driver;
  std::vector<InterruptLine> lines;
  bool bound = true;  // each line is bound to what the driver has now
};

Result<void> Peer::Impl::handshake(const Patience& patience) {
  using std::chrono::milliseconds;
  const auto began = Clock::now();
  const auto first = std::max<milliseconds>(patience.first, endpoint.wait);
  const auto rest = std::max<milliseconds>(patience.rest, endpoint.wait);
  auto deadline = began + first;
  for (bool answers = false, warned = false; !complete();) {
    auto read = read_one();
    if (!read && !os::temporary(read.error().code)) return greeting_fault(read.error());
    const auto now = Clock::now();
    if (read && *read && !std::exchange(answers, true)) deadline = now + rest;
    if (!answers && now - began > suspicious_silence && !std::exchange(warned, true))
      log::warning("'{}' accepts, but does not answer; is it paused? waiting up to {} s",
                   endpoint.path, std::chrono::ceil<std::chrono::seconds>(first).count());
    if (now >= deadline) return silence_fault(answers, answers ? rest : first);
    if (read && *read) continue;
    auto time = std::chrono::ceil<milliseconds>(deadline - now);
    if (!warned) time = std::min(time, suspicious_silence / 2);
    // When a resource is short, the socket is readable already, so waiting for that would not help.
    const auto waited = read ? os::wait_for_peer(socket.get(), time, endpoint.stop)
                             : os::wait_for_peer(-1, look_again, endpoint.stop);
    if (waited == os::Waited::stopped) return stopped(endpoint);
  }
  const auto count = peers.own_vectors().size();
  if (auto enough = os::ensure_fds(spare_fds + fds_per_vector * count); !enough) return enough;
  lines = std::vector<InterruptLine>(count);
  return bind_lines();
}

Error Peer::Impl::greeting_fault(const Error& error) const {
  if (error.code != std::errc::connection_reset) return error;
  return fault(std::errc::connection_reset,
               "'{}' closed the connection: if it is a switchboard, slot {} has a device already "
               "or does not exist; stop that device or choose another slot",
               endpoint.path, endpoint.slot);
}

Error Peer::Impl::silence_fault(bool answers, std::chrono::milliseconds time) const {
  if (answers)
    return fault(std::errc::timed_out,
                 "'{}' is not a working ivshmem server: {} did not arrive within {} ms",
                 endpoint.path, peers.missing(), time.count());
  return fault(std::errc::timed_out,
               "'{}' accepts, but does not answer: {} did not arrive within {} ms; is it paused?",
               endpoint.path, peers.missing(), time.count());
}

// Each peer has as many: a guest's count says how many of ours are still to come.
std::size_t Peer::Impl::wanted_vectors() const {
  if (vectors) return *vectors;
  std::size_t most = 1;
  for (const auto& [id, events] : peers.peers()) most = std::max(most, events.size());
  return most;
}

// False: there is no complete message.
Result<bool> Peer::Impl::read_one() {
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
  if (change->kind == Kind::peer_vector || change->kind == Kind::peer_left) bound = false;
  return true;
}

Result<void> Peer::Impl::use_memory() {
  const auto size = os::file_size(peers.memory().get());
  if (!size)
    return Error{size.error().code,
                 text("'{}' shares no memory: {}", endpoint.path, size.error().message)};
  if (*size < sizeof(bellwire_header))
    return fault(std::errc::protocol_error, "'{}' shares {} bytes, which are too few for a header",
                 endpoint.path, *size);
  auto created = os::MemoryLoss::create();
  if (!created) return created.error();
  loss = std::move(*created);
  auto mapping = os::Mapping::of_peer(peers.memory().get(), *size, loss);
  if (!mapping) return mapping.error();
  memory = MemoryView(std::move(*mapping));
  return check_format();
}

// A slot whose format is broken is refused alone: other slots have memory of their own.
Result<void> Peer::Impl::check_format() {
  if (ring::blank(memory.bytes())) return {};
  const auto layout = ring::Layout::open(memory);
  if (layout) {
    if (!vectors) vectors = layout->queues();
    return {};
  }
  if (!endpoint.format)
    return fault(std::errc::protocol_error,
                 "'{}', slot {}: {}; start the device with ivshmem:PATH,format=1 to format this "
                 "slot anew (its requests are lost, its guest must load the driver again; other "
                 "slots continue)",
                 endpoint.path, endpoint.slot, layout.error().message);
  log::warning("'{}', slot {}: {}; it is formatted anew", endpoint.path, endpoint.slot,
               layout.error().message);
  ring::wipe(memory.bytes());
  return {};
}

Error Peer::Impl::lost() const {
  const auto size = os::file_size(peers.memory().get());
  return fault(std::errc::io_error,
               "'{}': the shared memory was taken away under the device: its file has {} of {} "
               "bytes left; start the device again when the server has all of it",
               endpoint.path, size ? *size : 0, memory.bytes().size());
}

// Stops the device: nothing that it did since the loss has reached the guest.
void Peer::Impl::watch_memory() {
  lossy.async_wait(asio::posix::descriptor_base::wait_read,
                   [self = shared_from_this()](const boost::system::error_code& error) {
                     const auto device = self->runs.lock();
                     if (error || !device) return;
                     device->detach();
                     if (device->end) device->end(self->lost());
                   });
}

// Lines without a vector of the driver's stay unbound: what is raised there is pending. After an
// error, the line that failed and all after it stay unbound until the next try.
Result<void> Peer::Impl::bind_lines() {
  const auto found = driver ? peers.peers().find(*driver) : peers.peers().end();
  const auto vectors_there = found == peers.peers().end() ? 0 : found->second.size();
  bound = false;
  for (std::size_t index = 0; index < lines.size(); ++index) {
    if (index >= vectors_there) {
      lines[index].unbind();
      continue;
    }
    auto event = found->second[index].duplicate();
    if (!event) {
      for (; index < lines.size(); ++index) lines[index].unbind();
      return event.error();
    }
    lines[index].bind(std::move(*event));
  }
  bound = true;
  return {};
}

void Peer::Impl::follow() {
  readable.async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error) self->hear();
                      });
}

void Peer::Impl::hear() {
  if (!readable.is_open()) return;
  const auto more = read_some();
  if (!more && os::temporary(more.error().code))
    return retry.after(more.error(), [self = shared_from_this()] { self->hear(); });
  if (!more) return log::warning("{}: {}; its wires are kept", endpoint.path, more.error().message);
  retry.worked();
  if (*more) return asio::post(context, [self = shared_from_this()] { self->hear(); });
  follow();
}

// True: there may be more to read.
Result<bool> Peer::Impl::read_some() {
  int count = 0;
  for (; count < messages_per_turn; ++count) {
    const auto read = read_one();
    if (!read) return read.error();
    if (!*read) break;
  }
  if (!bound)
    if (auto done = bind_lines(); !done) return done.error();
  return count == messages_per_turn;
}

Peer::Peer(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}

Peer::~Peer() {
  boost::system::error_code ignored;
  state_->readable.close(ignored);
  state_->lossy.close(ignored);
  state_->retry.stop();
}

namespace {

bool nobody_serves(const Error& error) {
  return error.code == std::errc::no_such_file_or_directory ||
         error.code == std::errc::connection_refused;
}

Error no_server(const PeerOptions& endpoint, const Error& error) {
  if (!nobody_serves(error)) return error;
  const auto waited = endpoint.wait.count() == 0
                          ? std::string()
                          : text(" (waited {} s for it)", endpoint.wait.count());
  return {error.code,
          text("is a switchboard running at '{}'? {}{}", endpoint.path, error.message, waited)};
}

// Waits for a place in a full queue, and logs that; waits for a server to appear only if the
// endpoint says so.
Result<os::UniqueFd> connect_patiently(const PeerOptions& endpoint) {
  const auto name = endpoint.guest ? std::string() : device_name(endpoint.slot);
  const auto deadline = Clock::now() + endpoint.wait;
  for (bool logged = false;;) {
    auto socket = os::connect_unix(endpoint.path, name);
    if (socket) return socket;
    if (socket.error().code == std::errc::resource_unavailable_try_again) {
      const auto patience = std::max(queue_patience, endpoint.wait);
      log::warning("'{}' is busy: waiting up to {} s for a place in its queue of connections",
                   endpoint.path, patience.count());
      return os::connect_unix(endpoint.path, name, patience, endpoint.stop);
    }
    if (!nobody_serves(socket.error()) || Clock::now() >= deadline)
      return no_server(endpoint, socket.error());
    if (!std::exchange(logged, true))
      log::warning("nobody serves '{}' yet: waiting up to {} s", endpoint.path,
                   endpoint.wait.count());
    if (os::wait_for_peer(-1, look_again, endpoint.stop) == os::Waited::stopped)
      return stopped(endpoint);
  }
}

Result<void> prepare(const PeerOptions& endpoint) {
  if (auto prepared = os::prepare_signals(); !prepared) return prepared.error();
  return os::ensure_fds(spare_fds + fds_per_vector * std::max(endpoint.vectors, 1U));
}

}  // namespace

Result<std::unique_ptr<Peer>> Peer::connect(asio::io_context& context, const PeerOptions& endpoint,
                                            const Patience& patience) {
  if (auto ready = prepare(endpoint); !ready) return ready.error();
  auto socket = connect_patiently(endpoint);
  if (!socket) return socket.error();
  return over(context, std::move(*socket), endpoint, patience);
}

Result<std::unique_ptr<Peer>> Peer::over(asio::io_context& context, os::UniqueFd socket,
                                         const PeerOptions& endpoint, const Patience& patience) {
  if (auto ready = prepare(endpoint); !ready) return ready.error();
  auto state = std::make_shared<Impl>(context, endpoint);
  state->socket = std::move(socket);
  if (auto shaken = state->handshake(patience); !shaken) return shaken.error();
  if (auto watched = watch(state->readable, state->socket.get()); !watched) return watched.error();
  if (auto watched = watch(state->lossy, state->loss->fd()); !watched) return watched.error();
  state->follow();
  state->watch_memory();
  return std::unique_ptr<Peer>(new Peer(std::move(state)));
}

Result<Registration> Peer::serve(RegisterBlock* registers, Runs runs) {
  auto attachment = attach(registers);
  if (!attachment) return attachment.error();
  auto held = std::make_shared<Runs>(std::move(runs));
  if (auto attached = held->attach(std::move(*attachment)); !attached) return attached.error();
  state_->runs = held;
  return Registration(std::move(held));
}

Result<Attachment> Peer::attach(RegisterBlock*) {
  if (state_->loss->happened()) return state_->lost();
  auto doorbells = os::duplicate(state_->peers.own_vectors());
  if (!doorbells) return doorbells.error();
  Attachment attachment{
      .doorbells = std::move(*doorbells), .interrupts = {}, .memory = state_->memory};
  for (const auto& line : state_->lines) attachment.interrupts.push_back(line.interrupt());
  if (state_->endpoint.guest) return attachment;
  auto& header = *reinterpret_cast<bellwire_header*>(attachment.memory.bytes().data());
  ring::store(header.device.peer, *state_->peers.own_id(), ring::release);
  if (state_->loss->happened()) return state_->lost();
  return attachment;
}

}  // namespace bellwire::ivshmem
