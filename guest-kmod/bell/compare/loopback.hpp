// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace bell::compare {

/// The guest's init leaves the loopback device down. Where we may not change that, sockets say so.
void bring_up_loopback() noexcept;

}  // namespace bell::compare
