// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/switch.hpp"

#include <algorithm>

namespace bellwire::net {

std::optional<Switch::Seat> Switch::join(Port& port) {
  const auto place = std::ranges::find(ports_, nullptr, &Place::port);
  if (place == ports_.end()) return std::nullopt;
  *place = {&port, {}};
  return Seat(*this, static_cast<unsigned>(place - ports_.begin()));
}

Switch::Seat::~Seat() {
  if (switch_ == nullptr) return;
  forget();
  switch_->ports_[number_].port = nullptr;
}

void Switch::carry(unsigned from, std::span<const std::byte> frame,
                   Clock::time_point now) noexcept {
  auto& counts = ports_[from].counts;
  if (frame.size() < header_size) return void(++counts.runts);
  if (frame.size() > most_bytes()) return void(++counts.oversize);
  const auto source = source_of(frame);
  if (!source.single()) return void(++counts.bad_sources);
  ++counts.received;
  table_.learn(source, from, now);
  const auto destination = destination_of(frame);
  const auto known = destination.group() ? std::nullopt : table_.find(destination, now);
  for (unsigned to = known.value_or(0); to < ports_.size(); ++to) {
    if (to != from && ports_[to].port != nullptr) deliver(ports_[to], frame);
    if (known) return;
  }
}

void Switch::deliver(Place& place, std::span<const std::byte> frame) noexcept {
  ++(place.port->deliver(frame) ? place.counts.delivered : place.counts.dropped);
}

}  // namespace bellwire::net
