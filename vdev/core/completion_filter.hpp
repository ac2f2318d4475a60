// SPDX-License-Identifier: BSD-3-Clause
//
// CompletionFilter: what becomes of a device's completions on purpose, before they are published,
// in a ring of ours or in a virtqueue. A device has one only while faults are injected
// (vdev/faults/completions.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bellwire {

struct CompletionFate {
  enum class Kind : std::uint8_t {
    as_it_is,
    never,      ///< it is not published; in a ring nor any that follows it in this generation
    twice,      ///< ring: it answers the next request as well; virtqueue: it is returned twice
    wrong,      ///< it has the next request's cookie, or the next ID
    corrupted,  ///< a bit of its output, or else of its result or length, is flipped
    scrambled,  ///< ring: a word of the device gets a value by chance, once it is published
  };
  /// What may be scrambled, by `random`.
  static constexpr std::array<std::string_view, 4> words{"completed", "status", "generation",
                                                         "doorbell_event"};

  Kind kind = Kind::as_it_is;
  std::uint64_t random = 0;  ///< for whatever is still to be chosen
};

class CompletionFilter {
 public:
  virtual ~CompletionFilter() = default;
  /// Of the request with that index, or number; may sleep, or not return. On the device's thread.
  [[nodiscard]] virtual CompletionFate fate_of(unsigned queue, std::uint32_t request) noexcept = 0;
};

}  // namespace bellwire
