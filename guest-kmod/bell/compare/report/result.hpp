// SPDX-License-Identifier: BSD-3-Clause
//
// The results of a comparison: one per mechanism and direction, and the note's claims, judged by
// them. They are printed as a table and written as JSON for the page. The lines of code that a
// mechanism needs are counted in the sources, which the build embeds in the program (embed.cmake).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest-kmod/bell/compare/measure/measurement.hpp"

namespace bell::compare {

/// What was measured of a mechanism, or why nothing could be.
struct MechanismResult {
  std::string name;
  std::string direction;
  std::string what{};
  std::string cpus{};    ///< "sender's,receiver's"
  std::string source{};  ///< where its code is, ours or the kernel's
  unsigned user_lines = 0;
  unsigned kernel_lines = 0;
  std::optional<Measurement> measurement{};
  std::string reason{};  ///< why there is no measurement
};

/// A sentence of the note, and what this run says to it.
struct Claim {
  std::string claim;
  std::string measured;
  std::string verdict;  ///< one of the four below
};

inline constexpr const char* held = "true";
inline constexpr const char* refuted = "false";
inline constexpr const char* close = "too close to tell";
inline constexpr const char* unknown = "not measured";

[[nodiscard]] std::vector<Claim> judge(const std::vector<MechanismResult>& results);

void print_heading();
void print_result(const MechanismResult& result);
void print_claim(const Claim& claim);

[[nodiscard]] std::string to_json(const std::vector<MechanismResult>& results,
                                  const std::vector<Claim>& claims);

struct Source {
  std::string_view file;
  std::string_view text;
};

std::span<const Source> sources();

/// `place` is "FILE:NAME": counts from the unindented line that defines NAME to the next line that
/// begins with a closing brace, without empty lines and comments. 0: there is no such definition.
[[nodiscard]] unsigned lines_of(std::string_view place) noexcept;

/// The sum of several places, separated by spaces.
[[nodiscard]] unsigned lines_of_all(std::string_view places) noexcept;

/// The same within one text.
[[nodiscard]] unsigned lines_of(std::string_view name, std::string_view text) noexcept;

}  // namespace bell::compare
