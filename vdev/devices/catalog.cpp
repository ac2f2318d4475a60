// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/catalog.hpp"

#include "vdev/devices/digest.hpp"
#include "vdev/devices/echo.hpp"

namespace bellwire {
namespace {

template <class Kind>
std::unique_ptr<Device> make() {
  return std::make_unique<Kind>();
}

constexpr CatalogEntry entries[] = {
    {"echo", "copies each request's input to its output", make<Echo>},
    {"digest", "answers each request with the CRC-32C of its input", make<Digest>},
};

}  // namespace

std::span<const CatalogEntry> catalog() noexcept {
  return entries;
}

std::unique_ptr<Device> create_device(std::string_view name) {
  for (const auto& entry : entries)
    if (entry.name == name) return entry.create();
  return nullptr;
}

}  // namespace bellwire
