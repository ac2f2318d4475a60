// SPDX-License-Identifier: BSD-3-Clause
//
// dice --on vhost-user:SOCKET --seed N: serves the device; README.md has a guest for it.
#include <CLI/CLI.hpp>

#include "dice.hpp"
#include "host/device/device_main.hpp"

int main(int argc, char** argv) {
  unsigned seed = 1;
  const auto add_seed = [&seed](CLI::App& command) {
    command.add_option("--seed", seed, "What its bytes follow from")
        ->type_name("N")
        ->capture_default_str();
  };
  const auto make = [&seed](auto&) { return std::make_unique<Dice>(seed); };
  return bellwire::device_main(
      argc, argv, {bellwire::virtio_device("dice", "entropy that follows from a seed", make)},
      add_seed);
}
