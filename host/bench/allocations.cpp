// SPDX-License-Identifier: BSD-3-Clause
//
// The program's own operator new. Other forms end in it; the one that does not throw is ours, too,
// since a sanitizer brings its own, which would not fit our delete.
#include "host/bench/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
constinit std::atomic<std::uint64_t> asked{0};
}

void* operator new(std::size_t size) {
  asked.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  asked.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size > 0 ? size : 1);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace bellwire::bench {

std::uint64_t allocations() noexcept {
  return asked.load(std::memory_order_relaxed);
}

}  // namespace bellwire::bench
