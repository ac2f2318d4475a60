// SPDX-License-Identifier: BSD-3-Clause
#include "host/switchboard.hpp"

#include "host/serve.hpp"

namespace bellwire::host {

Result<void> run_switchboard(const ivshmem::SwitchboardOptions& options) {
  boost::asio::io_context context(1);
  const auto switchboard = ivshmem::Switchboard::create(context, options);
  if (!switchboard) return switchboard.error();
  serve(context);
  return {};
}

}  // namespace bellwire::host
