// SPDX-License-Identifier: BSD-3-Clause
//
// The clock of records: the TSC where there is one, as the guest reads it too. Any thread.
#pragma once

#include <cstdint>

#if defined(BELLWIRE_EXPLORED)
// No time passes.
#elif defined(__x86_64__) && !defined(BELLWIRE_SIMULATED)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace bellwire {

/// The clock of the ring's timestamps. The CPU may read it before earlier loads complete.
inline std::uint64_t timestamp() noexcept {
#if defined(BELLWIRE_EXPLORED)
  return 0;
#elif defined(__x86_64__) && !defined(BELLWIRE_SIMULATED)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// The same, read after all earlier loads.
inline std::uint64_t timestamp_after_loads() noexcept {
#if defined(__x86_64__) && !defined(BELLWIRE_EXPLORED) && !defined(BELLWIRE_SIMULATED)
  _mm_lfence();
#endif
  return timestamp();
}

}  // namespace bellwire
