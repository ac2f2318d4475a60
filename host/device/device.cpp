// SPDX-License-Identifier: BSD-3-Clause
//
// `bellwire device`: runs a device on a transport, on one thread, until a signal ends it, or the
// guest that the transport includes is done.
#include <CLI/CLI.hpp>
#include <iostream>

#include "host/cli/stop_on_signal.hpp"
#include "host/cli/subcommands.hpp"
#include "host/device/device_run.hpp"
#include "host/device/guest_run.hpp"
#include "host/device/transports.hpp"
#include "host/device/vhost_user_service.hpp"
#include "host/device/virtio_run.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/transport/card/card.hpp"

namespace bellwire::host {
namespace {

// The most that serving a function takes, with its socket and a client: as a card takes, and one
// per interrupt.
unsigned descriptors(pci::Function& function) {
  return card::descriptors({.queues = 0}) + function.interrupts().vectors();
}

Result<void> run_function(boost::asio::io_context& context, const FunctionEntry& entry,
                          const std::string& on) {
  const auto function = entry.create();
  if (auto enough = os::ensure_more_fds(descriptors(*function)); !enough) return enough;
  const auto server = serve_function(context, *function, on);
  if (!server) return server.error();
  log::info("{} is served on {}", entry.name, on);
  context.run();
  return {};
}

Result<TraceFacts> facts_of(const DeviceOptions& options) {
  const auto& on = options.on.front();
  TraceFacts facts{.transport = on.substr(0, on.find(':')),
                   .device = options.name,
                   .accelerator = accelerator_of(on)};
  for (const auto& words : options.facts) {
    const auto fact = parse_fact(words);
    if (!fact) return fact.error();
    if (auto added = add_fact(facts, *fact); !added) return added.error();
  }
  return facts;
}

// Options that mean nothing for a whole PCI device.
Result<void> refuse_ring_options(const DeviceOptions& options) {
  const auto refuse = [&](const char* option, const char* why) {
    return fault(std::errc::invalid_argument, "{}: {} {}", option, options.name, why);
  };
  if (options.poll.polling != Polling::off) return refuse("--poll", "has no ring to poll");
  if (options.moderate.count() > 0) return refuse("--moderate", "raises its interrupts itself");
  if (options.drop) return refuse("--drop", "has its own wires");
  if (options.tracing.file) return refuse("--trace", "has no ring to record");
  return {};
}

// Null: it is no virtio device, or not there.
const VirtioEntry* virtio_entry(const DeviceOptions& options) {
  const auto* const ring = find_device(options.name);
  if (ring != nullptr && on_virtqueues(options.on.front())) return &ring->on_virtqueues;
  return find_virtio(options.name);
}

// Runs a device on a transport. Whatever a guest or a peer does ends an attachment at most, never
// this function.
Result<void> run_attached(boost::asio::io_context& context, const DeviceOptions& options,
                          Tracing& tracing, int stop) {
  if (!options.virtio_given.empty())
    return fault(std::errc::invalid_argument, "{}: {} has no such option on {}",
                 options.virtio_given.front(), options.name, options.on.front());
  const auto& entry = *find_device(options.name);
  const auto device = entry.create();
  GuestPlan plan;
  const auto transport = create_transport(
      context, options.on.front(), plan,
      {.per_wire = DeviceRun::descriptors_each(options), .others = tracing.descriptors_to_come()},
      stop);
  if (!transport && transport.error().code == std::errc::operation_canceled) return {};
  if (!transport) return transport.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  DeviceRun run(context, *device, options, tracing);
  const auto served = (*transport)->serve(device->registers(), run.runs());
  if (!served) return served.error();
  auto* const guest = (*transport)->guest();
  if (guest == nullptr)
    context.run();
  else if (auto ran = run_with_guest(context, *guest, plan, entry); !ran)
    return ran;
  return run.result();
}

Result<void> print_capabilities(const DeviceOptions& options) {
  const auto capabilities = vhost_user_capabilities(options.name);
  if (!capabilities) return capabilities.error();
  std::cout << *capabilities << '\n';
  return {};
}

Result<void> run_device(const DeviceOptions& options) {
  if (auto placed = check_place(options); !placed) return placed;
  if (options.print_capabilities) return print_capabilities(options);
  const auto* const function = find_function(options.name);
  if (function != nullptr)
    if (auto refused = refuse_ring_options(options); !refused) return refused;
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  const auto* const virtio = virtio_entry(options);
  const auto facts = facts_of(options);
  if (!facts) return facts.error();
  Tracing tracing(options.tracing, *facts);
  if (auto started = tracing.start(); !started) return started;
  const auto ran = virtio != nullptr     ? run_virtio(context, *virtio, options, tracing)
                   : function != nullptr ? run_function(context, *function, options.on.front())
                                         : run_attached(context, options, tracing, stop.fd());
  const auto finished = tracing.finish();
  return ran ? finished : ran;
}

std::string describe_devices_and_transports() {
  std::string page = "\nRing devices, for our module, or on virtqueues:\n";
  for (const auto& entry : catalog()) page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nWhole PCI devices, for vfio-user:PATH only:\n";
  for (const auto& entry : functions()) page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nVirtio devices, for stock drivers:\n";
  for (const auto& entry : virtio_devices())
    page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nTransports:\n";
  for (const auto& entry : transports())
    page += text("  {}\n            {}\n", entry.syntax, entry.summary);
  return page +
         "\nA device that is killed loses nothing: start it again, and it continues where it "
         "stopped.";
}

}  // namespace

void add_device(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("device", "Run a device on a transport");
  command->footer(describe_devices_and_transports());
  auto options = std::make_shared<DeviceOptions>();
  add_device_options(*command, *options);
  command->callback([&run, options] { run = [options] { return run_device(*options); }; });
}

}  // namespace bellwire::host
