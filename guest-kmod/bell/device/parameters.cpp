// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/parameters.hpp"

namespace bell {

using bellwire::Polling;
namespace {

constexpr Named<Wait> named_waits[] = {
    {"read", Wait::read}, {"poll", Wait::poll}, {"epoll", Wait::epoll}};
constexpr Named<Kick> named_kicks[] = {
    {"ioctl", Kick::ioctl}, {"eventfd", Kick::eventfd}, {"direct", Kick::direct}};
constexpr Named<DeviceKind> named_kinds[] = {
    {"echo", DeviceKind::echo}, {"digest", DeviceKind::digest}, {"delay", DeviceKind::delay}};
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
std::span<const Named<DeviceKind>> named_values(DeviceKind) noexcept {
  return named_kinds;
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

}  // namespace bell
