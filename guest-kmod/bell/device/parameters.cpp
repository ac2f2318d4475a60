// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/parameters.hpp"

#include <algorithm>

#include "vdev/os/text.hpp"

namespace bell {

using bellwire::Polling;
namespace {

constexpr Named<Wait> named_waits[] = {
    {"read", Wait::read}, {"poll", Wait::poll}, {"epoll", Wait::epoll}};
constexpr Named<Kick> named_kicks[] = {
    {"ioctl", Kick::ioctl}, {"eventfd", Kick::eventfd}, {"direct", Kick::direct}};
constexpr Named<Answer> known_devices[] = {
    {"echo", Answer::input}, {"digest", Answer::digest}, {"delay", Answer::input}};
constexpr Named<LostHop> named_hops[] = {
    {"kick", LostHop::kick}, {"call", LostHop::call}, {"wake", LostHop::wake}};
constexpr Named<bellwire_worker> named_workers[] = {{"read", BELLWIRE_WORKER_READ},
                                                    {"poll", BELLWIRE_WORKER_POLL},
                                                    {"callback", BELLWIRE_WORKER_CALLBACK}};
constexpr Named<Polling> named_pollings[] = {
    {"off", Polling::off}, {"adaptive", Polling::adaptive}, {"always", Polling::always}};

}  // namespace

std::span<const Named<Wait>> named_values(Wait) noexcept {
  return named_waits;
}
std::span<const Named<Kick>> named_values(Kick) noexcept {
  return named_kicks;
}
std::span<const Named<LostHop>> named_values(LostHop) noexcept {
  return named_hops;
}
std::span<const Named<bellwire_worker>> named_values(bellwire_worker) noexcept {
  return named_workers;
}
std::span<const Named<Polling>> named_values(Polling) noexcept {
  return named_pollings;
}

Answer answer_of(std::string_view device) noexcept {
  const auto* const known = std::ranges::find(known_devices, device, &Named<Answer>::name);
  return known == std::end(known_devices) ? Answer::unknown : known->value;
}

std::vector<std::string> chosen_devices(const std::vector<std::string>& wanted) {
  std::vector<std::string> devices;
  const auto add = [&devices](std::string_view name) {
    if (std::ranges::find(devices, name) == devices.end()) devices.emplace_back(name);
  };
  for (const auto& name : wanted)
    if (name == "all")
      for (const auto& known : known_devices) add(known.name);
    else
      add(name);
  return devices;
}

std::string refuse_device_name(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char letter) {
    return letter > ' ' && letter < 127 && letter != '"' && letter != '\\';
  });
  if (plain && !name.empty() && name.size() < BELLWIRE_KIND_SIZE) return {};
  return bellwire::text("'{}': a device's name has 1 to {} characters, no blanks, quotes or \\",
                        bellwire::escaped(name), BELLWIRE_KIND_SIZE - 1);
}

}  // namespace bell
