// SPDX-License-Identifier: BSD-3-Clause
//
// How often the program has asked for memory by `new`, on any thread, since it began. It costs an
// atomic addition each time.
#pragma once

#include <cstdint>

namespace bellwire::bench {

[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace bellwire::bench
