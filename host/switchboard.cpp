// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire switchboard`: runs an ivshmem::Switchboard, on one thread, until a signal ends it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>

#include "host/cli/socket_group.hpp"
#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/sandbox/sandbox.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/transport/ivshmem/switchboard.hpp"

namespace bellwire::host {
namespace {

struct Chosen : ivshmem::SwitchboardOptions {
  bool entries_given = false;
  std::uint64_t payload = 0;         // of each queue; 0: any
  std::optional<std::string> group;  // of the socket
  Sandboxing sandboxing = Sandboxing::automatic;
};

// More memory, if what was chosen needs it.
Result<void> make_room(Chosen& options) {
  if (!options.entries_given && options.payload == 0) return {};
  const auto needed = ring::memory_size(options.vectors, options.entries, options.payload);
  if (!needed) return needed.error();
  options.memory = std::max(options.memory, std::bit_ceil(*needed));
  return {};
}

Result<void> run_switchboard(Chosen options) {
  if (auto made = make_room(options); !made) return made;
  if (auto given = give_to_group("--group", options.group, {options.path}); !given) return given;
  if (auto entered = enter_sandbox(options.sandboxing, {.made = {options.path}}); !entered)
    return entered;
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  const auto switchboard = ivshmem::Switchboard::create(context, options);
  if (!switchboard) return switchboard.error();
  context.run();
  return {};
}

}  // namespace

void add_switchboard(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand(
      "switchboard", "Own the wires: shared memory and eventfds that QEMUs and devices attach to");
  command->footer(R"(
The wires outlive their users: a QEMU or a device may die at any moment and come back to the same
memory and eventfds. Each slot joins one QEMU and one device. A QEMU gets the lowest slot that has
none; a device names the slot that it wants.)");
  auto options = std::make_shared<Chosen>();
  command->add_option("--socket", options->path, "Path of the socket to serve")
      ->required()
      ->type_name("PATH");
  add_group(*command, "--group", options->group, "The socket belongs");
  command
      ->add_option("--vectors", options->vectors,
                   "Doorbells and interrupts per direction, and queues in the memory")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--memory", options->memory,
                   "Shared memory per slot: a power of two, 64K to 1G (default: 4M, or what "
                   "--entries and --payload need)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command
      ->add_option("--entries", options->entries,
                   "Entries of each ring: a power of two (default: 256, or fewer in small memory)")
      ->type_name("N")
      ->each([options](const std::string&) { options->entries_given = true; });
  command->add_option("--payload", options->payload, "Bytes of payload per queue, at least")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE");
  command->add_option("--slots", options->slots, "Number of QEMU-and-device pairs")
      ->type_name("N")
      ->capture_default_str();
  add_sandbox(*command, options->sandboxing);
  command->callback([&run, options] { run = [options] { return run_switchboard(*options); }; });
}

}  // namespace bellwire::host
