// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/function_log.hpp"

#include <new>

namespace bellwire::host {

void FunctionLog::saw(const pci::Event& event, std::span<const std::byte>) noexcept {
  const std::lock_guard lock(mutex_);
  const bool interrupt = event.kind == pci::EventKind::interrupt;
  counts_.events[static_cast<std::size_t>(event.kind)] += interrupt ? event.size : 1;
  if (event.kind == pci::EventKind::dma_read || event.kind == pci::EventKind::dma_write)
    counts_.dma_bytes += event.failed ? 0 : event.size;
  counts_.failed += event.failed ? 1 : 0;
  if (recording_) keep(event);
}

void FunctionLog::keep(const pci::Event& event) try {
  if (recorded_.events.size() < room_)
    recorded_.events.push_back(event);
  else
    ++recorded_.lost;
} catch (const std::bad_alloc&) {
  ++recorded_.lost;
}

FunctionCounts FunctionLog::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void FunctionLog::begin() {
  const std::lock_guard lock(mutex_);
  recorded_ = {};
  recording_ = true;
}

std::uint64_t FunctionLog::recorded() const {
  const std::lock_guard lock(mutex_);
  return recorded_.events.size();
}

FunctionLog::Recorded FunctionLog::end() {
  const std::lock_guard lock(mutex_);
  recording_ = false;
  return std::exchange(recorded_, {});
}

}  // namespace bellwire::host
