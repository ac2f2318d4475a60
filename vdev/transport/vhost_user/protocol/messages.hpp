// SPDX-License-Identifier: BSD-3-Clause
//
// What each message of a front-end must look like, and how it is answered: one table, for whoever
// sends them and whoever receives them. Any thread.
// Source: QEMU, docs/interop/vhost-user.rst, "Front-end message types" and "Communication".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vdev/os/result.hpp"
#include "vdev/transport/vhost_user/protocol/framing.hpp"

namespace bellwire::vhost_user {

/// How a request is answered.
enum class Answer : std::uint8_t {
  on_demand,  ///< a u64, 0 for success, if flags::need_reply is set and reply_ack was negotiated
  always,     ///< with a payload of its own, and nothing else
};

struct MessageRule {
  Request request;
  std::string_view name;  ///< as in the specification, without VHOST_USER_
  std::size_t least_payload;
  std::size_t most_payload;
  std::size_t least_fds;  ///< see fds_of() for those whose payload says how many
  std::size_t most_fds;
  Answer answer;
  std::size_t answer_payload;          ///< 0: none, or as long as the request's
  std::optional<unsigned> needs = {};  ///< the protocol feature that makes the message legal
  bool offer_suffices = false;         ///< to send it before that was acknowledged
};

/// The rules of all messages, by number.
[[nodiscard]] std::span<const MessageRule> message_rules() noexcept;

/// The rule of a request. Null: there is no such message.
[[nodiscard]] const MessageRule* rule_of(std::uint32_t request) noexcept;

/// "SET_FEATURES", or "request 4711".
[[nodiscard]] std::string name_of(std::uint32_t request);

/// The same for a back-end's request: "CONFIG_CHANGE_MSG".
[[nodiscard]] std::string name_of_backend(std::uint32_t request);

/// Whether a request with that payload is answered, `protocol_features` being what was negotiated,
/// and `flags` the request's.
[[nodiscard]] bool answered(const MessageRule& rule, std::uint32_t flags,
                            std::uint64_t protocol_features) noexcept;

/// How many descriptors must come with this request: the least and the most. The vring messages say
/// it in their payload, and so does the memory table.
struct FdCount {
  std::size_t least, most;
};
[[nodiscard]] FdCount fds_of(const MessageRule& rule, std::span<const std::byte> payload,
                             std::uint64_t protocol_features) noexcept;

/// Protocol features: what the back-end offers, and what the front-end has taken of that.
struct ProtocolFeatures {
  std::uint64_t offered = 0;
  std::uint64_t negotiated = 0;
};

/// Checks a request of a front-end: its number, flags, size and descriptors, and that the protocol
/// feature that it needs was offered. Whether it was acknowledged is not asked (docs/decisions, "A
/// front-end may use what it was offered"). EPROTO names the message and what is wrong with it.
[[nodiscard]] Result<void> check_request(const Message& message, const ProtocolFeatures& features);

}  // namespace bellwire::vhost_user
