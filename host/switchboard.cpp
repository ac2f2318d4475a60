// SPDX-License-Identifier: BSD-3-Clause
#include "host/switchboard.hpp"

#include "host/cli/stop_on_signal.hpp"
#include "vdev/loop/one_thread.hpp"

namespace bellwire::host {

Result<void> run_switchboard(const ivshmem::SwitchboardOptions& options) {
  boost::asio::io_context context(one_thread);
  const StopOnSignal stop(context);
  const auto switchboard = ivshmem::Switchboard::create(context, options);
  if (!switchboard) return switchboard.error();
  context.run();
  return {};
}

}  // namespace bellwire::host
