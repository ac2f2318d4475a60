// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "host/sandbox/folders.hpp"
#include "vdev/os/fd.hpp"

namespace bellwire::host {
namespace {

namespace fs = std::filesystem;

constexpr int all_kinds = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
// Where the new root is put together. Any folder that every system has: what was mounted there is
// kept beside it.
constexpr const char* site = "/proc";

Result<void> write(const char* file, const std::string& line) {
  std::ofstream out(file);
  out << line << std::flush;
  if (!out) return system_fault("no namespaces: cannot write {}", file);
  return {};
}

// This process's user and group are the same inside as outside, and there are no others.
Result<void> map_ids(uid_t user, gid_t group) {
  if (auto done = write("/proc/self/setgroups", "deny"); !done) return done;
  if (auto done = write("/proc/self/uid_map", text("{} {} 1", user, user)); !done) return done;
  return write("/proc/self/gid_map", text("{} {} 1", group, group));
}

struct Clone {
  KeptPath kept;
  os::UniqueFd mount;  // attached nowhere
  bool folder;
};

Result<Clone> clone_of(const KeptPath& kept) {
  const auto* const path = kept.path.c_str();
  os::UniqueFd mount(
      ::open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  struct stat is {};
  if (!mount.valid() || ::fstat(mount.get(), &is) != 0)
    return system_fault("no namespaces: cannot keep '{}'", path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  if (!kept.writable) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof attributes) != 0)
    return system_fault("no namespaces: cannot restrict '{}'", path);
  return Clone{kept, std::move(mount), S_ISDIR(is.st_mode)};
}

Result<std::vector<Clone>> clones_of(const std::vector<KeptPath>& paths) {
  std::vector<Clone> clones;
  for (const auto& path : paths) {
    auto clone = clone_of(path);
    if (!clone) return clone.error();
    clones.push_back(std::move(*clone));
  }
  return clones;
}

// Under the current folder.
Result<void> attach(const Clone& clone) {
  const auto place = clone.kept.path.relative_path();
  std::error_code error;
  fs::create_directories(clone.folder ? place : place.parent_path(), error);
  if (error) return Error{error, text("no namespaces: cannot make '{}'", clone.kept.path.c_str())};
  if (!clone.folder) os::UniqueFd(::open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (::move_mount(clone.mount.get(), "", AT_FDCWD, place.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return system_fault("no namespaces: cannot attach '{}'", clone.kept.path.c_str());
  return {};
}

// What is in none of the clones is gone from this process's sight.
Result<void> change_root(const std::vector<Clone>& clones, const fs::path& here) {
  constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("bellwire", site, "tmpfs", flags, "size=1m,nr_inodes=4k,mode=755") != 0 ||
      ::chdir(site) != 0)
    return system_fault("no namespaces: cannot mount a root");
  for (const auto& clone : clones)
    if (auto done = attach(clone); !done) return done;
  std::error_code error;
  fs::create_directories(here.relative_path(), error);  // it is where relative paths begin
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, nullptr) != 0 ||
      ::chdir(here.c_str()) != 0)
    return system_fault("no namespaces: cannot change the root");
  return {};
}

Result<void> drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return system_fault("no namespaces: cannot drop the capabilities");
  return {};
}

Result<void> enter(const SandboxNeeds& needs) {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  std::error_code error;
  auto here = fs::current_path(error);
  if (error) here = "/";  // it is gone, and so is whatever is named from there
  const auto paths = kept_paths(needs, here);
  if (std::ranges::any_of(paths, [](const KeptPath& kept) { return kept.path == "/"; }))
    return fault(std::errc::not_supported,
                 "no namespaces: a file or socket in / would keep the whole file system; choose "
                 "another folder");
  if (::unshare(all_kinds) != 0)
    return system_fault("no namespaces: the system lets this user have none");
  if (auto mapped = map_ids(user, group); !mapped) return mapped;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return system_fault("no namespaces: cannot make the mounts private");
  const auto clones = clones_of(paths);
  if (!clones) return clones.error();
  if (auto done = change_root(*clones, here); !done) return done;
  return drop_capabilities();
}

// The pipe gets the error's code and message; nothing, if there is none.
[[noreturn]] void try_in_child(const SandboxNeeds& needs, int pipe) {
  const auto done = enter(needs);
  if (done) ::_exit(0);
  const int code = done.error().code.value();
  std::string said(reinterpret_cast<const char*>(&code), sizeof code);
  said += done.error().message;
  ::_exit(::write(pipe, said.data(), said.size()) < 0);
}

Result<void> check_in_child(const SandboxNeeds& needs) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_fault("no namespaces: cannot try them");
  const os::UniqueFd reader(ends[0]);
  os::UniqueFd writer(ends[1]);
  const auto child = ::fork();
  if (child == 0) try_in_child(needs, writer.get());
  if (child < 0) return system_fault("no namespaces: cannot try them");
  writer = os::UniqueFd();
  std::string said;
  std::array<char, 512> part{};
  for (ssize_t size = 0; (size = ::read(reader.get(), part.data(), part.size())) > 0;)
    said.append(part.data(), static_cast<std::size_t>(size));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  int code = EPERM;
  if (status == 0 && said.empty()) return {};
  if (said.size() >= sizeof code) std::memcpy(&code, said.data(), sizeof code);
  return Error{
      std::error_code(code, std::system_category()),
      said.size() > sizeof code ? said.substr(sizeof code) : "no namespaces: trying them failed"};
}

}  // namespace

Result<void> enter_namespaces(const SandboxNeeds& needs) {
  if (needs.network)
    return fault(std::errc::not_supported, "no namespaces: a tap needs the host's network");
  if (auto works = check_in_child(needs); !works) return works;
  return enter(needs);
}

}  // namespace bellwire::host
