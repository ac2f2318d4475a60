// SPDX-License-Identifier: BSD-3-Clause
#include "host/conform/trial.hpp"

#include <linux/virtio_config.h>

#include <filesystem>
#include <thread>

namespace bellwire::host::conform {
namespace {

// Guest and user addresses differ, so that taking one for the other is noticed; where a front-end
// has one address for both, it is beyond 2^46, as a process's mappings are.
constexpr std::uint64_t guest_base = 0x10'0000;
constexpr std::uint64_t user_base = 0x7f12'0000'0000;
constexpr std::uint64_t memory_size = 1 << 20;

constexpr std::chrono::milliseconds look_again{2};

std::vector<PieceShape> usual_memory(bool one_address) {
  return {{.guest_address = one_address ? user_base : guest_base,
           .size = memory_size,
           .user_address = user_base}};
}

}  // namespace

FrontEnd Trial::connect(Wishes wishes, std::vector<PieceShape> pieces,
                        const vhost_user::Dialect* dialect) {
  return connect_to(settings_.socket, wishes, std::move(pieces), dialect);
}

FrontEnd Trial::up_at_peer(const Wishes& wishes) {
  if (settings_.peer.empty()) throw Untried{"no other port of the switch is known: see --peer"};
  auto front = connect_to(settings_.peer, wishes, {}, nullptr);
  prepare(front.bring_up(), "bringing the other port up");
  return front;
}

FrontEnd Trial::connect_to(const std::string& socket, Wishes wishes, std::vector<PieceShape> pieces,
                           const vhost_user::Dialect* dialect) {
  if (dialect == nullptr) dialect = settings_.dialect;
  if (pieces.empty()) pieces = usual_memory(dialect->one_address);
  if (packed_) wishes.features |= vhost_user::bit(VIRTIO_F_RING_PACKED);
  wishes.queues = std::max(wishes.queues, least_rings());
  auto link =
      prepare(vhost_user::Link::connect(socket, settings_.patience, transcript_), "connecting");
  auto memory = prepare(vhost_user::GuestMemory::create(pieces), "memory");
  return prepare(FrontEnd::create(std::move(link), *dialect, wishes, std::move(memory)), "rings");
}

FrontEnd Trial::up(Wishes wishes, std::vector<PieceShape> pieces,
                   std::optional<vhost_user::Step> end) {
  auto front = connect(wishes, std::move(pieces));
  prepare(front.bring_up(end), "bringing the device up");
  begin();
  return front;
}

void Trial::settle(FrontEnd& front) const {
  expect(front.get(Request::get_features), "GET_FEATURES");
}

void Trial::pause(std::chrono::milliseconds time) const {
  if (settings_.patience.stop < 0) return std::this_thread::sleep_for(time);
  static_cast<void>(os::wait_readable(settings_.patience.stop, time));
}

bool Trial::eventually(const std::function<bool()>& so) const {
  const auto end = std::chrono::steady_clock::now() + settings_.patience.limit;
  const auto over = [this, end] {
    if (std::chrono::steady_clock::now() >= end) return true;
    if (settings_.patience.stop >= 0) return os::wait_readable(settings_.patience.stop, look_again);
    std::this_thread::sleep_for(look_again);
    return false;
  };
  while (!so())
    if (over()) return so();
  return true;
}

void Trial::expect_refused(FrontEnd& front, Request request, std::span<const std::byte> payload,
                           std::span<const int> fds) const {
  const auto reply = front.acknowledged(request, payload, fds);
  if (reply) return expect(*reply != 0, "the reply is 0, as if it had worked");
  expect(reply.error().code == std::errc::connection_reset ||
             reply.error().code == std::errc::broken_pipe,
         "neither a reply nor the end of the connection: {}", reply.error().message);
}

void Trial::change_config(FrontEnd& front) const {
  if (!settings_.change_config)
    throw Untried{"what changes the back-end's configuration is not known: see --resize"};
  const auto process = vhost_user::peer_process(front.link().fd());
  prepare(settings_.change_config(process.value_or(0)), "--resize");
}

void Trial::expect_alive(const char* after) {
  auto link = expect(vhost_user::Link::connect(settings_.socket, settings_.patience, transcript_),
                     "connecting again");
  expect(link.send(Request::get_features, {}), "GET_FEATURES");
  const auto reply = link.receive();
  expect(bool(reply), "{}, a new connection is not answered: {}", after,
         reply ? "" : reply.error().message);
}

void set_up(FrontEnd& front, unsigned ring, std::initializer_list<vhost_user::RingStep> steps) {
  for (const auto step : steps) Trial::prepare(front.run(step, ring), "setting the ring up");
}

vhost_user::Bytes config_request(std::uint32_t offset, std::uint32_t size) {
  vhost_user::Bytes bytes;
  vhost_user::append(bytes,
                     vhost_user::ConfigAccess{offset, size, vhost_user::ConfigAccess::writable});
  bytes.resize(bytes.size() + size);
  return bytes;
}

vhost_user::Bytes read_config(Trial& trial, FrontEnd& front, std::uint32_t offset,
                              std::uint32_t size) {
  const auto reply =
      trial.expect(front.ask(Request::get_config, config_request(offset, size)), "GET_CONFIG");
  return reply.payload;
}

std::optional<std::size_t> open_descriptors(pid_t process) {
  std::error_code error;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator at(text("/proc/{}/fd", process), error), end;
       !error && at != end; at.increment(error))
    ++count;
  if (error) return std::nullopt;
  return count;
}

}  // namespace bellwire::host::conform
