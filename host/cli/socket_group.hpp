// SPDX-License-Identifier: BSD-3-Clause
//
// A group whose members may open the sockets that a program serves, too: `--group NAME`.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace CLI {
class App;
}

namespace bellwire::host {

/// `name GROUP`: `which` sockets belong to the group, and are 0660 in place of 0600.
void add_group(CLI::App& command, const std::string& name, std::optional<std::string>& group,
               const std::string& which);

/// The number of a group; of digits, if none has them for a name, that number. ENOENT: there is no
/// such group.
[[nodiscard]] Result<gid_t> find_group(const std::string& group);

/// Makes the sockets' files (os::Listener::prepare()), for that group if one is given. Before a
/// sandbox, which takes away all other groups. `option` is what gave the group. EINVAL: there are
/// no such sockets; ENOENT; EPERM: this user may not give files to that group.
[[nodiscard]] Result<void> give_to_group(const std::string& option,
                                         const std::optional<std::string>& group,
                                         const std::vector<std::string>& sockets);

}  // namespace bellwire::host
