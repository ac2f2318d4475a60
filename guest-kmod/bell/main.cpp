// SPDX-License-Identifier: BSD-3-Clause
//
// bell: the guest's tool. It plays the driver's process: opens /dev/bellwireN, hands down its
// eventfds, rings the device on the host, and checks what comes back.
#include <CLI/CLI.hpp>
#include <iostream>

#include "guest-kmod/bell/commands.hpp"

namespace bell {

int fail(const bellwire::Error& error) {
  std::cerr << "bell: " << error.message << '\n';
  return exit_failure;
}

}  // namespace bell

int main(int argc, char** argv) {
  CLI::App app("bell: ring a bellwire device on the host, and check what it answers.");
  app.footer("\nExit status: 0 all was well; 1 something was not; 2 wrong usage.");
  app.require_subcommand(1);
  std::function<int()> run;
  bell::add_info(app, run);
  bell::add_ring(app, run);
  bell::add_break(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : bell::exit_usage;
  }
  return run();
}
