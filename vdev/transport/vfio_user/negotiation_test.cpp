// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/negotiation.hpp"

#include <doctest/doctest.h>

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

Result<Capabilities> capabilities(std::string_view json) {
  Bytes payload;
  append(payload, Version{0, 3});
  append(payload, std::as_bytes(std::span(json)));
  payload.push_back(std::byte{0});
  return read_version(payload);
}

}  // namespace

TEST_CASE("a side that says nothing takes the defaults") {
  const auto plain = capabilities("{}").value();
  CHECK(plain.max_msg_fds == 1);
  CHECK(plain.max_data_xfer_size == 1 << 20);
  CHECK_FALSE(plain.write_multiple);
}

TEST_CASE("what QEMU says is understood, and what is new is passed over") {
  const auto qemu = capabilities(R"({"capabilities": {"max_msg_fds": 16, "pgsizes": 4096,
      "max_data_xfer_size": 65536, "max_dma_maps": 65535, "write_multiple": true,
      "migration": {"pgsize": 4096}}, "more": []})")
                        .value();
  CHECK(qemu.max_msg_fds == 16);
  CHECK(qemu.max_data_xfer_size == 65536);
  CHECK(qemu.write_multiple);
}

TEST_CASE("our own version is one that we understand, and that QEMU does not refuse") {
  const auto payload = write_version();
  CHECK(head<Version>(payload)->minor == 0);  // QEMU takes no later one
  const auto own = read_version(payload).value();
  CHECK(own.max_msg_fds == 16);
  CHECK(own.max_data_xfer_size == 1 << 20);
  CHECK(own.write_multiple);
}
