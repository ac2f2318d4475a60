// SPDX-License-Identifier: BSD-3-Clause
//
// A row of the result: what was measured of a mechanism, or why nothing could be.
#pragma once

#include <string>
#include <vector>

#include "guest-kmod/bell/compare/figures.hpp"

namespace bell::compare {

struct Row {
  std::string name;
  std::string direction;
  std::string what{};
  std::string cpus{};    ///< of the sender, of the receiver
  std::string source{};  ///< where its code stands, ours or the kernel's
  unsigned user_lines = 0;
  unsigned kernel_lines = 0;
  std::optional<Figures> figures{};
  std::string reason{};  ///< why there are none
};

/// A sentence of the note, against this run.
struct Claim {
  std::string claim;
  std::string measured;
  std::string verdict;
};

void print_heading();
void print_row(const Row& row);
void print_claim(const Claim& claim);

[[nodiscard]] std::string to_json(const std::vector<Row>& rows, const std::vector<Claim>& claims);

}  // namespace bell::compare
