// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/catalog.hpp"

#include <algorithm>
#include <iterator>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/digest.hpp"
#include "vdev/devices/echo.hpp"

namespace bellwire {
namespace {

template <class Kind>
std::unique_ptr<Device> make() {
  return std::make_unique<Kind>();
}

bool echoed(const Exchange& exchange) {
  return exchange.status == BELLWIRE_DONE && exchange.length == exchange.input.size() &&
         exchange.output == exchange.input;
}

bool digested(const Exchange& exchange) {
  return exchange.status == BELLWIRE_DONE && exchange.result == crc32c(exchange.input);
}

constexpr CatalogEntry entries[] = {
    {"echo", "copies each request's input to its output", make<Echo>, echoed},
    {"digest", "answers each request with the CRC-32C of its input", make<Digest>, digested},
};

}  // namespace

std::span<const CatalogEntry> catalog() noexcept {
  return entries;
}

const CatalogEntry* find_device(std::string_view name) noexcept {
  const auto* const entry = std::ranges::find(entries, name, &CatalogEntry::name);
  return entry == std::end(entries) ? nullptr : entry;
}

std::unique_ptr<Device> create_device(std::string_view name) {
  const auto* const entry = find_device(name);
  return entry != nullptr ? entry->create() : nullptr;
}

}  // namespace bellwire
