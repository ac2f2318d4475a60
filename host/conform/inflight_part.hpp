// SPDX-License-Identifier: BSD-3-Clause
//
// InflightPart: one queue's part of the memory in which a back-end tracks its requests, to look at.
// The back-end made that memory and says how large it is: neither is trusted. One thread.
#pragma once

#include <algorithm>
#include <memory>

#include "host/conform/trial.hpp"
#include "vdev/os/memory.hpp"

namespace bellwire::host::conform {

template <class Header, class Entry>
class InflightPart {
 public:
  /// Fails the statement if there is no room for so many entries of the queue, in the region as the
  /// back-end describes it, or in its file.
  InflightPart(const Trial& trial, FrontEnd& front, unsigned queue, std::size_t entries)
      : count_(entries) {
    const auto& [shape, file] = front.inflight();
    const auto part = shape.mmap_size / std::max<std::uint64_t>(shape.num_queues, 1);
    const auto needed = sizeof(Header) + entries * sizeof(Entry);
    trial.expect(
        queue < shape.num_queues && part >= needed && part % alignof(Header) == 0,
        "the inflight region has {} bytes for {} queues; each needs {}, and a multiple of {}",
        shape.mmap_size, shape.num_queues, needed, alignof(Header));
    auto loss = Trial::prepare(os::MemoryLoss::create(), "watching memory");
    mapping_.emplace(trial.expect(
        os::Mapping::of_peer(file.get(), part * queue + needed, std::move(loss), shape.mmap_offset),
        "mapping the inflight region"));
    place_ = mapping_->data() + part * queue;
  }

  [[nodiscard]] const Header& header() const { return *reinterpret_cast<const Header*>(place_); }
  [[nodiscard]] bool anything_in_flight() const {
    const auto* const first = reinterpret_cast<const Entry*>(place_ + sizeof(Header));
    return std::any_of(first, first + count_, [](const Entry& one) { return one.inflight != 0; });
  }

 private:
  std::optional<os::Mapping> mapping_;
  const std::byte* place_ = nullptr;
  std::size_t count_;
};

}  // namespace bellwire::host::conform
