// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vfio_user/negotiation.hpp"

#include <boost/json.hpp>

namespace bellwire::vfio_user {
namespace {
namespace json = boost::json;

constexpr std::size_t deepest = 8;  // levels of JSON

Error refused(const char* what) {
  return fault(std::errc::invalid_argument, "version data: {}", what);
}

Result<void> take_number(const json::object& object, const char* name, std::uint64_t& number) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr) return {};
  boost::system::error_code error;
  const auto read = value->to_number<std::uint64_t>(error);
  if (error)
    return fault(std::errc::invalid_argument, "version data: '{}' is no number of things", name);
  number = read;
  return {};
}

Result<Capabilities> read_capabilities(const json::object& object) {
  Capabilities told;
  const std::pair<const char*, std::uint64_t*> numbers[] = {
      {"max_msg_fds", &told.max_msg_fds},
      {"max_data_xfer_size", &told.max_data_xfer_size},
      {"pgsizes", &told.pgsizes},
  };
  for (const auto& number : numbers)
    if (auto taken = take_number(object, number.first, *number.second); !taken)
      return taken.error();
  if (const auto* const multiple = object.if_contains("write_multiple")) {
    if (!multiple->is_bool()) return refused("'write_multiple' is neither true nor false");
    told.write_multiple = multiple->get_bool();
  }
  if (told.max_data_xfer_size < page_size)
    return refused("'max_data_xfer_size' is less than a page");
  return told;
}

Result<Capabilities> read_json(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = deepest;
  const auto value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return refused("it is no JSON object");
  const auto* const capabilities = value.get_object().if_contains("capabilities");
  if (capabilities == nullptr) return Capabilities{};
  if (!capabilities->is_object()) return refused("'capabilities' is no object");
  return read_capabilities(capabilities->get_object());
}

}  // namespace

Result<Capabilities> read_version(std::span<const std::byte> payload) {
  const auto version = head<Version>(payload);
  if (!version) return refused("it is cut off");
  if (version->major != protocol_major)
    return fault(std::errc::invalid_argument, "version {}.{}: only {}.{} is spoken here",
                 version->major, version->minor, protocol_major, protocol_minor);
  const auto data = payload.subspan(sizeof(Version));
  if (data.empty()) return Capabilities{};
  if (data.size() > most_version_data) return refused("it is longer than 4096 bytes");
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  if (text.find('\0') != text.size() - 1) return refused("it does not end at its one NUL");
  return read_json(text.substr(0, text.size() - 1));
}

Bytes write_version() {
  const auto& own = own_capabilities;
  const json::value data{{"capabilities",
                          {{"max_msg_fds", own.max_msg_fds},
                           {"max_data_xfer_size", own.max_data_xfer_size},
                           {"pgsizes", own.pgsizes},
                           {"write_multiple", own.write_multiple}}}};
  const auto text = json::serialize(data);
  Bytes payload;
  append(payload, Version{protocol_major, protocol_minor});
  append(payload, std::as_bytes(std::span(text.c_str(), text.size() + 1)));
  return payload;
}

}  // namespace bellwire::vfio_user
