// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer against the switchboard. The input is what hostile peers do: they join under any name,
// read as much as they like of what they are sent, send bytes and descriptors, write their slot's
// memory, close one direction or both. Whatever they do, a peer is only ever sent the wires of its
// own slot, in the order of rule 41, and no two that are connected have the same end. In the end an
// honest guest and an honest device join, and must be greeted; no descriptor may have been lost.
#include <fuzzer/FuzzedDataProvider.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <list>
#include <map>

#include "vdev/fuzz/check.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/transport/ivshmem/peer.hpp"
#include "vdev/transport/ivshmem/protocol.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::ivshmem::switchboard_fuzz {
namespace {

using fuzz::lowest_free_fd;
using fuzz::require;

constexpr unsigned slots = 2, vectors = 2;
constexpr unsigned whole_greeting = 3 + 2 * vectors;
constexpr std::uint64_t memory_size = 64 << 10;
constexpr std::size_t most_parties = 8;
constexpr unsigned most_turns = 1000;

// Whoever is connected, and what it was sent so far.
struct Party {
  os::UniqueFd socket;
  MessageReader reader;
  std::optional<Id> id;  // an even one is a guest's
  unsigned heard = 0;
  MemoryView memory;

  [[nodiscard]] unsigned slot() const { return *id / 2U; }
  [[nodiscard]] Id other() const { return static_cast<Id>(*id ^ 1U); }
};

class Attack {
 public:
  Attack(FuzzedDataProvider& input, const std::string& path)
      : input_(input),
        path_(path),
        board_(Switchboard::create(
                   context_, {.path = path,
                              .slots = slots,
                              .vectors = vectors,
                              .memory = memory_size,
                              .entries = 8,
                              .reading_time = std::chrono::seconds(input.ConsumeBool() ? 0 : 60)})
                   .value()) {}

  void run_all() {
    while (input_.remaining_bytes() > 0) (this->*input_.PickValueInArray(actions))();
    parties_.clear();
    poll();
    for (const auto& name : {std::string(), device_name(slots - 1)}) join(name);
    for (auto& party : parties_) {
      while (party.heard < whole_greeting) {
        poll();
        require(hear(party));
      }
    }
    require(parties_.size() == 2);
  }

 private:
  using Action = void (Attack::*)();

  void join(const std::string& name) {
    if (parties_.size() == most_parties) return;
    if (auto socket = os::connect_unix(path_, name))
      parties_.emplace_back().socket = std::move(*socket);
  }
  void join_as_guest() { join({}); }
  void join_as_device() { join(device_name(input_.ConsumeIntegralInRange<unsigned>(0, slots))); }
  // A name ends with what no other process has, since all share their names.
  void join_by_any_name() {
    const auto begin = input_.ConsumeBool() ? "bellwire-device/" : "";
    const auto name = begin + input_.ConsumeRandomLengthString(24);
    join(text("{}/{}/{}", name, ::getpid(), ++names_));
  }

  Party* any() {
    if (parties_.empty()) return nullptr;
    const auto chosen = input_.ConsumeIntegralInRange<std::size_t>(0, parties_.size() - 1);
    return &*std::next(parties_.begin(), static_cast<std::ptrdiff_t>(chosen));
  }
  void hear_once() {
    if (auto* const party = any()) (void)hear(*party);
  }
  void hear_all() {
    for (auto& party : parties_)
      while (hear(party)) {
      }
  }
  // False: nothing is there, or the party was dropped.
  bool hear(Party& party) {
    auto message = party.reader.next(party.socket.get());
    if (!message || !*message) return false;
    check(party, **message);
    ++party.heard;
    return true;
  }
  void check(Party& party, Message& message) {
    const auto& [value, fd] = message;
    require(party.heard < whole_greeting && fd.valid() == (party.heard >= 2));
    switch (party.heard) {
      case 0:
        return require(value == protocol_version);
      case 1:
        return check_id(party, value);
      case 2:
        require(value == memory_marker);
        return check_memory(party, fd);
      default:
        require(value == (party.heard < 3 + vectors ? party.other() : *party.id));
        require(os::EventFd::adopt(std::move(message.fd)).has_value());
    }
  }
  void check_id(Party& party, std::int64_t id) {
    require(id >= 0 && id < 2 * slots);
    const bool dropped = os::peer_left(party.socket.get());  // it reads what it was sent before
    for (const auto& holder : parties_)
      require(dropped || holder.id != id || os::peer_left(holder.socket.get()));
    party.id = static_cast<Id>(id);
  }
  void check_memory(Party& party, const os::UniqueFd& fd) {
    struct stat status {};
    require(::fstat(fd.get(), &status) == 0 && status.st_size == memory_size);
    require(::ftruncate(fd.get(), 0) != 0 && ::ftruncate(fd.get(), 2 * memory_size) != 0);
    const auto [known, fresh] = inodes_.emplace(party.slot(), status.st_ino);
    require(known->second == status.st_ino);
    for (const auto& [slot, inode] : inodes_)
      require(slot == party.slot() || inode != status.st_ino);
    party.memory = MemoryView(os::Mapping::create(fd.get(), memory_size).value());
  }

  void say() {
    auto* const party = any();
    if (party == nullptr) return;
    const auto bytes =
        input_.ConsumeBytes<std::byte>(input_.ConsumeIntegralInRange<std::size_t>(1, 16));
    const std::vector<int> fds(input_.ConsumeIntegralInRange<std::size_t>(0, 3),
                               party->socket.get());
    if (!bytes.empty()) (void)os::send_parcel(party->socket.get(), bytes, fds);
  }
  void write_memory() {
    auto* const party = any();
    if (party == nullptr || party->memory.bytes().empty()) return;
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, memory_size - 1);
    party->memory.bytes()[at] = std::byte{input_.ConsumeIntegral<std::uint8_t>()};
  }
  void write_header() {
    auto* const party = any();
    if (party == nullptr || party->memory.bytes().empty()) return;
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, 127);
    party->memory.bytes()[at] = std::byte{input_.ConsumeIntegral<std::uint8_t>()};
  }
  void close_half() {
    if (const auto* const party = any())
      (void)::shutdown(party->socket.get(), input_.ConsumeBool() ? SHUT_RD : SHUT_WR);
  }
  void leave() {
    const auto* const party = any();
    parties_.remove_if([party](const Party& each) { return &each == party; });
  }
  void poll() {
    context_.restart();
    for (unsigned turn = 0; turn < most_turns && context_.poll_one() > 0; ++turn) {
    }
  }

  static constexpr Action actions[] = {
      &Attack::join_as_guest, &Attack::join_as_device, &Attack::join_by_any_name,
      &Attack::poll,          &Attack::poll,           &Attack::poll,
      &Attack::hear_once,     &Attack::hear_all,       &Attack::hear_all,
      &Attack::say,           &Attack::write_memory,   &Attack::write_header,
      &Attack::close_half,    &Attack::leave};

  FuzzedDataProvider& input_;
  const std::string& path_;
  boost::asio::io_context context_{one_thread};
  Switchboard board_;
  std::list<Party> parties_;
  std::map<unsigned, ino_t> inodes_;  // of each slot's memory
  unsigned names_ = 0;
};

void attack(FuzzedDataProvider& input) {
  static const testing::TemporaryFolder folder;
  static const auto path = folder.file("s");
  Attack(input, path).run_all();
}

void start() {
  log::set_level(log::Level::off);
  FuzzedDataProvider nothing(nullptr, 0);
  attack(nothing);  // what the process makes once is there now
}

void try_one(FuzzedDataProvider& input) {
  const int before = lowest_free_fd();
  attack(input);
  require(lowest_free_fd() == before);
}

}  // namespace
}  // namespace bellwire::ivshmem::switchboard_fuzz

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  bellwire::ivshmem::switchboard_fuzz::start();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  bellwire::ivshmem::switchboard_fuzz::try_one(input);
  return 0;
}
