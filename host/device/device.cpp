// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/device.hpp"

#include <charconv>

#include "host/cli/stop_on_signal.hpp"
#include "host/device/device_run.hpp"
#include "host/device/guest_run.hpp"
#include "host/device/transports.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/log/log.hpp"
#include "vdev/loop/one_thread.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/os/limits.hpp"
#include "vdev/transport/card/card.hpp"

namespace bellwire::host {

namespace {

// That it takes at most, with its socket and a client, as a card does; each interrupt is one.
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
  TraceFacts facts{.transport = options.on.substr(0, options.on.find(':')),
                   .device = options.name,
                   .accelerator = accelerator_of(options.on)};
  for (const auto& words : options.facts) {
    const auto fact = parse_fact(words);
    if (!fact) return fact.error();
    if (auto added = add_fact(facts, *fact); !added) return added.error();
  }
  return facts;
}

// What a whole PCI device has no use for.
Result<void> refuse_ring_options(const DeviceOptions& options) {
  const auto refuse = [&](const char* option, const char* why) {
    return fault(std::errc::invalid_argument, "{}: {} {}", option, options.name, why);
  };
  if (options.poll.polling != Polling::off) return refuse("--poll", "has no ring to look at");
  if (options.moderate.count() > 0) return refuse("--moderate", "raises its interrupts itself");
  if (options.drop) return refuse("--drop", "has wires of its own");
  if (options.tracing.file) return refuse("--trace", "has no ring to record");
  return {};
}

// The device on its transport, until a signal or the end of the guest that it brought. What a guest
// or a peer does from then on ends an attachment, and never this.
Result<void> run_attached(boost::asio::io_context& context, const DeviceOptions& options,
                          Tracing& tracing) {
  const auto& entry = *find_device(options.name);
  const auto device = entry.create();
  GuestPlan plan;
  const auto transport = create_transport(context, options.on, plan,
                                          {.each_wire = DeviceRun::descriptors_each(options),
                                           .besides = tracing.descriptors_to_come()});
  if (!transport) return transport.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  DeviceRun run(context, *device, options, tracing);
  const auto served = (*transport)->serve(device->registers(), run.runs());
  if (!served) return served.error();
  if (auto* const guest = (*transport)->guest())
    return run_with_guest(context, *guest, plan, entry);
  context.run();
  return run.result();
}

}  // namespace

Result<void> run_device(const DeviceOptions& options) {
  const auto* const function = find_function(options.name);
  if (function != nullptr)
    if (auto refused = refuse_ring_options(options); !refused) return refused;
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  const auto facts = facts_of(options);
  if (!facts) return facts.error();
  Tracing tracing(options.tracing, *facts);
  if (auto started = tracing.start(); !started) return started;
  const auto ran = function != nullptr ? run_function(context, *function, options.on)
                                       : run_attached(context, options, tracing);
  const auto finished = tracing.finish();
  return ran ? finished : ran;
}

Result<DropPlan> parse_drop(const std::string& what) {
  constexpr std::pair<std::string_view, DropPlan::Wire> wires[] = {
      {"doorbell=", DropPlan::Wire::doorbell}, {"interrupt=", DropPlan::Wire::interrupt}};
  for (const auto& [name, wire] : wires) {
    if (!what.starts_with(name)) continue;
    std::uint64_t number = 0;
    const auto* const end = what.data() + what.size();
    const auto [parsed, error] = std::from_chars(what.data() + name.size(), end, number);
    if (error == std::errc() && parsed == end && number > 0) return DropPlan{wire, number};
  }
  return fault(std::errc::invalid_argument, "'{}': say doorbell=N or interrupt=N, from 1 on", what);
}

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const auto& entry : catalog()) names.emplace_back(entry.name);
  for (const auto& entry : functions()) names.emplace_back(entry.name);
  return names;
}

std::string describe_devices_and_transports() {
  std::string page = "\nDevices:\n";
  for (const auto& entry : catalog()) page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nDevices that are a whole PCI device, for vfio-user:PATH alone:\n";
  for (const auto& entry : functions()) page += text("  {:<10}{}\n", entry.name, entry.summary);
  page += "\nTransports:\n";
  for (const auto& entry : transports())
    page += text("  {}\n            {}\n", entry.syntax, entry.summary);
  return page +
         "\nA device that is killed loses nothing: start it again, and it goes on where it was.";
}

}  // namespace bellwire::host
