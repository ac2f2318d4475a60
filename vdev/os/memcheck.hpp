// SPDX-License-Identifier: BSD-3-Clause
//
// What valgrind's memcheck can't know by itself: that memory which is shared, as that of a guest,
// is read by somebody else. The preset memcheck compiles this in; elsewhere it is nothing.
#pragma once

#include <cstddef>
#include <span>

#ifdef BELLWIRE_MEMCHECK
#include <valgrind/memcheck.h>
#endif

namespace bellwire::os {

/// Under memcheck: reports the first byte of `shared` that this process wrote without ever having
/// given it a value. Such a byte is what this process's memory held before.
inline void check_defined([[maybe_unused]] std::span<const std::byte> shared) noexcept {
#ifdef BELLWIRE_MEMCHECK
  static_cast<void>(VALGRIND_CHECK_MEM_IS_DEFINED(shared.data(), shared.size()));
#endif
}

}  // namespace bellwire::os
