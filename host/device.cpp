// SPDX-License-Identifier: BSD-3-Clause
#include "host/device.hpp"

#include <optional>

#include "host/guest_run.hpp"
#include "host/stop_on_signal.hpp"
#include "host/transports.hpp"
#include "vdev/asio/one_thread.hpp"
#include "vdev/devices/catalog.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/runner/moderation.hpp"
#include "vdev/runner/runner.hpp"

namespace bellwire::host {

namespace {

Result<void> run_function(const FunctionEntry& entry, const std::string& on) {
  const auto function = entry.create();
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  const auto server = serve_function(context, *function, on);
  if (!server) return server.error();
  log::info("{} is served on {}", entry.name, on);
  context.run();
  return {};
}

}  // namespace

Result<void> run_device(const DeviceOptions& options) {
  if (const auto* const function = find_function(options.name)) {
    if (options.poll.polling != Polling::off)
      return fault(std::errc::invalid_argument, "--poll: {} has no ring to look at", options.name);
    if (options.moderate.count() > 0)
      return fault(std::errc::invalid_argument, "--moderate: {} raises its interrupts itself",
                   options.name);
    return run_function(*function, options.on);
  }
  const auto& entry = *find_device(options.name);
  const auto device = entry.create();
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  GuestPlan plan;
  const auto transport = create_transport(context, options.on, plan);
  if (!transport) return transport.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  for (bool again = true; again;) {
    auto attachment = (*transport)->attach(device->registers());
    if (!attachment && attachment.error().code == std::errc::operation_canceled) return {};
    if (!attachment) return attachment.error();
    auto started = Moderation::start(context, *attachment, options.moderate);
    if (!started) return started.error();
    auto moderation = std::optional(std::move(*started));
    auto runner = std::optional(
        Runner::start(context, *device, std::move(*attachment), options.poll.polling));
    if (!*runner) return runner->error();
    log::info("{} runs on {}", options.name, options.on);
    if (auto* const guest = (*transport)->guest())
      return run_with_guest(context, *guest, plan, entry);
    (*transport)->on_detach([&] {
      runner.reset();
      moderation.reset();
      context.stop();
    });
    context.run();
    again = !runner;
    context.restart();
  }
  return {};
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
