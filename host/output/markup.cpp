// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/markup.hpp"

namespace bellwire::host {
namespace {

std::string_view entity_of(char letter) {
  switch (letter) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return {};
  }
}

}  // namespace

std::string markup_text(std::string_view words) {
  std::string safe;
  for (const char letter : words) {
    if (const auto entity = entity_of(letter); entity.empty())
      safe += letter;
    else
      safe += entity;
  }
  return safe;
}

}  // namespace bellwire::host
