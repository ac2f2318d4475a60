// SPDX-License-Identifier: BSD-3-Clause
//
// A stand of the card, served by vfio-user. The guest's end is a client that does what QEMU and the
// module do: it gives the card memory, turns it on, and wires its eventfds to a machine.
#pragma once

#include "vdev/testing/stands.hpp"

namespace bellwire::testing {

[[nodiscard]] Result<std::unique_ptr<Stand>> make_vfio_user_stand(unsigned queues);

}  // namespace bellwire::testing
