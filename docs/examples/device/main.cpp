// SPDX-License-Identifier: BSD-3-Clause
//
// sum NAME --on TRANSPORT:WHERE: runs sum or slow_sum on any transport; sum --help says how.
#include "host/device/device_main.hpp"
#include "slow_sum.hpp"
#include "sum.hpp"

int main(int argc, char** argv) {
  return bellwire::device_main(
      argc, argv,
      {bellwire::ring_device<Sum>("sum", "answers with the sum of the numbers that it is sent"),
       bellwire::ring_device<SlowSum>("slow_sum", "does so from a thread of its own")});
}
