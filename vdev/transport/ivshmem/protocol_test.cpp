// SPDX-License-Identifier: BSD-3-Clause
//
// Rules 41 to 45 of docs/semantics.md, from the side of a peer: what a server may say, and when.
#include "vdev/transport/ivshmem/protocol.hpp"

#include <doctest/doctest.h>

#include "vdev/os/memory.hpp"

using namespace bellwire;
using ivshmem::Message;
using ivshmem::PeerState;
using Kind = PeerState::Change::Kind;

namespace {

os::UniqueFd event() {
  return os::EventFd::create().value().release();
}
os::UniqueFd memory() {
  return os::create_memfd("test", 4096).value();
}

PeerState with_id(std::int64_t id) {
  PeerState state;
  REQUIRE(state.take({0, {}}).has_value());
  REQUIRE(state.take({id, {}}).has_value());
  return state;
}

}  // namespace

TEST_CASE("rules 41, 43: version, ID, memory, peers' vectors, own vectors") {
  PeerState state;
  CHECK(std::string(state.missing()) == "the protocol version");
  CHECK(state.take({0, {}})->kind == Kind::none);
  CHECK(std::string(state.missing()) == "an ID");
  CHECK(state.take({7, {}})->kind == Kind::none);
  CHECK(std::string(state.missing()) == "the shared memory");
  CHECK(state.take({-1, memory()})->kind == Kind::memory);
  CHECK(std::string(state.missing()) == "vectors");
  CHECK(state.take({3, event()})->kind == Kind::peer_vector);
  CHECK(state.take({3, event()})->id == 3);
  CHECK(state.take({7, event()})->kind == Kind::own_vector);
  CHECK(state.own_vectors().size() == 1);
  CHECK(state.peers().at(3).size() == 2);
}

TEST_CASE("rule 42: peers may come before the memory") {
  auto state = with_id(7);
  CHECK(state.take({3, event()})->kind == Kind::peer_vector);
  CHECK(state.take({-1, memory()})->kind == Kind::memory);
}

TEST_CASE("rule 44: an ID without a descriptor is that peer's disconnect, and only a peer's") {
  auto state = with_id(7);
  REQUIRE(state.take({3, event()}).has_value());
  CHECK(state.take({3, {}})->kind == Kind::peer_left);
  CHECK(state.peers().empty());
  CHECK(state.take({3, {}}).has_error());  // 45: twice
  CHECK(state.take({7, {}}).has_error());  // our own
  CHECK(state.take({9, {}}).has_error());  // never there
}

TEST_CASE("what cannot be is refused") {
  CHECK(PeerState().take({1, {}}).has_error());       // another version
  CHECK(PeerState().take({0, event()}).has_error());  // a version with a descriptor
  for (const std::int64_t id : {-1, -2, 65536}) {
    PeerState state;
    REQUIRE(state.take({0, {}}).has_value());
    CHECK(state.take({id, {}}).has_error());
  }
  CHECK(with_id(1).take({-1, {}}).has_error());       // memory without a descriptor
  CHECK(with_id(1).take({-2, event()}).has_error());  // a negative peer
  CHECK(with_id(1).take({65536, event()}).has_error());
  CHECK(with_id(1).take({2, memory()}).has_error());  // a vector that is not an eventfd
  auto twice = with_id(1);
  REQUIRE(twice.take({-1, memory()}).has_value());
  CHECK(twice.take({-1, memory()}).has_error());
}
