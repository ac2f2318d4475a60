// SPDX-License-Identifier: BSD-3-Clause
//
// The count of an eventfd, as /proc shows it to whoever may see: it is not taken. Any thread.
// Source: docs/semantics.md, 10.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bellwire::os {

/// Of a descriptor of this process. Empty: it is not an eventfd.
[[nodiscard]] std::optional<std::uint64_t> event_count(int fd);

/// Of a descriptor by its file in /proc, such as /proc/1/fdinfo/3. Empty: likewise, or this user
/// may not see it.
[[nodiscard]] std::optional<std::uint64_t> event_count(const std::string& fdinfo);

}  // namespace bellwire::os
