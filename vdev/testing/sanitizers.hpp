// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace bellwire::testing {

/// Whether ThreadSanitizer watches this program. Of many rounds that use the same threads in the
/// same way it needs a few; each takes ten times as long as without it.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool under_tsan = true;
#elif defined(__has_feature)
inline constexpr bool under_tsan = __has_feature(thread_sanitizer);
#else
inline constexpr bool under_tsan = false;
#endif

}  // namespace bellwire::testing
