// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/choices.hpp"

namespace bell {
using bellwire::Polling;
namespace {

constexpr Choice<Wait> waits[] = {
    {"read", Wait::read}, {"poll", Wait::poll}, {"epoll", Wait::epoll}};
constexpr Choice<Kick> kicks[] = {
    {"ioctl", Kick::ioctl}, {"eventfd", Kick::eventfd}, {"direct", Kick::direct}};
constexpr Choice<Load> loads[] = {{"echo", Load::echo}, {"digest", Load::digest}};
constexpr Choice<Hop> hops[] = {{"kick", Hop::kick}, {"call", Hop::call}, {"wake", Hop::wake}};
constexpr Choice<bellwire_worker> workers[] = {{"read", BELLWIRE_WORKER_READ},
                                               {"poll", BELLWIRE_WORKER_POLL},
                                               {"callback", BELLWIRE_WORKER_CALLBACK}};
constexpr Choice<Polling> pollings[] = {
    {"off", Polling::off}, {"adaptive", Polling::adaptive}, {"always", Polling::always}};

}  // namespace

std::span<const Choice<Wait>> choices(Wait) noexcept {
  return waits;
}
std::span<const Choice<Kick>> choices(Kick) noexcept {
  return kicks;
}
std::span<const Choice<Load>> choices(Load) noexcept {
  return loads;
}
std::span<const Choice<Hop>> choices(Hop) noexcept {
  return hops;
}
std::span<const Choice<bellwire_worker>> choices(bellwire_worker) noexcept {
  return workers;
}
std::span<const Choice<Polling>> choices(Polling) noexcept {
  return pollings;
}

}  // namespace bell
