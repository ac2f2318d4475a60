// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "host/sandbox/folders.hpp"
#include "vdev/os/event_fd.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/unix_socket.hpp"

using namespace bellwire;
using namespace bellwire::host;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "sandbox-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = fs::canonical(name);
    fs::create_directories(path / "kept");
    fs::create_directories(path / "other");
    std::ofstream(path / "other/secret") << "secret";
    std::ofstream(path / "disk.img") << "disk";
  }
  Folder(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }

  fs::path path;
};

// How a child ended: its status, or the signal that killed it, as a negative number.
int in_child(const std::function<int()>& act) {
  const auto child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

constexpr int not_here = 77;

bool have_namespaces() {
  return in_child([] { return enter_namespaces({}) ? 0 : not_here; }) == 0;
}

// What `act` returns in the namespaces that keep this.
int apart(const SandboxNeeds& needs, const std::function<int()>& act) {
  return in_child([&] { return enter_namespaces(needs) ? act() : not_here; });
}

int filtered(const std::function<int()>& act, const SandboxNeeds& needs = {}) {
  return in_child([&] { return filter_system_calls(needs) ? act() : not_here; });
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

int opening(const fs::path& path, int flags) {
  return error_of(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

using Paths = std::vector<KeptPath>;

Paths without_common(Paths paths) {
  std::erase_if(paths, [](const auto& each) {
    return each.path == "/proc" || each.path == "/dev/null" || each.path == "/etc/localtime";
  });
  return paths;
}

}  // namespace

TEST_CASE("the folders of what is made are kept, and files that are opened") {
  const Folder folder;
  const auto kept = folder.path / "kept";
  CHECK(without_common(kept_paths({.made = {kept / "socket"}}, "/")) == Paths{{kept, true}});
  CHECK(without_common(kept_paths({.made = {"socket"}}, kept)) == Paths{{kept, true}});
  CHECK(without_common(kept_paths({.made = {"../kept/./socket"}}, kept)) == Paths{{kept, true}});
  CHECK(without_common(kept_paths({.opened = {"disk.img"}}, folder.path)) ==
        Paths{{folder.path / "disk.img", true}});
  // Within what is kept.
  CHECK(without_common(kept_paths(
            {.made = {folder.path / "a", kept / "b"}, .opened = {folder.path / "disk.img"}},
            "/")) == Paths{{folder.path, true}});
  // What isn't there may be made later.
  CHECK(without_common(kept_paths({.made = {folder.path / "nowhere/at/socket"}}, "/")) ==
        Paths{{folder.path, true}});
  CHECK(without_common(kept_paths({.made = {"/socket"}}, "/")) == Paths{{"/", true}});
  CHECK(without_common(kept_paths({.opened = {"nowhere"}}, folder.path)).empty());
}

TEST_CASE("links are kept under their name, and what they lead to") {
  const Folder folder;
  fs::create_symlink(folder.path / "kept", folder.path / "other/link");
  fs::create_symlink(folder.path / "kept/socket", folder.path / "other/socket");
  std::ofstream(folder.path / "kept/socket");
  CHECK(without_common(kept_paths({.made = {folder.path / "other/link/new"}}, "/")) ==
        Paths{{folder.path / "kept", true}, {folder.path / "other/link", true}});
  CHECK(without_common(kept_paths({.made = {folder.path / "other/socket"}}, "/")) ==
        Paths{{folder.path / "kept", true}, {folder.path / "other", true}});
}

TEST_CASE("of the file system there is what is kept, and nothing else" *
          doctest::skip(!have_namespaces())) {
  const Folder folder;
  const SandboxNeeds needs{.made = {folder.path / "kept/socket"},
                           .opened = {folder.path / "disk.img"}};
  CHECK(apart(needs, [&] { return opening(folder.path / "kept/new", O_RDWR | O_CREAT); }) == 0);
  CHECK(fs::exists(folder.path / "kept/new"));
  CHECK(apart(needs, [&] { return opening(folder.path / "disk.img", O_RDWR); }) == 0);
  CHECK(apart(needs, [&] { return opening(folder.path / "other/secret", O_RDONLY); }) == ENOENT);
  CHECK(apart(needs, [&] { return opening("/etc/passwd", O_RDONLY); }) == ENOENT);
  CHECK(apart(needs, [&] { return opening("/new", O_RDWR | O_CREAT); }) == EROFS);
  CHECK(apart(needs, [] { return opening("/proc/self/comm", O_WRONLY); }) == EROFS);
  CHECK(apart(needs, [] { return opening("/proc/self/status", O_RDONLY); }) == 0);
  CHECK(apart(needs, [] { return opening("/dev/null", O_RDWR); }) == 0);
  // The root that was left is not above this one.
  CHECK(apart(needs, [] { return opening("/../etc/passwd", O_RDONLY); }) == ENOENT);
  CHECK(apart(needs, [] {
          return opening(text("/proc/{}/root/etc/passwd", ::getppid()), O_RDONLY);
        }) == EACCES);
}

TEST_CASE("relative paths begin where they did" * doctest::skip(!have_namespaces())) {
  const Folder folder;
  const auto in = [&](const fs::path& here, const std::string& name) {
    return in_child([&] {
      fs::current_path(here);
      return enter_namespaces({.made = {name}}) ? opening(name, O_RDWR | O_CREAT) : not_here;
    });
  };
  CHECK(in(folder.path / "kept", "one") == 0);
  CHECK(in(folder.path / "other", "../kept/two") == 0);
  CHECK(in(folder.path, "kept/three") == 0);
  for (const auto* const name : {"one", "two", "three"})
    CHECK(fs::exists(folder.path / "kept" / name));
}

TEST_CASE("it has no capability, no network, and no way back" * doctest::skip(!have_namespaces())) {
  CHECK(apart({}, [] { return error_of(::unshare(CLONE_NEWNS)); }) == EPERM);
  CHECK(apart({}, [] { return error_of(::mount("x", "/dev", "tmpfs", 0, nullptr)); }) == EPERM);
  CHECK(apart({}, [] {
          sockaddr_in address{.sin_family = AF_INET,
                              .sin_port = htons(9),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                              .sin_zero = {}};
          const os::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
          return error_of(
              ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        }) == ENETUNREACH);
  const auto user = static_cast<int>(::getuid() & 0x3F),
             group = static_cast<int>(::getgid() & 0x3F);
  CHECK(apart({}, [] { return static_cast<int>(::getuid() & 0x3F); }) == user);
  CHECK(apart({}, [] { return static_cast<int>(::getgid() & 0x3F); }) == group);
}

TEST_CASE("a socket in the root rules it out") {
  const auto refused = enter_namespaces({.made = {"/socket"}});
  REQUIRE(!refused);
  CHECK(refused.error().code == std::errc::not_supported);
}

TEST_CASE("a current folder that is gone keeps nothing" * doctest::skip(!have_namespaces())) {
  const Folder folder;
  CHECK(in_child([&] {
          fs::current_path(folder.path / "other");
          fs::remove_all(folder.path / "other");
          const auto path = folder.path / "kept/new";
          return enter_namespaces({.made = {path}}) ? opening(path, O_RDWR | O_CREAT) : not_here;
        }) == 0);
}

TEST_CASE("a tap's device keeps the host's network") {
  const auto refused = enter_namespaces({.network = true});
  REQUIRE(!refused);
  CHECK(refused.error().code == std::errc::not_supported);
}

TEST_CASE("what serving takes is let through") {
  const Folder folder;
  CHECK(filtered([&] {
          const auto path = (folder.path / "kept/socket").string();
          const auto listener = os::Listener::create(path).value();
          const auto client = os::connect_unix(path, "nobody", std::chrono::seconds(1)).value();
          const auto memory = os::create_memfd("test", 65536).value();
          const auto event = os::EventFd::create_shared().value();
          event.ring();
          std::atomic<int> ran = 0;
          std::thread([&] { ran = 1; }).join();
          return ran == 1 ? 0 : 1;
        }) == 0);
  CHECK(filtered([] { return error_of(::kill(::getpid(), 0)); }) == 0);
}

// The sanitizers' own calls are not asked for here: each child makes one call, and ends by it.
TEST_CASE("what it does not take kills the process") {
  const std::pair<const char*, std::function<long()>> calls[] = {
      {"a program", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"a process", [] { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
      {"another's signal", [] { return ::kill(::getppid(), 0); }},
      {"another's memory", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), 0, 0); }},
      {"the network", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"the kernel's routes", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }},
      {"namespaces", [] { return ::unshare(CLONE_NEWUSER); }},
      {"mounts", [] { return ::mount("x", "/dev", "tmpfs", 0, nullptr); }},
      {"code",
       [] { return ::syscall(SYS_mmap, 0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"a terminal's input", [] { return ::ioctl(0, TIOCSTI, "x"); }},
      {"a virtual machine", [] { return ::ioctl(0, KVM_GET_API_VERSION, 0); }},
      {"the keys", [] { return ::syscall(SYS_add_key, 0, 0, 0, 0, 0); }},
      {"a program of the kernel's", [] { return ::syscall(SYS_bpf, 0, 0, 0); }},
      {"the 32-bit calls' numbers", [] { return ::syscall(0x40000000 | SYS_execve, 0, 0, 0); }},
  };
  for (const auto& each : calls) {
    CAPTURE(each.first);
    CHECK(filtered([&each] {
            each.second();
            return 0;
          }) == -SIGSYS);
  }
}

TEST_CASE("what only some devices need, they have") {
  CHECK(filtered([] { return error_of(::ioctl(0, KVM_GET_API_VERSION, 0)); }, {.kvm = true}) !=
        -SIGSYS);
  CHECK(filtered([] { return error_of(::socket(AF_INET, SOCK_DGRAM, 0)); }, {.network = true}) ==
        0);
}
