// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/simulate/board.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "vdev/os/unix_socket.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::simulate {
namespace {

using namespace std::chrono_literals;
using ivshmem::Role;

const std::string server_path = "/simulated/switchboard.sock";

const char* name(Role role) {
  return role == Role::guest ? "guest" : "device";
}

// Of one that may be turned away, and whose server may go at any time.
bool expected(const Error& error) {
  constexpr std::array codes{std::errc::connection_reset, std::errc::timed_out,
                             std::errc::no_such_file_or_directory, std::errc::connection_refused,
                             std::errc::operation_canceled};
  return std::ranges::any_of(codes, [&](std::errc code) { return error.code == code; });
}

}  // namespace

bool Seat::older_than(const Seat& seat) const noexcept {
  return slot == seat.slot && memory < seat.memory;
}

Board::Board(World& world, const Options& options, std::function<void()> restarted)
    : world_(world), options_(options), restarted_(std::move(restarted)) {}

void Board::start_processes() {
  switchboard_ = &world_.start("switchboard", [this] { run_switchboard(); });
  if (!options_.operator_on) return;
  operator_ = &world_.start("operator", [this] { run_operator(); });
  stranger_ = &world_.start("stranger", [this] { run_stranger(); });
}

void Board::end() {
  ending_ = true;
  for (auto* const process : {switchboard_, operator_, stranger_})
    if (process != nullptr) process->wake();
}

std::string Board::waiting() const {
  return text("the switchboard keeps {} descriptors of peers that have left",
              world_.files().open_of(*switchboard_) - without_peers_);
}

void Board::fail(const std::string& why) {
  if (!failure_.empty()) return;
  failure_ = why;
  world_.note("failed: " + why);
}

// The switchboard

void Board::run_switchboard() {
  auto& random = world_.random();
  while (!ended_) {
    run_switchboard_once();
    if (!switchboard_->killed()) return;
    switchboard_->restart();
    world_.note("was killed");
    switchboard_->pause(random.time(10us, 1s));
  }
}

// It ends when it has noticed that everybody has left; one that does not notice never ends.
void Board::run_switchboard_once() {
  Loop loop(*switchboard_);
  auto board = ivshmem::Switchboard::create(loop.context(), {.path = server_path,
                                                             .slots = options_.slots,
                                                             .vectors = options_.vectors,
                                                             .memory = options_.memory,
                                                             .entries = options_.entries});
  if (switchboard_->killed()) return;
  if (!board) return fail("the switchboard cannot start: " + board.error().message);
  without_peers_ = world_.files().open_of(*switchboard_);
  if (++counts_.starts > 1) restarted_();
  loop.run([&] {
    return ending_ && (stranger_ == nullptr || stranger_ended_) &&
           world_.files().open_of(*switchboard_) == without_peers_;
  });
  ended_ = !switchboard_->killed();
}

// The operator

void Board::run_operator() {
  auto& random = world_.random();
  for (;;) {
    operator_->wait_until(world_.now() + random.time(1ms, 10s));
    if (ending_) return;
    if (random.one_in(3)) {
      switchboard_->kill();
      switchboard_->wake();
    } else {
      ++counts_.freezes;
      switchboard_->freeze(random.time(100us, 3s));
    }
  }
}

// The stranger

void Board::run_stranger() {
  while (!ending_) {
    rest(3s);
    if (!ending_) visit();
  }
  stranger_ended_ = true;
  switchboard_->wake();
}

void Board::rest(Duration most) {
  if (!ending_) stranger_->wait_until(world_.now() + world_.random().time(1us, most));
}

void Board::visit() {
  auto& random = world_.random();
  ++counts_.strangers;
  const auto role = random.one_in(2) ? Role::guest : Role::device;
  const auto slot = static_cast<unsigned>(random.below(options_.slots + 1));  // one there is not
  if (random.one_in(4)) return join_as_stranger(role, slot);
  const auto socket = os::connect_unix(
      server_path, role == Role::device ? ivshmem::device_name(slot) : std::string());
  if (!socket) return;
  using Manner = void (Board::*)(const os::UniqueFd&);
  static constexpr Manner manners[] = {&Board::stay_silent, &Board::talk, &Board::read_slowly};
  (this->*random.one_of(manners))(*socket);
}

void Board::stay_silent(const os::UniqueFd&) {
  rest(world_.random().one_in(4) ? 20s : 100ms);
}

// Whoever sends is dropped: it sees the end of what it was sent before.
void Board::talk(const os::UniqueFd& socket) {
  read_slowly(socket);
  const std::array<std::byte, 3> words{};
  if (!os::send_parcel(socket.get(), words)) return;
  for (const auto until = world_.now() + 1min; world_.now() < until;) {
    std::array<std::byte, 8> bytes{};
    const auto got = os::receive_bytes(socket.get(), bytes);
    if (!got || (*got && **got == 0)) return;
    if (!*got) stranger_->wait_until(world_.now() + 10ms);
  }
  fail("a peer that sent a byte is still connected after a minute");
}

void Board::read_slowly(const os::UniqueFd& socket) {
  ivshmem::MessageReader reader;
  for (auto left = world_.random().below(2 * options_.vectors + 4); left > 0 && !ending_; --left) {
    rest(100ms);
    if (!reader.next(socket.get())) return;
  }
}

void Board::join_as_stranger(Role role, unsigned slot) {
  {
    Loop loop(*stranger_);
    const auto member = join(loop, role, slot);
    if (member) rest(1s);
  }
  check_left(*stranger_);
}

// Those who join

Result<Member> Board::join(Loop& loop, Role role, unsigned slot) {
  auto& process = loop.process();
  auto peer = ivshmem::Peer::connect(
      loop.context(), {.path = server_path, .slot = slot, .guest = role == Role::guest});
  if (process.killed()) return fault(std::errc::operation_canceled, "killed");
  if (!peer) {
    ++counts_.refused;
    if (!expected(peer.error())) fail(text("{}: {}", process.name(), peer.error().message));
    return peer.error();
  }
  auto attachment = (*peer)->attach();
  if (process.killed()) return fault(std::errc::operation_canceled, "killed");
  if (!attachment) {
    fail(text("{}: {}", process.name(), attachment.error().message));
    return attachment.error();
  }
  const int fd = world_.files().memory_of(process);
  auto mapping = os::Mapping::create(fd, attachment->memory.bytes().size());
  if (!mapping) return mapping.error();
  ++counts_.joined;
  auto taken = seat(process, role, *attachment);
  check_seat(*taken);
  check_memory(*taken, attachment->memory);
  seats_.push_back(taken);
  return Member{std::move(*peer), std::move(*attachment), MemoryView(std::move(*mapping)),
                std::move(taken)};
}

std::shared_ptr<const Seat> Board::seat(const Process& process, Role role,
                                        const Attachment& attachment) {
  const auto layout = ring::Layout::open(attachment.memory);
  const auto device = layout ? ring::load(layout->device_line().peer, ring::acquire) : 0;
  const auto& files = world_.files();
  const auto* const memory = files.find_as<MemoryFile>(files.memory_of(process));
  Seat seat{.process = &process,
            .role = role,
            .slot = device / 2,
            .memory = memory != nullptr ? memory->serial() : 0,
            .own = {},
            .other = {}};
  for (const auto& doorbell : attachment.doorbells)
    seat.own.push_back(world_.serial(doorbell.fd()));
  for (const auto& interrupt : attachment.interrupts)
    seat.other.push_back(world_.serial(interrupt.fd()));
  return std::make_shared<const Seat>(std::move(seat));
}

// Memory and vectors are of two: the guest and the device of a slot.
void Board::check_seat(const Seat& seat) {
  std::erase_if(seats_, [](const auto& each) { return each.expired(); });
  const auto who = text("{} of slot {}, {}", name(seat.role), seat.slot, seat.process->name());
  if (seat.own.size() != options_.vectors || seat.other.size() != options_.vectors)
    return fail(text("{}: it was handed {} vectors of its own and {} of the other side, not {}",
                     who, seat.own.size(), seat.other.size(), options_.vectors));
  for (const auto& each : seats_) {
    const auto there = each.lock();
    const bool together = there->memory == seat.memory;
    if (together && there->role == seat.role)
      return fail(text("{}: {} has that place already", who, there->process->name()));
    if (together && (there->own != seat.other || there->other != seat.own))
      return fail(text("{}: its vectors are not those of {}", who, there->process->name()));
    if (together) continue;
    for (const auto* const vectors : {&there->own, &there->other})
      for (const auto vector : *vectors)
        if (std::ranges::count(seat.own, vector) + std::ranges::count(seat.other, vector) > 0)
          return fail(text("{}: it was handed a vector of {}", who, there->process->name()));
  }
}

// Of whoever had the place before it says that it has gone.
void Board::check_memory(const Seat& seat, const MemoryView& memory) {
  const auto who = text("{} of slot {}, {}", name(seat.role), seat.slot, seat.process->name());
  const auto layout = ring::Layout::open(memory);
  if (!layout) return fail(text("{}: {}", who, layout.error().message));
  if (seat.role == Role::device) {
    if (ring::load(layout->device_line().state, ring::acquire) == BELLWIRE_DEVICE_RUNNING)
      fail(text("{}: the one before died, and its memory does not say so", who));
    return;
  }
  for (unsigned index = 0; index < layout->queues(); ++index)
    if (ring::load(layout->queue(index).control->driver.generation, ring::acquire) % 2 == 1)
      fail(text("{}: the one before left, and queue {} is still its", who, index));
}

void Board::check_left(const Process& process) {
  if (const auto left = world_.files().open_of(process); left > 0)
    fail(text("{} has gone, and has not closed {} descriptors", process.name(), left));
}

}  // namespace bellwire::simulate
