// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/server/negotiation.hpp"

#include <boost/json.hpp>

namespace bellwire::vfio_user {
namespace {
namespace json = boost::json;

constexpr std::size_t deepest = 8;  // levels of JSON

Error refused(const char* what) {
  return fault(std::errc::invalid_argument, "version data: {}", what);
}

Result<void> take_number(const json::object& object, const char* name, std::uint64_t& number,
                         bool& named) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr) return {};
  boost::system::error_code error;
  const auto read = value->to_number<std::uint64_t>(error);
  if (error)
    return fault(std::errc::invalid_argument, "version data: '{}' is not a whole number from 0 on",
                 name);
  number = read;
  named = true;
  return {};
}

Result<void> take_bool(const json::object& object, const char* name, bool& value, bool& named) {
  const auto* const found = object.if_contains(name);
  if (found == nullptr) return {};
  if (!found->is_bool())
    return fault(std::errc::invalid_argument, "version data: '{}' is neither true nor false", name);
  value = found->get_bool();
  named = true;
  return {};
}

Result<Proposal> read_capabilities(const json::object& object) {
  Proposal proposal;
  auto& [values, named] = proposal;
  const Result<void> taken[] = {
      take_number(object, "max_msg_fds", values.max_msg_fds, named.max_msg_fds),
      take_number(object, "max_data_xfer_size", values.max_data_xfer_size,
                  named.max_data_xfer_size),
      take_number(object, "pgsizes", values.pgsizes, named.pgsizes),
      take_bool(object, "write_multiple", values.write_multiple, named.write_multiple),
  };
  for (const auto& one : taken)
    if (!one) return one.error();
  return proposal;
}

Result<Proposal> read_json(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = deepest;
  const auto value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return refused("it is not a JSON object");
  const auto* const capabilities = value.get_object().if_contains("capabilities");
  if (capabilities == nullptr) return Proposal{};
  if (!capabilities->is_object()) return refused("'capabilities' is not an object");
  return read_capabilities(capabilities->get_object());
}

}  // namespace

// Zeros behind the one that ends the text are padding.
Result<Proposal> read_version(std::span<const std::byte> payload) {
  const auto version = head<Version>(payload);
  if (!version) return refused("it is cut off");
  if (version->major != protocol_major)
    return fault(std::errc::invalid_argument, "version {}.{}: only {}.{} is supported",
                 version->major, version->minor, protocol_major, protocol_minor);
  const auto data = payload.subspan(sizeof(Version));
  if (data.empty()) return Proposal{};
  if (data.size() > most_version_data) return refused("it is longer than 4096 bytes");
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  const auto end = text.find('\0');
  if (end == text.npos || text.find_first_not_of('\0', end) != text.npos)
    return refused("it does not end at its first NUL");
  return read_json(text.substr(0, end));
}

Bytes write_version(const Named& named) {
  const auto& own = own_capabilities;
  json::object capabilities;
  if (named.max_msg_fds) capabilities["max_msg_fds"] = own.max_msg_fds;
  if (named.max_data_xfer_size) capabilities["max_data_xfer_size"] = own.max_data_xfer_size;
  if (named.pgsizes) capabilities["pgsizes"] = own.pgsizes;
  if (named.write_multiple) capabilities["write_multiple"] = own.write_multiple;
  const auto text = json::serialize(json::object{{"capabilities", std::move(capabilities)}});
  Bytes payload;
  append(payload, Version{protocol_major, protocol_minor});
  append(payload, std::as_bytes(std::span(text.c_str(), text.size() + 1)));
  return payload;
}

}  // namespace bellwire::vfio_user
