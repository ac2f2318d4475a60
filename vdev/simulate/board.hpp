// SPDX-License-Identifier: BSD-3-Clause
//
// Board: the product's switchboard and whoever has to do with it beside the pairs, as processes of
// a world:
//
//   switchboard  runs a Switchboard; when it was killed it starts again, with other wires
//   operator     kills and freezes it, now and then
//   stranger     connects as a guest or a device, reads slowly or not at all, says what it must not
//
// Devices and guests join by join(), over a socket of the world's. Each takes a seat, which names
// what it was handed: what the seats of all who are there say must agree.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vdev/simulate/loop.hpp"
#include "vdev/transport/ivshmem/connection.hpp"
#include "vdev/transport/ivshmem/peer.hpp"

namespace bellwire::simulate {

/// What one who has joined was handed, by serial numbers of the world's.
struct Seat {
  const Process* process;
  ivshmem::Role role;
  unsigned slot;
  std::uint64_t memory;
  std::vector<std::uint64_t> own, other;  ///< vectors

  /// Of one switchboard its memory is older than that of the next.
  [[nodiscard]] bool older_than(const Seat& seat) const noexcept;
};

struct Member {
  std::unique_ptr<ivshmem::Peer> peer;
  Attachment attachment;
  MemoryView memory;  ///< the same once more, which is not the process's
  std::shared_ptr<const Seat> seat;
};

struct BoardCounts {
  std::uint64_t starts = 0;     ///< of the switchboard
  std::uint64_t freezes = 0;    ///< of it
  std::uint64_t joined = 0;     ///< devices and guests
  std::uint64_t refused = 0;    ///< likewise, that tried again later
  std::uint64_t strangers = 0;  ///< connections
};

class Board {
 public:
  struct Options {
    unsigned slots = 1;
    unsigned vectors = 1;
    std::uint32_t entries = 0;  ///< of each ring
    std::uint64_t memory = 0;   ///< of each slot
    bool operator_on = true;    ///< whether anybody disturbs it
  };
  /// `restarted` is called when it serves again with other wires.
  Board(World& world, const Options& options, std::function<void()> restarted);

  void start_processes();
  /// On the loop's process. ECANCELED: it was killed; ECONNRESET, ETIMEDOUT, ENOENT, ECONNREFUSED:
  /// try later.
  [[nodiscard]] Result<Member> join(Loop& loop, ivshmem::Role role, unsigned slot);
  /// One that has its life behind it has let go of all descriptors.
  void check_left(const Process& process);

  /// Nobody will join any more: the switchboard ends when it knows that all have left.
  void end();
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] const BoardCounts& counts() const noexcept { return counts_; }
  /// What is wrong; empty: nothing so far.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// What it waits for, for one that never ends.
  [[nodiscard]] std::string waiting() const;

 private:
  void run_switchboard();
  void run_switchboard_once();
  void run_operator();
  void run_stranger();
  void visit();
  void stay_silent(const os::UniqueFd& socket);
  void talk(const os::UniqueFd& socket);
  void read_slowly(const os::UniqueFd& socket);
  void join_as_stranger(ivshmem::Role role, unsigned slot);
  void rest(Duration most);
  [[nodiscard]] std::shared_ptr<const Seat> seat(const Process& process, ivshmem::Role role,
                                                 const Attachment& attachment);
  void check_seat(const Seat& seat);
  void check_memory(const Seat& seat, const MemoryView& memory);
  void fail(const std::string& why);

  World& world_;
  const Options options_;
  std::function<void()> restarted_;
  Process* switchboard_ = nullptr;
  Process* operator_ = nullptr;
  Process* stranger_ = nullptr;
  unsigned without_peers_ = 0;  // descriptors that it has then
  bool ending_ = false, ended_ = false, stranger_ended_ = false;
  std::vector<std::weak_ptr<const Seat>> seats_;
  BoardCounts counts_;
  std::string failure_;
};

}  // namespace bellwire::simulate
