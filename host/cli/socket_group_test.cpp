// SPDX-License-Identifier: BSD-3-Clause
#include "host/cli/socket_group.hpp"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "vdev/os/unix_socket.hpp"
#include "vdev/testing/process.hpp"

namespace bellwire::host {

using testing::TemporaryFolder;

TEST_CASE("a group is found by its name, or by its number") {
  const auto* const root = ::getgrgid(0);
  REQUIRE(root != nullptr);
  CHECK(find_group(root->gr_name).value() == 0);
  CHECK(find_group("54321").value() == 54321);
  for (const auto* const none : {"no such group", "", "-1", "4294967295", "4294967296", "1x"}) {
    const auto found = find_group(none);
    REQUIRE(found.has_error());
    CHECK(found.error().code == std::errc::no_such_file_or_directory);
  }
}

TEST_CASE("the socket that is made later has the group, and is the only file") {
  const TemporaryFolder folder;
  const auto path = folder.file("s");
  const auto group = text("{}", ::getegid());
  REQUIRE(give_to_group("--group", group, {path}).has_value());
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const auto listener = os::Listener::create(path).value();
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0660);
    CHECK(status.st_gid == ::getegid());
    CHECK(os::connect_unix(path, "").has_value());
  }
  CHECK(std::filesystem::is_empty(std::filesystem::path(path).parent_path()));
}

TEST_CASE("a group without sockets is refused, and none is not") {
  CHECK(give_to_group("--group", std::nullopt, {}).has_value());
  CHECK(give_to_group("--group", "0", {}).error().code == std::errc::invalid_argument);
}

}  // namespace bellwire::host
