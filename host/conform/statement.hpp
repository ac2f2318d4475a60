// SPDX-License-Identifier: BSD-3-Clause
//
// Statement: one thing that the specification says of every back-end, and how to try it.
// all_statements() is the table; each file of statements/ is a family of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/transport/vhost_user/protocol/protocol.hpp"

namespace bellwire::host::conform {

class Trial;

/// What kind of device the back-end is: which requests it can be sent.
/// Unknown: it gets the statements that need none.
enum class Kind : std::uint8_t { blk = 1, rng = 2, net = 4, unknown = 8 };

/// The layouts of rings that a statement is about. Of both: it is tried with split rings, and with
/// packed ones if they are offered.
enum class Layouts : std::uint8_t { split, packed, both };

/// What a statement can't be tried without. Bits: see vhost_user::bit().
struct Needs {
  std::uint64_t features = 0;
  std::uint64_t protocol_features = 0;
  std::uint8_t kinds = 0;     ///< a sum of Kind; 0: any
  bool process = false;       ///< the suite must be able to end and start the back-end
  bool config_space = false;  ///< the device has a configuration space
  Layouts layouts = Layouts::split;
};
constexpr Needs either_layout{.layouts = Layouts::both};

struct Statement {
  unsigned number;
  std::string_view says;    ///< what a back-end does
  std::string_view source;  ///< where that is written
  Needs needs;
  /// Tries it. Returns if the back-end does what the statement says; otherwise throws, see Trial.
  void (*attempt)(Trial& trial);
};

enum class Outcome : std::uint8_t { pass, fail, not_applicable, untried };

/// "pass", "fail", "n/a", "untried".
[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;

struct Verdict {
  const Statement* statement;
  Outcome outcome = Outcome::pass;
  std::string reason;  ///< why it fails, is not applicable or can't be tried; empty: it passes
  std::string sent;    ///< what was sent, from where it matters
  std::string came;    ///< what came back
};

// The families, in the order of their numbers.

[[nodiscard]] std::span<const Statement> message_statements() noexcept;
[[nodiscard]] std::span<const Statement> acknowledgement_statements() noexcept;
[[nodiscard]] std::span<const Statement> memory_statements() noexcept;
[[nodiscard]] std::span<const Statement> ring_state_statements() noexcept;
[[nodiscard]] std::span<const Statement> position_statements() noexcept;
[[nodiscard]] std::span<const Statement> wire_statements() noexcept;
[[nodiscard]] std::span<const Statement> virtqueue_statements() noexcept;
[[nodiscard]] std::span<const Statement> hostile_statements() noexcept;
[[nodiscard]] std::span<const Statement> device_statements() noexcept;
[[nodiscard]] std::span<const Statement> recovery_statements() noexcept;
[[nodiscard]] std::span<const Statement> migration_statements() noexcept;
[[nodiscard]] std::span<const Statement> network_statements() noexcept;
[[nodiscard]] std::span<const Statement> restart_statements() noexcept;
[[nodiscard]] std::span<const Statement> packed_statements() noexcept;
[[nodiscard]] std::span<const Statement> channel_statements() noexcept;
[[nodiscard]] std::span<const Statement> switch_statements() noexcept;
[[nodiscard]] std::span<const Statement> descriptor_statements() noexcept;
[[nodiscard]] std::span<const Statement> sequence_statements() noexcept;
[[nodiscard]] std::span<const Statement> more_switch_statements() noexcept;
[[nodiscard]] std::span<const Statement> more_device_statements() noexcept;
[[nodiscard]] std::span<const Statement> more_sequence_statements() noexcept;

/// All of them.
[[nodiscard]] std::vector<const Statement*> all_statements();

}  // namespace bellwire::host::conform
