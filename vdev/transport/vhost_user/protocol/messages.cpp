// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/protocol/messages.hpp"

#include <iterator>

namespace bellwire::vhost_user {
namespace {

using enum Request;
using enum Answer;

constexpr std::size_t u64 = sizeof(std::uint64_t);
constexpr std::size_t state = sizeof(vhost_vring_state);
constexpr std::size_t single = sizeof(SingleRegion);
constexpr std::size_t shared = sizeof(SharedObject);
constexpr std::size_t longest_config = sizeof(ConfigAccess) + most_config;

// Each row: sizes of the payload, numbers of descriptors, the answer.
constexpr MessageRule rules[] = {
    {get_features, "GET_FEATURES", 0, 0, 0, 0, always, u64},
    {set_features, "SET_FEATURES", u64, u64, 0, 0, on_demand, u64},
    {set_owner, "SET_OWNER", 0, 0, 0, 0, on_demand, u64},
    {reset_owner, "RESET_OWNER", 0, 0, 0, 0, on_demand, u64},
    {set_mem_table, "SET_MEM_TABLE", 8, sizeof(MemoryTable), 0, most_regions, on_demand, u64},
    {set_log_base, "SET_LOG_BASE", u64, sizeof(Log), 0, 1, on_demand, u64},
    {set_log_fd, "SET_LOG_FD", 0, u64, 1, 1, on_demand, u64},
    {set_vring_num, "SET_VRING_NUM", state, state, 0, 0, on_demand, u64},
    {set_vring_addr, "SET_VRING_ADDR", sizeof(vhost_vring_addr), sizeof(vhost_vring_addr), 0, 0,
     on_demand, u64},
    {set_vring_base, "SET_VRING_BASE", state, state, 0, 0, on_demand, u64},
    {get_vring_base, "GET_VRING_BASE", state, state, 0, 0, always, state},
    {set_vring_kick, "SET_VRING_KICK", u64, u64, 0, 1, on_demand, u64},
    {set_vring_call, "SET_VRING_CALL", u64, u64, 0, 1, on_demand, u64},
    {set_vring_err, "SET_VRING_ERR", u64, u64, 0, 1, on_demand, u64},
    {get_protocol_features, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, always, u64},
    {set_protocol_features, "SET_PROTOCOL_FEATURES", u64, u64, 0, 0, on_demand, u64},
    {get_queue_num, "GET_QUEUE_NUM", 0, 0, 0, 0, always, u64, feature::mq, true},
    {set_vring_enable, "SET_VRING_ENABLE", state, state, 0, 0, on_demand, u64},
    {send_rarp, "SEND_RARP", u64, u64, 0, 0, on_demand, u64, feature::rarp, true},
    {net_set_mtu, "NET_SET_MTU", u64, u64, 0, 0, on_demand, u64, feature::mtu},
    {set_backend_req_fd, "SET_BACKEND_REQ_FD", 0, u64, 1, 1, on_demand, u64, feature::backend_req,
     true},
    {iotlb_msg, "IOTLB_MSG", sizeof(vhost_iotlb_msg), sizeof(vhost_iotlb_msg), 0, 0, always, u64},
    {set_vring_endian, "SET_VRING_ENDIAN", state, state, 0, 0, on_demand, u64,
     feature::cross_endian},
    {get_config, "GET_CONFIG", sizeof(ConfigAccess), longest_config, 0, 0, always, 0,
     feature::config},
    {set_config, "SET_CONFIG", sizeof(ConfigAccess), longest_config, 0, 0, on_demand, u64,
     feature::config},
    {create_crypto_session, "CREATE_CRYPTO_SESSION", 0, most_payload, 0, 0, always, 0,
     feature::crypto_session},
    {close_crypto_session, "CLOSE_CRYPTO_SESSION", u64, u64, 0, 0, on_demand, u64,
     feature::crypto_session},
    {postcopy_advise, "POSTCOPY_ADVISE", 0, 0, 0, 0, always, 0, feature::pagefault},
    {postcopy_listen, "POSTCOPY_LISTEN", 0, 0, 0, 0, on_demand, u64, feature::pagefault},
    {postcopy_end, "POSTCOPY_END", 0, 0, 0, 0, always, u64, feature::pagefault},
    {get_inflight_fd, "GET_INFLIGHT_FD", least_inflight, sizeof(Inflight), 0, 0, always, 0,
     feature::inflight_shmfd},
    {set_inflight_fd, "SET_INFLIGHT_FD", least_inflight, sizeof(Inflight), 1, 1, on_demand, u64,
     feature::inflight_shmfd},
    {gpu_set_socket, "GPU_SET_SOCKET", 0, 0, 1, 1, on_demand, u64},
    {reset_device, "RESET_DEVICE", 0, 0, 0, 0, on_demand, u64, feature::reset_device, true},
    {vring_kick, "VRING_KICK", state, state, 0, 0, on_demand, u64, feature::inband_notifications},
    {get_max_mem_slots, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0, always, u64, feature::configure_mem_slots},
    {add_mem_reg, "ADD_MEM_REG", single, single, 1, 1, on_demand, u64,
     feature::configure_mem_slots},
    {rem_mem_reg, "REM_MEM_REG", single, single, 0, 1, on_demand, u64,
     feature::configure_mem_slots},
    {set_status, "SET_STATUS", u64, u64, 0, 0, on_demand, u64, feature::status},
    {get_status, "GET_STATUS", 0, 0, 0, 0, always, u64, feature::status},
    {get_shared_object, "GET_SHARED_OBJECT", shared, shared, 0, 0, always, 0,
     feature::shared_object},
    {set_device_state_fd, "SET_DEVICE_STATE_FD", sizeof(DeviceStateTransfer),
     sizeof(DeviceStateTransfer), 1, 1, always, u64, feature::device_state},
    {check_device_state, "CHECK_DEVICE_STATE", 0, 0, 0, 0, always, u64, feature::device_state},
    {get_shmem_config, "GET_SHMEM_CONFIG", 0, 0, 0, 0, always, sizeof(ShmemConfig), feature::shmem},
    {get_vring_base_skip_drain, "GET_VRING_BASE_SKIP_DRAIN", state, state, 0, 0, always, state,
     feature::get_vring_base_skip_drain},
};

constexpr bool in_order() {
  for (std::size_t at = 0; at < std::size(rules); ++at)
    if (static_cast<std::size_t>(rules[at].request) != at + 1) return false;
  return true;
}
static_assert(in_order());

constexpr std::string_view backend_names[] = {
    "IOTLB_MSG", "CONFIG_CHANGE_MSG", "VRING_HOST_NOTIFIER_MSG", "VRING_CALL",
    "VRING_ERR", "SHARED_OBJECT_ADD", "SHARED_OBJECT_REMOVE",    "SHARED_OBJECT_LOOKUP",
    "SHMEM_MAP", "SHMEM_UNMAP",
};

std::string name_in(std::span<const std::string_view> names, std::uint32_t request) {
  if (request == 0 || request > names.size()) return text("request {}", request);
  return std::string(names[request - 1]);
}

Result<void> check_fds(const MessageRule& rule, const Message& message, std::uint64_t negotiated) {
  const auto [least, most] = fds_of(rule, message.payload, negotiated);
  const auto fds = message.fds.size();
  if (fds >= least && fds <= most) return {};
  return fault(std::errc::protocol_error, "{} with {} descriptors: {} {}", rule.name, fds,
               least == most ? "it has" : "it has at most", most);
}

// The regions that the table says it has must be there; behind them, room for up to eight may be.
Result<void> check_table(const Message& message) {
  const auto regions = head<std::uint32_t>(message.payload).value_or(0);
  const auto size = message.payload.size() - offsetof(MemoryTable, regions);
  if (regions == 0 || regions > most_regions)
    return fault(std::errc::protocol_error, "SET_MEM_TABLE with {} regions: it has 1 to {}",
                 regions, most_regions);
  if (size < regions * sizeof(MemoryRegion) || size % sizeof(MemoryRegion) != 0)
    return fault(std::errc::protocol_error, "SET_MEM_TABLE with {} bytes of {} regions", size,
                 regions);
  return {};
}

Result<void> check_payload(const MessageRule& rule, const Message& message) {
  const auto size = message.payload.size();
  if (size < rule.least_payload || size > rule.most_payload)
    return fault(std::errc::protocol_error, "{} with {} bytes of payload: it has {} to {}",
                 rule.name, size, rule.least_payload, rule.most_payload);
  return rule.request == set_mem_table ? check_table(message) : Result<void>();
}

bool legal(const MessageRule& rule, const ProtocolFeatures& features) {
  return !rule.needs || (features.offered & bit(*rule.needs)) != 0;
}

}  // namespace

std::span<const MessageRule> message_rules() noexcept {
  return rules;
}

const MessageRule* rule_of(std::uint32_t request) noexcept {
  return request == 0 || request > std::size(rules) ? nullptr : &rules[request - 1];
}

std::string name_of(std::uint32_t request) {
  const auto* rule = rule_of(request);
  return rule != nullptr ? std::string(rule->name) : text("request {}", request);
}

std::string name_of_backend(std::uint32_t request) {
  return name_in(backend_names, request);
}

bool answered(const MessageRule& rule, std::uint32_t flags,
              std::uint64_t protocol_features) noexcept {
  if (rule.answer == Answer::always) return true;
  if (rule.request == set_log_base && (protocol_features & bit(feature::log_shmfd)) != 0)
    return true;
  return (flags & flags::need_reply) != 0 && (protocol_features & bit(feature::reply_ack)) != 0;
}

FdCount fds_of(const MessageRule& rule, std::span<const std::byte> payload,
               std::uint64_t protocol_features) noexcept {
  switch (rule.request) {
    case set_vring_kick:
    case set_vring_call:
    case set_vring_err: {
      const auto value = head<std::uint64_t>(payload).value_or(0);
      const std::size_t count = (value & vring::no_fd) != 0 ? 0 : 1;
      return {count, count};
    }
    case set_mem_table: {
      const auto count = head<std::uint32_t>(payload).value_or(0);
      return {count, count};
    }
    case set_log_base: {
      const std::size_t count = (protocol_features & bit(feature::log_shmfd)) != 0 ? 1 : 0;
      return {count, 1};
    }
    default:
      return {rule.least_fds, rule.most_fds};
  }
}

Result<void> check_request(const Message& message, const ProtocolFeatures& features) {
  const auto* rule = rule_of(message.header.request);
  if (rule == nullptr)
    return fault(std::errc::protocol_error, "request {}: there is no such message",
                 message.header.request);
  if (message.reply())
    return fault(std::errc::protocol_error,
                 "{} with the reply flag (flags {:#x}): nothing was asked", rule->name,
                 message.header.flags);
  if (!legal(*rule, features))
    return fault(std::errc::protocol_error, "{} needs protocol feature {}, which was not offered",
                 rule->name, *rule->needs);
  if (auto checked = check_payload(*rule, message); !checked) return checked.error();
  return check_fds(*rule, message, features.negotiated);
}

}  // namespace bellwire::vhost_user
