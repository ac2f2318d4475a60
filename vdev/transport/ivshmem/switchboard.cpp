// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/switchboard.hpp"

#include <bit>
#include <chrono>
#include <optional>
#include <vector>

#include "guest-kmod/uapi/bellwire.h"
#include "vdev/log/log.hpp"
#include "vdev/loop/acceptor.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/watchdog.hpp"
#include "vdev/transport/ivshmem/connection.hpp"
#include "vdev/transport/ivshmem/peer.hpp"

namespace bellwire::ivshmem {
namespace asio = boost::asio;

namespace {

constexpr unsigned most_slots = 1024;
constexpr std::uint64_t least_memory = std::uint64_t{64} << 10;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 30;
constexpr std::uint64_t fds_beside_slots = 64;  // sockets of peers that come or leave, logs, Asio

Result<void> check(const SwitchboardOptions& options) {
  const auto refuse = [](const char* what, auto value, const char* remedy) {
    return fault(std::errc::invalid_argument, "{} {}: {}", what, value, remedy);
  };
  if (options.slots < 1 || options.slots > most_slots)
    return refuse("slots", options.slots, "choose 1 to 1024");
  if (options.vectors < 1 || options.vectors > BELLWIRE_MAX_QUEUES)
    return refuse("vectors", options.vectors, "choose 1 to 32");
  if (!std::has_single_bit(options.memory))
    return refuse("memory", options.memory, "choose a power of two, as PCI wants it");
  if (options.memory < least_memory || options.memory > most_memory)
    return refuse("memory", options.memory, "choose 64K to 1G");
  if (options.memory * options.slots > os::available_memory())
    return refuse("memory of all slots", options.memory * options.slots,
                  "this machine has not that much free; choose fewer slots or less memory");
  const auto fds = std::uint64_t{options.slots} * (2 * options.vectors + 5) + fds_beside_slots;
  return os::ensure_fds(fds);
}

}  // namespace

// The wires, and the connections that hold their ends now.
struct Switchboard::Impl : std::enable_shared_from_this<Switchboard::Impl> {
  using Seat = std::weak_ptr<Connection>;
  struct SeatedSlot {
    Slot slot;
    Seat guest;
    Seat device;
  };

  Impl(asio::io_context& io, std::chrono::milliseconds patience)
      : context(io), reading_time(patience) {}

  void seat(os::Listener::Connection connection);
  void greet(os::UniqueFd socket, std::size_t index, Role role);
  [[nodiscard]] std::optional<std::size_t> free_guest_slot();
  void close();

  asio::io_context& context;
  std::optional<Acceptor> acceptor;
  std::vector<SeatedSlot> places;
  std::chrono::milliseconds reading_time;
};

namespace {

// The wires outlive the peer, so its death is written into the shared memory on its behalf.
void say_that_it_died(const Slot& slot, Role role) {
  const auto size = os::file_size(slot.memory.get());
  auto mapping = size ? os::Mapping::create(slot.memory.get(), *size) : size.error();
  if (!mapping)
    return log::warning("a peer died, and its memory cannot record that: {}",
                        mapping.error().message);
  const MemoryView memory(std::move(*mapping));
  if (role == Role::guest)
    ring::guest_died(memory);
  else
    ring::device_died(memory);
}

bool untaken(const std::weak_ptr<Connection>& seat) {
  const auto holder = seat.lock();
  return !holder || holder->gone();
}

// Whether the seat is free now: a holder that never read what it was sent loses it.
bool vacated(const std::weak_ptr<Connection>& seat, std::chrono::milliseconds reading_time) {
  const auto holder = seat.lock();
  if (holder && holder->silent_for(reading_time))
    holder->drop("it does not read what it is sent, and another peer needs its place");
  return untaken(seat);
}

}  // namespace

void Switchboard::Impl::seat(os::Listener::Connection connection) {
  const auto wanted = slot_of_device(connection.peer_name);
  if (!wanted) {
    const auto index = free_guest_slot();
    if (index) return greet(std::move(connection.socket), *index, Role::guest);
    return log::warning("a guest was turned away: all {} slots have one", places.size());
  }
  if (*wanted < places.size() && vacated(places[*wanted].device, reading_time))
    return greet(std::move(connection.socket), *wanted, Role::device);
  log::warning("a device was turned away: slot {} {}", *wanted,
               *wanted < places.size() ? "has one" : "does not exist");
}

std::optional<std::size_t> Switchboard::Impl::free_guest_slot() {
  for (std::size_t index = 0; index < places.size(); ++index)
    if (untaken(places[index].guest)) return index;
  for (std::size_t index = 0; index < places.size(); ++index)
    if (vacated(places[index].guest, reading_time)) return index;
  return std::nullopt;
}

void Switchboard::Impl::greet(os::UniqueFd socket, std::size_t index, Role role) {
  auto& [slot, guest, device] = places[index];
  const bool is_guest = role == Role::guest;
  if (const auto last = (is_guest ? guest : device).lock()) last->drop_if_left();
  auto connection = std::make_shared<Connection>(
      context, std::move(socket), text("{} of slot {}", is_guest ? "guest" : "device", index),
      is_guest ? slot.greeting(slot.guest, slot.device) : slot.greeting(slot.device, slot.guest),
      [state = weak_from_this(), index, role] {
        if (const auto self = state.lock()) say_that_it_died(self->places[index].slot, role);
      });
  connection->start();
  (is_guest ? guest : device) = connection;
}

void Switchboard::Impl::close() {
  acceptor.reset();
  for (auto& place : places)
    for (const auto& seat : {place.guest, place.device})
      if (const auto connection = seat.lock()) connection->stop();
}

Switchboard::Switchboard(std::shared_ptr<Impl> state) noexcept : state_(std::move(state)) {}
Switchboard::Switchboard(Switchboard&&) noexcept = default;
Switchboard::~Switchboard() {
  if (state_) state_->close();
}

Result<Switchboard> Switchboard::create(asio::io_context& context,
                                        const SwitchboardOptions& options) {
  if (auto checked = check(options); !checked) return checked.error();
  std::vector<Impl::SeatedSlot> places;
  for (unsigned index = 0; index < options.slots; ++index) {
    auto slot = Slot::create(index, options);
    if (!slot) return slot.error();
    places.push_back({std::move(*slot), {}, {}});
  }
  auto listener = os::Listener::create(options.path);
  if (!listener) return listener.error();
  auto state = std::make_shared<Impl>(context, options.reading_time);
  state->places = std::move(places);
  auto acceptor =
      Acceptor::create(context, std::move(*listener), [weak = std::weak_ptr(state)](auto came) {
        if (const auto board = weak.lock()) board->seat(std::move(came));
      });
  if (!acceptor) return acceptor.error();
  state->acceptor = std::move(*acceptor);
  return Switchboard(std::move(state));
}

}  // namespace bellwire::ivshmem
