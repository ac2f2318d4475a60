// SPDX-License-Identifier: BSD-3-Clause
//
// bellwire: one program, one subcommand for each part. host/cli/subcommands.hpp says where each is.
#include <cstring>
#include <string_view>
#include <vector>

#include "host/cli/subcommands.hpp"

namespace {

using namespace bellwire::host;

constexpr ProgramInfo bellwire_program = {
    .name = "bellwire",
    .summary = "bellwire: virtual devices that talk through eventfds, as KVM's and QEMU's do.",
    .footer = R"(
Exit status: 0 done, or ended by Ctrl-C or SIGTERM; 1 something failed, or output could not be
written; 2 wrong usage.
Warnings and errors are logged to standard error; --log-level changes what is logged.

Example, in three shells:
  bellwire switchboard --socket /tmp/bell.sock
  bellwire device echo --on ivshmem:/tmp/bell.sock
  qemu-system-x86_64 … -chardev socket,id=bell,path=/tmp/bell.sock \
                       -device ivshmem-doorbell,chardev=bell,vectors=8)"};

constexpr AddSubcommand subcommands[] = {
    add_switchboard,  // owns the wires: shared memory and eventfds
    add_device,       // runs a device on a transport
    add_replay,       // replays a recording of a device, and compares
    add_trace,        // records requests hop by hop; shows, compares and exports traces
    add_top,          // shows what running devices do, in a table
    add_live,         // shows them in a browser, with their wires
    add_rules,        // holds the software model of eventfds against the kernel
    add_explore,      // runs both sides of a queue in every order
    add_simulate,     // runs devices, guests and faults on a clock of its own
    add_scenario,     // plays defects that were met elsewhere, as it is and broken
    add_conform,      // holds a back-end of vhost-user against the specification
};

// Management tools start a back-end by the path of a program alone (vhost-user.json): installed
// under such a name, this one is a device.
constexpr std::string_view back_end_prefix = "bellwire-vhost-user-";

std::vector<char*> arguments(int argc, char** argv) {
  static char device[] = "device";
  std::vector<char*> all(argv, argv + argc);
  if (all.empty()) return all;
  char* const slash = std::strrchr(all.front(), '/');
  char* const name = slash != nullptr ? slash + 1 : all.front();
  if (!std::string_view(name).starts_with(back_end_prefix)) return all;
  all.insert(all.begin() + 1, {device, name + back_end_prefix.size()});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  auto all = arguments(argc, argv);
  all.push_back(nullptr);
  return run_program(bellwire_program, subcommands, static_cast<int>(all.size()) - 1, all.data());
}
