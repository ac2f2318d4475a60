// SPDX-License-Identifier: BSD-3-Clause
//
// The stages of a request's way as a trace file names them: enum bellwire_stage of
// guest-kmod/uapi/bellwire.h, which says what each is.
#pragma once

#include <array>
#include <string_view>

#include "guest-kmod/uapi/bellwire.h"

namespace bellwire::trace {

constexpr std::array<std::string_view, BELLWIRE_SIDES> side_names{"process", "module", "device"};

struct Stage {
  std::string_view name;
  bellwire_side side;
};

constexpr std::array<Stage, BELLWIRE_STAGES> stages{{
    {"submitted", BELLWIRE_PROCESS},
    {"kicked", BELLWIRE_MODULE},
    {"doorbell", BELLWIRE_MODULE},
    {"woken", BELLWIRE_DEVICE},
    {"taken", BELLWIRE_DEVICE},
    {"posted", BELLWIRE_DEVICE},
    {"raised", BELLWIRE_DEVICE},
    {"interrupted", BELLWIRE_MODULE},
    {"signalled", BELLWIRE_MODULE},
    {"awake", BELLWIRE_PROCESS},
    {"done", BELLWIRE_PROCESS},
}};

/// Whose clock times it.
constexpr bool on_host(bellwire_stage stage) {
  return stages[stage].side == BELLWIRE_DEVICE;
}

}  // namespace bellwire::trace
