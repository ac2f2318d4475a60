// SPDX-License-Identifier: BSD-3-Clause
//
// TestRequests: harmless requests for the device under test, on one of its rings, and the waits for
// them. A disk is read, an entropy source is asked for bytes, a network device sends a frame. Every
// completion is checked: it must be of a request under way, once, with a length that is possible.
// Throws Failed, see trial.hpp. One thread.
#pragma once

#include <map>
#include <vector>

#include "host/conform/trial.hpp"

namespace bellwire::host::conform {

class TestRequests {
 public:
  /// On the first ring that takes requests of this kind of device, or on the `ring`th such. The
  /// front-end outlives it. Throws NotApplicable if the kind is unknown.
  TestRequests(Trial& trial, FrontEnd& front, unsigned ring = 0);

  [[nodiscard]] vhost_user::Ring& ring() noexcept { return front_.ring(index_); }
  [[nodiscard]] unsigned index() const noexcept { return index_; }

  /// The buffers of a request, fresh ones each time.
  [[nodiscard]] std::vector<Buffer> request();

  /// Makes requests available, without a kick.
  void offer(unsigned count = 1);
  /// The same for one that was described otherwise, in buffers like those of request().
  void offer_as(std::uint16_t head, std::span<const Buffer> buffers);
  /// The same for one that is malformed: it is to be returned with length 0.
  void offer_malformed(std::uint16_t head);

  void kick();
  /// Waits for that many completions. Fails the statement when they don't come.
  void await(unsigned count, const char* what);
  /// All three.
  void serve(unsigned count, const char* what);

  /// Waits for the next completion. Empty: it did not come.
  [[nodiscard]] std::optional<vring_used_elem> next();
  /// Whether the call eventfd was signalled by now, or is in time; takes its count.
  [[nodiscard]] bool called();
  /// The same, but it must not be: doesn't wait longer than `quiet`.
  [[nodiscard]] bool called_though_quiet();

  /// How many completions have come that were not taken, after a round trip and some quiet.
  [[nodiscard]] unsigned come_though_quiet();
  [[nodiscard]] unsigned under_way() const noexcept {
    return static_cast<unsigned>(pending_.size());
  }

 private:
  void put(std::uint16_t head, std::span<const Buffer> buffers);
  void check(const vring_used_elem& used, const char* what);
  void wait_a_little(std::chrono::steady_clock::time_point end) const;

  struct Pending {
    std::uint32_t least, most;  // bytes that the device is to write
    std::uint64_t status;       // guest address of a disk's status; 0: none
  };

  Trial& trial_;
  FrontEnd& front_;
  unsigned index_;
  std::map<std::uint32_t, Pending> pending_;  // by head
};

/// A request's writable bytes.
[[nodiscard]] std::uint32_t writable_bytes(std::span<const Buffer> buffers) noexcept;

}  // namespace bellwire::host::conform
