// SPDX-License-Identifier: BSD-3-Clause
#include <CLI/CLI.hpp>

#include "host/commands.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::host {
namespace {

int run_switchboard(const ivshmem::SwitchboardOptions& options) {
  boost::asio::io_context context(1);
  const auto switchboard = ivshmem::Switchboard::create(context, options);
  if (!switchboard) return fail(switchboard.error());
  return serve(context);
}

}  // namespace

void add_switchboard(CLI::App& app, std::function<int()>& run) {
  auto* command = app.add_subcommand(
      "switchboard", "Own the wires: shared memory and eventfds that QEMUs and devices attach to");
  command->footer(
      "\nThe wires outlive whoever uses them: a QEMU or a device may die at any moment and\n"
      "come back to the same memory and eventfds. Each slot joins one QEMU to one device; a\n"
      "QEMU gets the lowest slot that has none, a device says which it wants.");
  auto options = std::make_shared<ivshmem::SwitchboardOptions>();
  command->add_option("--socket", options->path, "Path of the socket to serve")
      ->required()
      ->type_name("PATH");
  command
      ->add_option("--vectors", options->vectors,
                   "Doorbells and interrupts each way, and queues in the memory (1 to 32)")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--memory", options->memory,
                   "Shared memory of a slot: a power of two, 64K to 1G [4M]")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_option("--slots", options->slots, "How many QEMU-and-device pairs (1 to 1024)")
      ->type_name("N")
      ->capture_default_str();
  command->callback([&run, options] { run = [options] { return run_switchboard(*options); }; });
}

}  // namespace bellwire::host
