// SPDX-License-Identifier: BSD-3-Clause
#include "host/transports.hpp"

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <charconv>
#include <vector>

#include "vdev/transport/ivshmem/peer.hpp"

namespace bellwire::host {
namespace {

Result<unsigned> number(std::string_view key, std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return fault(std::errc::invalid_argument, "{}={}: give a number", key, text);
  return value;
}

// PATH[,slot=N][,vectors=N]
Result<ivshmem::Endpoint> parse_endpoint(std::string_view where) {
  std::vector<std::string> parts;
  boost::split(parts, where, boost::is_any_of(","));
  ivshmem::Endpoint endpoint{.path = parts.front()};
  for (std::size_t index = 1; index < parts.size(); ++index) {
    const auto equals = parts[index].find('=');
    const auto key = parts[index].substr(0, equals);
    unsigned* const target = key == "slot"      ? &endpoint.slot
                             : key == "vectors" ? &endpoint.vectors
                                                : nullptr;
    if (target == nullptr || equals == std::string::npos)
      return fault(std::errc::invalid_argument, "ivshmem option '{}': give slot=N or vectors=N",
                   parts[index]);
    const auto value = number(key, parts[index].substr(equals + 1));
    if (!value) return value.error();
    *target = *value;
  }
  return endpoint;
}

Result<std::unique_ptr<Transport>> create_ivshmem(boost::asio::io_context& context,
                                                  std::string_view where) {
  const auto endpoint = parse_endpoint(where);
  if (!endpoint) return endpoint.error();
  auto peer = ivshmem::Peer::connect(context, *endpoint);
  if (!peer) return peer.error();
  return std::unique_ptr<Transport>(std::move(*peer));
}

constexpr TransportEntry entries[] = {
    {"ivshmem", "ivshmem:PATH[,slot=N][,vectors=N]",
     "a switchboard's socket, or QEMU's ivshmem-server's", create_ivshmem},
};

std::string names() {
  std::string list;
  for (const auto& entry : entries) list.append(list.empty() ? "" : ", ").append(entry.syntax);
  return list;
}

}  // namespace

std::span<const TransportEntry> transports() noexcept {
  return entries;
}

Result<std::unique_ptr<Transport>> create_transport(boost::asio::io_context& context,
                                                    std::string_view on) {
  const auto colon = on.find(':');
  for (const auto& entry : entries)
    if (entry.name == on.substr(0, colon))
      return entry.create(context, colon == std::string_view::npos ? "" : on.substr(colon + 1));
  return fault(std::errc::invalid_argument, "unknown transport '{}'; there is {}", on, names());
}

}  // namespace bellwire::host
