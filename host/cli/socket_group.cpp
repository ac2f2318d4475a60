// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/socket_group.hpp"

#include <grp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "vdev/os/unix_socket.hpp"

namespace bellwire::host {
namespace {

std::optional<gid_t> number_in(const std::string& word) {
  gid_t number = 0;
  const auto* const end = word.data() + word.size();
  const auto [parsed, error] = std::from_chars(word.data(), end, number);
  constexpr auto none = static_cast<gid_t>(-1);
  return error == std::errc() && parsed == end && number != none ? std::optional(number)
                                                                 : std::nullopt;
}

// Says what to do about a socket that can't be the group's.
Error refusal(const Error& error, const std::string& option, const std::string& group) {
  if (error.code == std::errc::operation_not_permitted)
    return {error.code,
            text("{} {}: {}: user {} is not in that group; add the user to it and log in again, or "
                 "choose another group",
                 option, group, error.message, ::geteuid())};
  if (error.code == std::errc::invalid_argument)
    return {error.code, text("{} {}: {}: this user namespace does not have the group; start the "
                             "program outside of it",
                             option, group, error.message)};
  return error;
}

}  // namespace

void add_group(CLI::App& command, const std::string& name, std::optional<std::string>& group,
               const std::string& which) {
  command
      .add_option(name, group,
                  which +
                      " to this group, whose members may open it, too (0660); without it, "
                      "this user alone may (0600)")
      ->type_name("GROUP");
}

Result<gid_t> find_group(const std::string& group) {
  constexpr std::size_t most_bytes = std::size_t{16} << 20;  // a group with very many members
  std::vector<char> room(4096);
  for (;;) {
    struct group entry {};
    struct group* found = nullptr;
    const int error = ::getgrnam_r(group.c_str(), &entry, room.data(), room.size(), &found);
    if (error == ERANGE && room.size() < most_bytes) {
      room.resize(room.size() * 2);
      continue;
    }
    if (found != nullptr) return found->gr_gid;
    if (const auto number = number_in(group)) return *number;
    return fault(std::errc::no_such_file_or_directory,
                 "there is no group '{}'; `getent group` lists those that there are", group);
  }
}

Result<void> give_to_group(const std::string& option, const std::optional<std::string>& group,
                           const std::vector<std::string>& sockets) {
  if (!group) return {};
  if (sockets.empty())
    return fault(std::errc::invalid_argument,
                 "{} {}: no socket is served that could belong to it; leave it out", option,
                 *group);
  const auto id = find_group(*group);
  if (!id) return Error{id.error().code, text("{}: {}", option, id.error().message)};
  for (const auto& socket : sockets)
    if (const auto made = os::Listener::prepare(socket, *id); !made)
      return refusal(made.error(), option, *group);
  return {};
}

}  // namespace bellwire::host
