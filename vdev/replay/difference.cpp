// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/replay/difference.hpp"

#include <algorithm>

namespace bellwire::replay {
namespace {

constexpr std::size_t neighbours = 8;  // on each side of the byte that differs

std::string hex(std::byte byte) {
  return text("{:02x}", static_cast<unsigned>(byte));
}

// Up to `neighbours` bytes on both sides of `at`, which is in brackets.
std::string around(std::span<const std::byte> bytes, std::size_t at) {
  const auto first = at - std::min(at, neighbours);
  const auto last = std::min(bytes.size(), at + neighbours + 1);
  std::string line = first > 0 ? "… " : "";
  for (auto index = first; index < last; ++index) {
    const auto shown = hex(bytes[index]);
    line += index == at ? "[" + shown + "] " : shown + " ";
  }
  if (at >= bytes.size()) line += "[end]";
  if (last < bytes.size()) line += "…";
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace

std::optional<Difference> compare_bytes(std::string_view what, std::span<const std::byte> recorded,
                                        std::span<const std::byte> replayed) {
  const auto found = std::ranges::mismatch(recorded, replayed).in1;
  const auto at = static_cast<std::size_t>(found - recorded.begin());
  if (at == recorded.size() && at == replayed.size()) return std::nullopt;
  return Difference{
      {}, text("byte {} of its {}", grouped(at), what), around(recorded, at), around(replayed, at)};
}

std::string hex_of(std::span<const std::byte> bytes, std::size_t most) {
  std::string line;
  for (const auto byte : bytes.first(std::min(bytes.size(), most)))
    line += (line.empty() ? "" : " ") + hex(byte);
  return bytes.size() > most ? line + " …" : line;
}

Error damaged(const Entry& entry, std::string_view why) {
  return fault(std::errc::protocol_error, "entry {} (byte {}, {}) is damaged: {}",
               grouped(entry.ordinal), grouped(entry.position), name_of(entry.kind), why);
}

std::string Player::summary() const {
  const auto& [requests, answers, bytes] = compared_;
  auto line = text("{} requests, {} completions with {} bytes of output compared",
                   grouped(requests), grouped(answers), grouped(bytes));
  if (requests > answers)
    line += text(" ({} not completed in the recording)", grouped(requests - answers));
  return line;
}

}  // namespace bellwire::replay
