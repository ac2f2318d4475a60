// SPDX-License-Identifier: BSD-3-Clause
#include "host/device/virtio_run.hpp"

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>

#include "host/device/device_run.hpp"
#include "host/device/transports.hpp"
#include "vdev/log/log.hpp"
#include "vdev/os/cpu.hpp"

namespace bellwire::host {
namespace {

Result<void> check_options(const VirtioEntry& entry, const DeviceOptions& options) {
  for (const auto& name : options.virtio_given)
    if (std::ranges::find(entry.options, name) == entry.options.end())
      return fault(std::errc::invalid_argument, "{}: {} has no such option", name, entry.name);
  return {};
}

// Until the signals are canceled, or the context ends.
void on_each(boost::asio::signal_set& signals, std::function<void()> act) {
  signals.async_wait([&signals, act = std::move(act)](const auto& error, int) {
    if (error) return;
    act();
    on_each(signals, act);
  });
}

// Ends the context when the last place says that nobody can come any more.
std::function<void()> ends_with_last(boost::asio::io_context& context, std::size_t places) {
  return [&context, left = std::make_shared<std::size_t>(places)] {
    if (--*left == 0) context.stop();
  };
}

Result<std::vector<VirtioService>> serve_all(boost::asio::io_context& context,
                                             const VirtioDevices& devices,
                                             const std::vector<std::string>& on, VirtioPlan plan) {
  plan.places = static_cast<unsigned>(devices.size());
  plan.on_end = ends_with_last(context, devices.size());
  std::vector<VirtioService> services;
  for (unsigned index = 0; index < devices.size(); ++index) {
    plan.backend.first_queue = index * devices[index]->traits().queues;
    auto service = serve_virtio(context, *devices[index], on[index], plan);
    if (!service) return service.error();
    services.push_back(std::move(*service));
  }
  return services;
}

// Null: nobody asked for it.
Result<std::shared_ptr<virtio::Watch>> watch_of(const VirtioDevices& devices,
                                                const TracingOptions& tracing) {
  if (!tracing.wanted()) return std::shared_ptr<virtio::Watch>();
  const auto traits = devices.front()->traits();
  auto watch = virtio::Watch::create(
      traits.kind, traits.queues * static_cast<unsigned>(devices.size()), traits.queue_size);
  if (!watch) return Error{watch.error().code, "--control, --trace: " + watch.error().message};
  return std::make_shared<virtio::Watch>(std::move(*watch));
}

}  // namespace

Result<void> run_virtio(boost::asio::io_context& context, const VirtioEntry& entry,
                        const DeviceOptions& options, Tracing& tracing,
                        const DeviceJournal& journal) {
  if (auto good = check_options(entry, options); !good) return good;
  auto chosen = options.virtio;
  chosen.places = static_cast<unsigned>(options.on.size());
  const auto devices = entry.create(context, chosen);
  if (!devices) return devices.error();
  const auto watch = watch_of(*devices, options.tracing);
  if (!watch) return watch.error();
  const auto watched = *watch ? tracing.attach((*watch)->layout()) : Registration();
  const auto tap = journal.virtio_tap();
  const VirtioPlan plan{.backend = {.polling = options.poll.polling,
                                    .moderate = options.moderate,
                                    .faults = options.faults,
                                    .watch = *watch,
                                    .tap = tap.get()},
                        .other_descriptors = tracing.descriptors_to_come()};
  const auto services = serve_all(context, *devices, options.on, plan);
  if (!services) return services.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  boost::asio::signal_set asked(context, SIGUSR1);
  on_each(asked, [&] {
    for (const auto& device : *devices) device->refresh();
  });
  for (const auto& on : options.on) log::info("{} is served on {}", entry.name, on);
  context.run();
  return {};
}

}  // namespace bellwire::host
