// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/unix_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "vdev/os/event_fd.hpp"
#include "vdev/os/fd.hpp"
#include "vdev/testing/driver.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire::os;
using bellwire::testing::NoDescriptors;
using bellwire::testing::TemporaryFolder;

namespace {

bool says(const bellwire::Error& error, const char* word) {
  return error.message.find(word) != std::string::npos;
}

std::array<std::byte, 4> four(const char* text) {
  std::array<std::byte, 4> bytes{};
  std::memcpy(bytes.data(), text, bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("a listener removes its socket, and only its own") {
  const TemporaryFolder folder;
  const auto path = folder.file("s");
  {
    const auto listener = Listener::create(path).value();
    CHECK(std::filesystem::is_socket(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const auto listener = Listener::create(path).value();
    std::filesystem::remove(path);
    std::ofstream(path) << "somebody else's";
  }
  CHECK(std::filesystem::is_regular_file(path));
}

TEST_CASE("only its user may open a listener's socket, whatever the umask") {
  const TemporaryFolder folder;
  const auto before = ::umask(0);
  const auto listener = Listener::create(folder.file("s"));
  ::umask(before);
  REQUIRE(listener.has_value());
  struct stat status {};
  REQUIRE(::stat(folder.file("s").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a socket that is prepared for a group appears only when it is served") {
  const TemporaryFolder folder;
  const auto first = folder.file("first"), second = folder.file("second");
  REQUIRE(Listener::prepare(first, ::getegid()).has_value());
  REQUIRE(Listener::prepare(second, ::getegid()).has_value());
  CHECK_FALSE(std::filesystem::exists(first));
  for (const auto& path : {second, first}) {
    const auto listener = Listener::create(path).value();
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0660);
    CHECK(connect_unix(path, "").has_value());
  }
  // It was prepared for one socket, not for all that follow.
  const auto next = Listener::create(first).value();
  struct stat status {};
  REQUIRE(::stat(first.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(Listener::prepare(folder.file("none/s"), ::getegid()).has_error());
}

TEST_CASE("a path that cannot be served is refused with its reason") {
  const TemporaryFolder folder;
  const auto served = folder.file("served");
  const auto listener = Listener::create(served).value();
  std::ofstream(folder.file("plain")) << "text";

  const auto twice = Listener::create(served);
  REQUIRE(twice.has_error());
  CHECK(says(twice.error(), "already served"));
  const auto plain = Listener::create(folder.file("plain"));
  REQUIRE(plain.has_error());
  CHECK(says(plain.error(), "not a socket"));
  const auto longer = Listener::create(folder.file(std::string(200, 'x')));
  REQUIRE(longer.has_error());
  CHECK(says(longer.error(), "at most 107"));
  const auto nowhere = Listener::create(folder.file("none/s"));
  REQUIRE(nowhere.has_error());
  CHECK(says(nowhere.error(), "No such file"));
}

TEST_CASE("a socket that a dead process left is taken over") {
  const TemporaryFolder folder;
  const auto path = folder.file("s");
  // A process that dies leaves the file; here the file is kept aside while its server goes.
  {
    const auto dying = Listener::create(path).value();
    std::filesystem::rename(path, path + "x");
  }
  std::filesystem::rename(path + "x", path);
  REQUIRE(std::filesystem::is_socket(path));
  auto listener = Listener::create(path).value();
  CHECK(connect_unix(path, "").has_value());
  CHECK(listener.accept().value().has_value());
}

TEST_CASE("a living socket of another kind is not taken for a stale one") {
  const TemporaryFolder folder;
  const auto path = folder.file("log");
  const UniqueFd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(other.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(Listener::create(path).has_error());
  CHECK(std::filesystem::is_socket(path));
}

TEST_CASE("a connection brings its name, bytes and a descriptor") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "bellwire-test/name").value();
  const auto server = listener.accept().value().value();
  CHECK(server.peer_name == "bellwire-test/name");
  CHECK(connect_unix(folder.file("s"), "bellwire-test/name").has_error());

  const auto event = EventFd::create(9).value();
  CHECK(send_message(server.socket.get(), four("bell"), event.fd()).value());
  std::array<std::byte, 4> bytes{};
  CHECK(has_unread(server.socket.get()));
  auto received = receive_message(client.get(), bytes).value().value();
  CHECK_FALSE(has_unread(server.socket.get()));
  CHECK(bytes == four("bell"));
  CHECK(EventFd::adopt(std::move(received.fd)).value().drain() == 9);
  CHECK_FALSE(receive_message(client.get(), bytes).value().has_value());
}

TEST_CASE("descriptors beyond the first are closed") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "").value();
  const auto server = listener.accept().value().value();
  std::array<int, 2> pipe_fds{};
  REQUIRE(::pipe(pipe_fds.data()) == 0);
  {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof pipe_fds)> control{};
    std::byte byte{};
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof pipe_fds);
    std::memcpy(CMSG_DATA(header), pipe_fds.data(), sizeof pipe_fds);
    REQUIRE(::sendmsg(client.get(), &message, 0) == 1);
  }
  ::close(pipe_fds[1]);
  std::byte byte{};
  auto received = receive_message(server.socket.get(), std::span(&byte, 1)).value().value();
  CHECK(received.fd.valid());
  received.fd.reset();
  // All write ends are closed, the one that came second too: the pipe is at its end.
  CHECK(::read(pipe_fds[0], &byte, 1) == 0);
  ::close(pipe_fds[0]);
}

TEST_CASE("a parcel brings all its descriptors; a full socket takes none") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "").value();
  const auto server = listener.accept().value().value();
  const auto event = EventFd::create(3).value();
  const std::vector<int> fds(20, event.fd());
  REQUIRE(send_parcel(client.get(), four("many"), fds).value() == 4);
  std::array<std::byte, 4> bytes{};
  auto parcel = receive_parcel(server.socket.get(), bytes).value().value();
  CHECK(parcel.size == 4);
  REQUIRE(parcel.fds.size() == 20);
  CHECK(EventFd::adopt(std::move(parcel.fds[19])).value().drain() == 3);
  while (send_parcel(client.get(), four("full"), fds).value() > 0) {
  }
  CHECK(send_parcel(client.get(), four("full")).value() == 0);
}

TEST_CASE("a descriptor for which there is no room waits in the socket, with its bytes") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "").value();
  const auto server = listener.accept().value().value();
  const auto event = EventFd::create(7).value();
  REQUIRE(send_message(client.get(), four("late"), event.fd()).value());
  std::array<std::byte, 4> bytes{};
  {
    const NoDescriptors none;
    for (int times = 0; times < 3; ++times) {
      const auto received = receive_message(server.socket.get(), bytes);
      REQUIRE(received.has_error());
      CHECK(temporary(received.error().code));
      CHECK(says(received.error(), "raise the limit"));
    }
  }
  auto received = receive_message(server.socket.get(), bytes).value().value();
  CHECK(bytes == four("late"));
  CHECK(EventFd::adopt(std::move(received.fd)).value().drain() == 7);
}

TEST_CASE("bytes can be received without room for the descriptors that come along") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "").value();
  const auto server = listener.accept().value().value();
  const auto event = EventFd::create().value();
  REQUIRE(send_message(client.get(), four("rude"), event.fd()).value());
  const NoDescriptors none;
  std::array<std::byte, 4> bytes{};
  CHECK(receive_bytes(server.socket.get(), bytes).value() == 4);
  CHECK_FALSE(receive_bytes(server.socket.get(), bytes).value().has_value());
}

TEST_CASE("connections wait while this process can have no descriptor, and none is lost") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  const auto client = connect_unix(folder.file("s"), "").value();
  {
    const NoDescriptors none;
    const auto accepted = listener.accept();
    REQUIRE(accepted.has_error());
    CHECK(temporary(accepted.error().code));
  }
  CHECK(listener.accept().value().has_value());
}

// As Listener, with room for few.
UniqueFd listen_with_little_room(const std::string& path) {
  UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  REQUIRE(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(server.get(), 0) == 0);
  return server;
}

TEST_CASE("whoever connects waits for a place in a full queue, as long as it wants to") {
  const TemporaryFolder folder;
  const auto path = folder.file("s");
  const auto server = listen_with_little_room(path);
  std::vector<UniqueFd> queue;
  for (;;) {
    auto socket = connect_unix(path, "");
    if (!socket) {
      CHECK(socket.error().code == std::errc::resource_unavailable_try_again);
      CHECK(says(socket.error(), "queue"));
      break;
    }
    queue.push_back(std::move(*socket));
  }
  CHECK(connect_unix(path, "", std::chrono::milliseconds(1)).has_error());
  std::thread accepting([&] {
    for (std::size_t times = 0; times <= queue.size(); ++times)
      UniqueFd(::accept(server.get(), nullptr, nullptr));
  });
  const auto socket = connect_unix(path, "", bellwire::testing::patience);
  accepting.join();
  REQUIRE(socket.has_value());
  CHECK((::fcntl(socket->get(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE("a failed connect names its cause") {
  const TemporaryFolder folder;
  CHECK(says(connect_unix(folder.file("none"), "").error(), "nobody serves socket"));
  std::ofstream(folder.file("file")) << "text";
  CHECK(says(connect_unix(folder.file("file"), "").error(), "is not a socket"));
  CHECK(says(connect_unix(folder.file("."), "").error(), "is not a socket"));
  const UniqueFd datagrams(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  folder.file("datagrams").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(datagrams.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
          0);
  CHECK(says(connect_unix(folder.file("datagrams"), "").error(), "is a socket of another kind"));
}

TEST_CASE("errors that may pass are distinguished from those that stay") {
  for (const int code :
       {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EAGAIN, EINTR, ETOOMANYREFS}) {
    CHECK(temporary(std::error_code(code, std::system_category())));
    CHECK(temporary(std::error_code(code, std::generic_category())));
  }
  for (const int code : {EPIPE, ECONNRESET, EPROTO, EINVAL, EBADF, 0})
    CHECK_FALSE(temporary(std::error_code(code, std::system_category())));
}

TEST_CASE("a peer that left is known to have, whatever it left behind") {
  const TemporaryFolder folder;
  auto listener = Listener::create(folder.file("s")).value();
  auto client = connect_unix(folder.file("s"), "").value();
  const auto server = listener.accept().value().value();
  REQUIRE(send_parcel(client.get(), four("last")).value() == 4);
  CHECK_FALSE(peer_left(server.socket.get()));
  client.reset();
  CHECK(peer_left(server.socket.get()));
  CHECK_FALSE(hung_up(server.socket.get()));  // there is something to read
}
