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
  if (options.tracing.file || !options.tracing.control.empty())
    return fault(std::errc::invalid_argument,
                 "--trace, --control: {} is a virtio device, whose requests are not recorded",
                 entry.name);
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

}  // namespace

Result<void> run_virtio(boost::asio::io_context& context, const VirtioEntry& entry,
                        const DeviceOptions& options, int stop) {
  if (auto good = check_options(entry, options); !good) return good;
  const auto device = entry.create(options.virtio);
  if (!device) return device.error();
  const virtio::BackendOptions backend{
      .polling = options.poll.polling, .moderate = options.moderate, .drop = options.drop};
  const auto service = serve_virtio(context, **device, options.on, backend, stop);
  if (!service && service.error().code == std::errc::operation_canceled) return {};
  if (!service) return service.error();
  if (options.poll.cpu)
    if (auto pinned = os::pin_thread(*options.poll.cpu); !pinned) return pinned;
  boost::asio::signal_set asked(context, SIGUSR1);
  on_each(asked, [&] { (*device)->refresh(); });
  log::info("{} is served on {}", entry.name, options.on);
  context.run();
  return check_dropped(options.drop, *backend.came);
}

}  // namespace bellwire::host
