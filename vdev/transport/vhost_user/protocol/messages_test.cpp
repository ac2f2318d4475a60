// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/protocol/messages.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

using namespace bellwire;
using namespace bellwire::vhost_user;

namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};

Message message(Request request, std::size_t payload, std::size_t fds = 0,
                std::uint32_t flags = flags::version) {
  Message made{{static_cast<std::uint32_t>(request), flags, 0}, Bytes(payload), {}};
  for (std::size_t at = 0; at < fds; ++at)
    made.fds.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return made;
}

bool good(const Message& message, ProtocolFeatures features = {all, all}) {
  const auto checked = check_request(message, features);
  if (checked) return true;
  CHECK(checked.error().code == std::errc::protocol_error);
  CHECK(checked.error().message.find(name_of(message.header.request)) != std::string::npos);
  return false;
}

template <class T>
Message with(Request request, const T& payload, std::size_t fds = 0) {
  auto made = message(request, 0, fds);
  append(made.payload, payload);
  return made;
}

}  // namespace

TEST_CASE("each message has exactly the sizes of its rule") {
  for (const auto& rule : message_rules()) {
    if (rule.request == Request::set_mem_table) continue;
    const auto fds = fds_of(rule, Bytes(rule.least_payload), all).least;
    CAPTURE(rule.name);
    CHECK(good(message(rule.request, rule.least_payload, fds)));
    CHECK(good(message(rule.request, rule.most_payload, fds)));
    CHECK_FALSE(good(message(rule.request, rule.most_payload + 1, fds)));
    if (rule.least_payload > 0)
      CHECK_FALSE(good(message(rule.request, rule.least_payload - 1, fds)));
  }
}

TEST_CASE("there is no other message, and a reply that nobody asked for is none") {
  CHECK_FALSE(good(message(Request{0}, 0)));
  CHECK_FALSE(good(message(Request{46}, 0)));
  CHECK_FALSE(good(message(Request::get_features, 0, 0, 0x5)));
}

TEST_CASE("a memory table has one to eight regions, and a descriptor for each") {
  const auto table = [](std::uint32_t regions, std::size_t room, std::size_t fds) {
    auto made = with(Request::set_mem_table, std::uint64_t{regions}, fds);
    made.payload.resize(8 + room * sizeof(MemoryRegion));
    return good(made);
  };
  CHECK(table(1, 1, 1));
  CHECK(table(3, 8, 3));
  CHECK(table(8, 8, 8));
  CHECK_FALSE(table(0, 0, 0));
  CHECK_FALSE(table(2, 1, 2));
  CHECK_FALSE(table(2, 2, 1));
  CHECK_FALSE(table(2, 2, 3));
  CHECK_FALSE(table(9, 8, 8));
  CHECK_FALSE(table(0xFFFFFFFF, 8, 8));
}

TEST_CASE("a kick comes with its descriptor unless it says that it has none") {
  for (const auto request :
       {Request::set_vring_kick, Request::set_vring_call, Request::set_vring_err}) {
    CHECK(good(with(request, std::uint64_t{1}, 1)));
    CHECK(good(with(request, std::uint64_t{1} | vhost_user::vring::no_fd, 0)));
    CHECK_FALSE(good(with(request, std::uint64_t{1}, 0)));
    CHECK_FALSE(good(with(request, std::uint64_t{1}, 2)));
    CHECK_FALSE(good(with(request, std::uint64_t{1} | vhost_user::vring::no_fd, 1)));
  }
}

TEST_CASE("a removed region may come with a descriptor, nothing else with one too many") {
  CHECK(good(message(Request::rem_mem_reg, sizeof(SingleRegion), 1)));
  CHECK_FALSE(good(message(Request::rem_mem_reg, sizeof(SingleRegion), 2)));
  CHECK_FALSE(good(message(Request::add_mem_reg, sizeof(SingleRegion), 0)));
  CHECK_FALSE(good(message(Request::get_features, 0, 1)));
}

TEST_CASE("a message whose protocol feature was not offered is refused") {
  CHECK_FALSE(good(message(Request::get_status, 0), {all & ~bit(feature::status), all}));
  CHECK(good(message(Request::get_status, 0), {bit(feature::status), 0}));
  CHECK(good(message(Request::get_queue_num, 0), {bit(feature::mq), 0}));
  CHECK_FALSE(good(message(Request::get_queue_num, 0), {0, 0}));
  CHECK(good(message(Request::set_features, 8), {}));
}

TEST_CASE("a request is answered once: by itself, or when it asks") {
  const auto asks = [](Request request, std::uint32_t flags, std::uint64_t features) {
    return answered(*rule_of(static_cast<std::uint32_t>(request)), flags, features);
  };
  CHECK(asks(Request::get_features, 1, 0));
  CHECK_FALSE(asks(Request::set_features, 1, all));
  CHECK_FALSE(asks(Request::set_features, 9, 0));
  CHECK(asks(Request::set_features, 9, bit(feature::reply_ack)));
  CHECK(asks(Request::set_log_base, 1, bit(feature::log_shmfd)));
  CHECK_FALSE(asks(Request::set_log_base, 1, 0));
  CHECK(asks(Request::iotlb_msg, 1, 0));
}

TEST_CASE("names are those of the specification") {
  CHECK(name_of(39) == "SET_STATUS");
  CHECK(name_of(4711) == "request 4711");
  CHECK(name_of_backend(2) == "CONFIG_CHANGE_MSG");
  CHECK(name_of_backend(0) == "request 0");
}
