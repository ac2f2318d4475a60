// SPDX-License-Identifier: BSD-3-Clause
//
// What a channel costs before the first notification, and after the last.
#pragma once

#include <functional>
#include <memory>

#include "guest-kmod/bell/compare/channel.hpp"
#include "guest-kmod/bell/compare/figures.hpp"

namespace bell::compare {

/// Makes a channel, whose ends this process plays both; the times are the medians of some runs.
/// The system calls are those of a child that is traced while it does the same.
[[nodiscard]] Result<Setup> measure_setup(const std::function<std::unique_ptr<Channel>()>& make);

}  // namespace bell::compare
