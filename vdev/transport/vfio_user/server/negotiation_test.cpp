// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/negotiation.hpp"

#include <doctest/doctest.h>

using namespace bellwire;
using namespace bellwire::vfio_user;

namespace {

Result<Proposal> proposal(std::string_view json, std::size_t zeros = 1) {
  Bytes payload;
  append(payload, Version{0, 3});
  append(payload, std::as_bytes(std::span(json)));
  payload.resize(payload.size() + zeros);
  return read_version(payload);
}

Result<Capabilities> capabilities(std::string_view json) {
  const auto read = proposal(json);
  if (!read) return read.error();
  return read->capabilities;
}

// What we answer to whoever proposes this.
std::string answer(std::string_view json) {
  const auto payload = write_version(proposal(json).value().named);
  return reinterpret_cast<const char*>(payload.data()) + sizeof(Version);
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
  const auto own = read_version(payload).value().capabilities;
  CHECK(own.max_msg_fds == 16);
  CHECK(own.max_data_xfer_size == 1 << 20);
  CHECK(own.write_multiple);
}

TEST_CASE("a reply names what was proposed, and nothing else") {
  CHECK(answer("{}") == R"({"capabilities":{}})");
  CHECK(answer(R"({"capabilities":{}})") == R"({"capabilities":{}})");
  CHECK(answer(R"({"capabilities":{"max_msg_fds":32,"max_data_xfer_size":1024}})") ==
        R"({"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576}})");
  CHECK(answer(R"({"capabilities":{"twin_socket":{"supported":true},"migration":{}}})") ==
        R"({"capabilities":{}})");
}

TEST_CASE("small limits are limits, down to 0") {
  const auto small = capabilities(R"({"capabilities":{"max_msg_fds":0,"max_data_xfer_size":1}})");
  CHECK(small.value().max_msg_fds == 0);
  CHECK(small.value().max_data_xfer_size == 1);
  const auto none = capabilities(R"({"capabilities":{"max_data_xfer_size":0}})");
  CHECK(none.value().max_data_xfer_size == 0);
}

TEST_CASE("version data may be padded with zeros, and nothing but zeros") {
  CHECK(proposal("{}", 40).has_value());
  CHECK(proposal("{}", 0).has_error());
  CHECK(proposal(std::string_view("{}\0x", 4)).has_error());
}
