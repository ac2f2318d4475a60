// SPDX-License-Identifier: BSD-3-Clause
//
// The liar's memory, rings and device. One thread, the liar's.
#pragma once

#include <linux/virtio_config.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "host/conform/testing/liar.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/transport/vhost_user/protocol/inflight.hpp"

namespace bellwire::host::conform {

/// A front-end's regions.
struct LiarMemory {
  struct Piece {
    vhost_user::MemoryRegion region;
    os::Mapping mapping;
  };
  std::vector<Piece> pieces;
  std::shared_ptr<os::MemoryLoss> loss = os::MemoryLoss::create().value();

  /// Null: not within one region.
  [[nodiscard]] std::byte* guest(std::uint64_t address, std::uint64_t size) const;
  [[nodiscard]] std::byte* user(std::uint64_t address, std::uint64_t size) const;
  /// The guest address of a byte of a region.
  [[nodiscard]] std::uint64_t address_of(const std::byte* byte) const;
};

/// A front-end's log of the pages that were written.
struct LiarLog {
  std::optional<os::Mapping> bits;

  void mark(std::uint64_t guest_address);
};

/// What the liar is made of, as its parts see it.
struct LiarWorld {
  Nature nature;
  DiskImage& disk;
  std::function<bool(Lie)> lies;   ///< whether it is told now
  std::function<void()> withhold;  ///< something is owed, and will not come
  /// To the other port. False: that has no buffer for it.
  std::function<bool(const vhost_user::Bytes& frame)> deliver = {};
  std::function<void(const vhost_user::Bytes& frame)> back = {};  ///< to the port itself
  bool held = false;                                              ///< what was sent is not returned
  bool second_port = false;
  LiarMemory memory = {};
  LiarLog log = {};
  std::uint64_t features = 0;
  unsigned leaks = 0;
  const os::EventFd* change = nullptr;  ///< readable: the disk is to become longer
  bool restarted = false;               ///< an earlier process was killed
  bool dead = false;                    ///< the process has ended by itself
  bool close = false;                   ///< the connection is to be closed
};

/// A request, as far as it could be read.
struct LiarChain {
  struct Piece {
    std::byte* data;
    std::uint32_t size;
    bool writable;
  };
  std::vector<Piece> pieces;
  bool bad = false;
  Lie lie = Lie::none;  ///< that keeps it if it is bad
};

/// What the request asks of the device; returns the bytes written.
[[nodiscard]] std::uint32_t run_request(LiarWorld& world, const LiarChain& chain);

class LiarRing {
 public:
  explicit LiarRing(LiarWorld& world) : world_(world) {}

  vhost_vring_addr address{};
  std::uint32_t size = 0;
  std::uint16_t next = 0, used = 0;
  std::optional<os::EventFd> kick, call;
  bool enabled = false;
  bool deaf = false;             ///< it is never served
  bool receives = false;         ///< frames from other ports
  std::byte* tracked = nullptr;  ///< its part of the inflight region

  [[nodiscard]] bool packed() const;
  void set_base(std::uint32_t base);  ///< SET_VRING_BASE
  [[nodiscard]] bool started() const noexcept { return kick.has_value(); }
  void start(os::EventFd event);  ///< SET_VRING_KICK
  void kicked();                  ///< its kick is readable
  /// False: there is no buffer for it.
  bool receive(const vhost_user::Bytes& frame);
  void serve();          ///< what is available, if it may
  void enable(bool on);  ///< SET_VRING_ENABLE
  void call_by(std::optional<os::EventFd> event);
  void place(const vhost_vring_addr& at);  ///< SET_VRING_ADDR
  /// GET_VRING_BASE: its answer. What is completed afterwards is a lie.
  [[nodiscard]] std::uint32_t stop();
  void complete(bool all);

 private:
  [[nodiscard]] bool may_serve() const;
  [[nodiscard]] bool owes_service() const;
  [[nodiscard]] std::uint16_t* available() const;
  [[nodiscard]] std::uint16_t* used_words() const;
  [[nodiscard]] bool anything_available() const;
  [[nodiscard]] bool fetch(unsigned most);
  [[nodiscard]] bool fetch_split(unsigned most);
  void break_at(Lie lie);
  [[nodiscard]] LiarChain read(std::uint16_t head) const;
  void finish(std::uint16_t head, std::uint32_t length);
  [[nodiscard]] bool logs() const;
  // True: a mark is owed, and will not come.
  [[nodiscard]] bool log_data(const LiarChain& chain);
  [[nodiscard]] bool log_used_ring();
  void call_if_wanted(std::uint16_t before);
  void call_or_owe(bool wanted, bool owed);
  void resume();
  void resume_split();

  // Frames from other ports.
  struct Room {
    std::uint16_t head;  // or place
    LiarChain chain;
  };
  [[nodiscard]] std::optional<Room> take_room();
  [[nodiscard]] std::vector<Room> rooms_for(std::size_t bytes);
  void fill(const Room& room, std::span<const std::byte>& rest);

  // Packed rings.
  [[nodiscard]] vring_packed_desc* packed_ring() const;
  [[nodiscard]] bool packed_available() const;
  [[nodiscard]] std::uint32_t packed_length(std::uint16_t place) const;
  [[nodiscard]] bool fetch_packed(unsigned most);
  [[nodiscard]] vhost_user::PackedInflightEntry& packed_entry(std::uint16_t place) const;
  [[nodiscard]] LiarChain read_packed(std::uint16_t place) const;
  void read_piece(LiarChain& chain, const vring_packed_desc& descriptor) const;
  void read_packed_table(LiarChain& chain, const vring_packed_desc& descriptor) const;
  void finish_packed(std::uint16_t place, std::uint32_t length);
  void note_packed(std::uint16_t place);
  void call_if_wanted_packed(std::uint16_t before, std::uint32_t count);
  void set_packed_base(std::uint32_t base);
  [[nodiscard]] std::uint32_t packed_base() const;
  void resume_packed();

  [[nodiscard]] bool forgets() const;

  LiarWorld& world_;
  std::deque<std::uint16_t> pending_;
  std::size_t kept_ = 0;  // how many of the last are not completed yet
  std::uint64_t counter_ = 0;
  unsigned leaks_ = 0;
  bool was_enabled_ = false, was_stopped_ = false, was_placed_ = false, call_replaced_ = false;
  bool signal_lost_ = false, lost_one_ = false, broken_ = false, stuck_ = false;
  unsigned finished_ = 0;                       // in a packed ring
  bool misplaced_ = false;                      // returns requests where nobody looks for them
  bool looked_back_ = false, resumed_ = false;  // at the inflight region; there was one
};

}  // namespace bellwire::host::conform
