// SPDX-License-Identifier: BSD-3-Clause
//
// Switch: carries Ethernet frames between its ports. It learns which station is at which port; a
// frame for a station that it does not know, or for several, goes to every port but the one that it
// came from. A port that has no room loses the frame, and none waits for another.
//
// A station may move: whoever sends from an address is where that address is. So the ports trust
// each other as the stations of one Ethernet do, but no more: what a port sends costs the others
// room for frames, nothing else.
//
// Nothing is allocated to carry a frame. One thread. Source: IEEE 802.1Q, sections 8.6 to 8.8.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "vdev/devices/net/address_table.hpp"

namespace bellwire::net {

/// What has happened to frames at a port.
struct PortCounts {
  std::uint64_t received = 0;     ///< came from the port, and were carried
  std::uint64_t delivered = 0;    ///< were given to the port
  std::uint64_t dropped = 0;      ///< were for the port, which had no room or is not in use
  std::uint64_t runts = 0;        ///< came from it, with less than a header
  std::uint64_t oversize = 0;     ///< came from it, longer than the MTU allows
  std::uint64_t bad_sources = 0;  ///< came from it, from an address of no one station
};

/// What a switch delivers frames to.
class Port {
 public:
  /// The frame's bytes are the caller's. False: there is no room for it.
  [[nodiscard]] virtual bool deliver(std::span<const std::byte> frame) noexcept = 0;

 protected:
  ~Port() = default;
};

class Switch {
 public:
  class Seat;

  explicit Switch(unsigned ports, std::uint16_t mtu = usual_mtu, Clock::duration age = usual_age)
      : mtu_(mtu), table_(ports, age), ports_(ports) {}
  Switch(const Switch&) = delete;

  [[nodiscard]] std::uint16_t mtu() const noexcept { return mtu_; }
  /// For a buffer that takes any frame.
  [[nodiscard]] std::size_t most_bytes() const noexcept { return most_frame_bytes(mtu_); }

  /// Gives the port the lowest free number until the seat is dropped; the port and the switch must
  /// live until then. Empty: all numbers are taken.
  [[nodiscard]] std::optional<Seat> join(Port& port);

 private:
  struct Place {
    Port* port = nullptr;  // null: free
    PortCounts counts;
  };
  void carry(unsigned from, std::span<const std::byte> frame, Clock::time_point now) noexcept;
  void deliver(Place& place, std::span<const std::byte> frame) noexcept;

  const std::uint16_t mtu_;
  AddressTable table_;
  std::vector<Place> ports_;
};

class Switch::Seat {
 public:
  Seat(Seat&& other) noexcept
      : switch_(std::exchange(other.switch_, nullptr)), number_(other.number_) {}
  Seat& operator=(Seat&&) = delete;
  ~Seat();

  [[nodiscard]] unsigned number() const noexcept { return number_; }
  [[nodiscard]] const PortCounts& counts() const noexcept {
    return switch_->ports_[number_].counts;
  }

  /// A frame comes from the port. A runt, an oversize frame or one from an impossible address is
  /// counted, and goes nowhere.
  void send(std::span<const std::byte> frame, Clock::time_point now) noexcept {
    switch_->carry(number_, frame, now);
  }
  /// A frame came that is too long for any buffer.
  void count_oversize() noexcept { ++switch_->ports_[number_].counts.oversize; }
  /// The port was unplugged: its stations may turn up elsewhere.
  void forget() noexcept { switch_->table_.forget(number_); }

 private:
  friend class Switch;
  Seat(Switch& of, unsigned number) noexcept : switch_(&of), number_(number) {}
  Switch* switch_;
  unsigned number_;
};

}  // namespace bellwire::net
