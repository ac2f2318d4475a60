// SPDX-License-Identifier: BSD-3-Clause
//
// What a replay finds: how much it compared, and the first Difference between what was recorded and
// what the device did this time; and how a Player, which replays the entries of one kind of device,
// is told of them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "vdev/os/result.hpp"
#include "vdev/replay/journal_reader.hpp"

namespace bellwire::replay {

struct Difference {
  std::string where;     ///< "request 50 (queue 0, index 49, cookie 0x31)"
  std::string what;      ///< "byte 3 of its output", "its status"
  std::string recorded;  ///< a number, or bytes with the one that differs in brackets
  std::string replayed;
};

/// Where two rows of bytes differ first; `what` is what they are, as "output". Empty: nowhere.
[[nodiscard]] std::optional<Difference> compare_bytes(std::string_view what,
                                                      std::span<const std::byte> recorded,
                                                      std::span<const std::byte> replayed);

/// The first bytes of a row in hexadecimal: "00 01 02 …".
[[nodiscard]] std::string hex_of(std::span<const std::byte> bytes, std::size_t most = 16);

struct Compared {
  std::uint64_t requests = 0;  ///< that were given to the device; of a function: accesses
  std::uint64_t answers = 0;   ///< completions; of a function: what was read, transfers, interrupts
  std::uint64_t bytes = 0;     ///< in them
};

/// Where a Player gets the entry from that follows the one that it plays; empty: there is none.
using NextEntry = std::function<Result<std::optional<Entry>>()>;

/// Does to a device what a journal says, entry by entry, and compares what it does. One thread,
/// the one that runs the device's context.
class Player {
 public:
  virtual ~Player() = default;
  /// EPROTO: the entry is damaged, or does not fit those before it. ETIMEDOUT: the device did not
  /// answer. Errors of the device's start. After a difference or an error nothing more is played.
  [[nodiscard]] virtual Result<std::optional<Difference>> play(const Entry& entry) = 0;
  /// A line about an entry, for people.
  [[nodiscard]] virtual std::string describe(const Entry& entry) const = 0;
  [[nodiscard]] const Compared& compared() const noexcept { return compared_; }
  /// The same, for people.
  [[nodiscard]] virtual std::string summary() const;

 protected:
  Compared compared_;
};

/// EPROTO, with the entry's place.
[[nodiscard]] Error damaged(const Entry& entry, std::string_view why);

/// Reads the beginning of an entry's body as an object. EPROTO: it is too short.
template <class Object>
[[nodiscard]] Result<Object> body_as(const Entry& entry) {
  if (entry.body.size() < sizeof(Object))
    return fault(std::errc::protocol_error, "entry {} (byte {}) is damaged: it is too short",
                 grouped(entry.ordinal), grouped(entry.position));
  Object object;
  std::copy_n(entry.body.begin(), sizeof object,
              std::as_writable_bytes(std::span(&object, 1)).begin());
  return object;
}

}  // namespace bellwire::replay
