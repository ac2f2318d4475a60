// SPDX-License-Identifier: BSD-3-Clause
//
// Measures a mechanism with the kernel at one end, or at both: this process plays the other. What
// the kernel sends is timed from its record of the sending, what it receives to its record of that.
#pragma once

#include "guest-kmod/bell/compare/lab_mechanism.hpp"
#include "guest-kmod/bell/compare/measure.hpp"

namespace bell::compare {

/// ETIMEDOUT: a notification never came. Else what the module said.
[[nodiscard]] Result<Figures> measure(const LabMechanism& mechanism, const Plan& plan);

}  // namespace bell::compare
