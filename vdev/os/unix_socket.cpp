// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/unix_socket.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "vdev/os/fd.hpp"

namespace bellwire::os {
namespace {

constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;
constexpr int backlog = 4096;  // the kernel takes less where net.core.somaxconn is less

struct Address {
  sockaddr_un raw{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&raw); }
};

Result<Address> path_address(const std::string& path) {
  if (path.empty()) return fault(std::errc::invalid_argument, "a socket's path cannot be empty");
  if (path.size() > longest_path)
    return fault(std::errc::filename_too_long,
                 "socket path '{}' has {} bytes; at most {} fit, choose a shorter one", path,
                 path.size(), longest_path);
  Address address;
  address.raw.sun_family = AF_UNIX;
  std::memcpy(address.raw.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Address abstract_address(const std::string& name) {
  Address address;
  address.raw.sun_family = AF_UNIX;
  const auto length = std::min(name.size(), longest_path);
  std::memcpy(address.raw.sun_path + 1, name.data(), length);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  return address;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Whether somebody listens at `address`. Connecting is the only way to know, and only a refusal
// says no: whatever else goes wrong, the socket may be alive.
bool served(const Address& address) {
  const UniqueFd probe = new_socket();
  return !probe.valid() || ::connect(probe.get(), address.get(), address.size) == 0 ||
         errno != ECONNREFUSED;
}

// Makes room at `path`: nothing there, or a socket that nobody serves any more.
Result<void> clear_path(const std::string& path, const Address& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_fault("socket '{}'", path);
  }
  if (!S_ISSOCK(status.st_mode))
    return fault(std::errc::file_exists,
                 "'{}' exists and is not a socket; choose another path or remove it", path);
  if (served(address))
    return fault(
        std::errc::address_in_use,
        "socket '{}' is already served; stop the program that serves it or choose another path",
        path);
  if (::unlink(path.c_str()) != 0) return system_fault("cannot remove stale socket '{}'", path);
  return {};
}

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

// A socket that nobody can connect to yet. Its file has another name in the folder of its path.
class BoundSocket {
 public:
  // `name` of the file, in that folder.
  static Result<BoundSocket> create(const std::string& path, const std::string& name,
                                    std::optional<gid_t> group) {
    if (const auto address = path_address(path); !address) return address.error();
    const auto file = (std::filesystem::path(folder_of(path)) / name).string();
    const auto address = path_address(file);
    if (!address)
      return fault(std::errc::filename_too_long,
                   "socket path '{}': its folder's name is too long; choose a shorter one", path);
    UniqueFd socket = new_socket();
    if (!socket.valid()) return system_fault("cannot make a socket");
    ::unlink(file.c_str());  // of a process that had our number and died right here
    if (::bind(socket.get(), address->get(), address->size) != 0)
      return system_fault("cannot make socket '{}'", path);
    BoundSocket bound(std::move(socket), file);
    constexpr auto own = static_cast<uid_t>(-1);
    if (group && ::chown(file.c_str(), own, *group) != 0)
      return system_fault("cannot give socket '{}' to group {}", path, *group);
    const mode_t mode = S_IRUSR | S_IWUSR | (group ? S_IRGRP | S_IWGRP : 0);
    if (::chmod(file.c_str(), mode) != 0) return system_fault("cannot make socket '{}'", path);
    return bound;
  }

  BoundSocket(BoundSocket&& other) noexcept
      : socket_(std::move(other.socket_)), file_(std::exchange(other.file_, {})) {}
  BoundSocket& operator=(BoundSocket&&) = delete;
  ~BoundSocket() {
    if (!file_.empty()) ::unlink(file_.c_str());
  }

  // From now on it can be connected to. False: see errno.
  bool serve(const std::string& path, struct stat& status) {
    if (::listen(socket_.get(), backlog) != 0 || ::stat(file_.c_str(), &status) != 0 ||
        ::rename(file_.c_str(), path.c_str()) != 0)
      return false;
    file_.clear();
    return true;
  }

  UniqueFd release() && { return std::move(socket_); }

 private:
  BoundSocket(UniqueFd socket, std::string file)
      : socket_(std::move(socket)), file_(std::move(file)) {}

  UniqueFd socket_;
  std::string file_;  // empty: it has its final name
};

// What Listener::prepare() made, by path.
struct Prepared {
  std::mutex mutex;
  std::map<std::string, BoundSocket> sockets;
  unsigned made = 0;
};

Prepared& prepared() {
  static Prepared all;
  return all;
}

Result<BoundSocket> prepared_or_new(const std::string& path) {
  {
    auto& all = prepared();
    const std::scoped_lock lock(all.mutex);
    if (auto found = all.sockets.extract(path)) return std::move(found.mapped());
  }
  return BoundSocket::create(path, text(".{}", ::getpid()), {});
}

}  // namespace

Result<void> Listener::prepare(const std::string& path, gid_t group) {
  auto& all = prepared();
  const std::scoped_lock lock(all.mutex);
  auto bound = BoundSocket::create(path, text(".{}.{}", ::getpid(), ++all.made), group);
  if (!bound) return bound.error();
  all.sockets.erase(path);
  all.sockets.emplace(path, std::move(*bound));
  return {};
}

Result<Listener> Listener::create(const std::string& path) {
  const auto address = path_address(path);
  if (!address) return address.error();
  const auto folder = folder_of(path);

  // The folder's lock keeps two processes from taking over one stale socket.
  const UniqueFd lock(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0)
    return system_fault("cannot make socket '{}': folder '{}'", path, folder);
  if (auto cleared = clear_path(path, *address); !cleared) return cleared.error();

  auto bound = prepared_or_new(path);
  if (!bound) return bound.error();
  struct stat status {};
  if (!bound->serve(path, status)) return system_fault("cannot serve socket '{}'", path);
  return Listener(std::move(*bound).release(), path, status.st_dev, status.st_ino);
}

Listener Listener::adopt(UniqueFd socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  static_cast<void>(::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK));
  const auto name = text("descriptor {}", socket.get());
  return Listener(std::move(socket), name, 0, 0);
}

Listener::~Listener() {
  struct stat status {};
  if (!socket_.valid() || inode_ == 0 || ::stat(path_.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

Result<std::optional<Listener::Connection>> Listener::accept() {
  sockaddr_un peer{};
  socklen_t size = 0;
  UniqueFd socket;
  do {
    size = sizeof peer;
    socket = UniqueFd(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
  } while (!socket.valid() && (errno == ECONNABORTED || errno == EINTR));
  if (!socket.valid()) {
    if (errno == EAGAIN) return std::nullopt;
    return system_fault("cannot accept a connection on '{}'", path_);
  }
  constexpr auto head = offsetof(sockaddr_un, sun_path) + 1;
  const bool named = size > head && peer.sun_path[0] == '\0';
  return Connection{std::move(socket),
                    named ? std::string(peer.sun_path + 1, size - head) : std::string()};
}

namespace {

// Leaves errno as it is: the file may have gone just now.
bool is_other_file(const std::string& path) {
  const int error = errno;
  struct stat status {};
  const bool other = ::stat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
  errno = error;
  return other;
}

// Says the cause of a failed connect().
Error connect_fault(const std::string& path, std::chrono::milliseconds patience) {
  if (errno == EPROTOTYPE)
    return fault(std::errc::wrong_protocol_type,
                 "'{}' is a socket of another kind: name one that is served for connections", path);
  if (errno == ECONNREFUSED && is_other_file(path))
    return fault(std::errc::not_a_socket, "'{}' is not a socket: name one that is served", path);
  if (errno == ENOENT || errno == ECONNREFUSED)
    return system_fault("nobody serves socket '{}'", path);
  if (errno == EAGAIN)
    return system_fault("'{}' accepts no connections: its queue of connections was full for {} ms",
                        path, patience.count());
  return system_fault("cannot connect to '{}'", path);
}

// A process that waits in connect() stands in the kernel's queue; one that tried again and again
// might never be first. So it is interrupted seldom, to look at `stop`; a signal does so at once.
Result<void> wait_for_place(int socket, const Address& address, std::chrono::milliseconds patience,
                            int stop) {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds longest_turn{1000};
  const auto deadline = clock::now() + patience;
  for (;;) {
    if (wait_for_peer(-1, {}, stop) == Waited::stopped)
      return fault(std::errc::operation_canceled, "stopped while it waited to connect");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    if (left.count() <= 0)
      return fault(std::errc::resource_unavailable_try_again, "no place in the queue");
    const auto turn = std::chrono::microseconds(stop < 0 ? left : std::min(left, longest_turn));
    const timeval time{.tv_sec = turn.count() / 1'000'000, .tv_usec = turn.count() % 1'000'000};
    if (::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) != 0)
      return system_fault("cannot set up a socket");
    if (::connect(socket, address.get(), address.size) == 0) return {};
    if (errno != EAGAIN && errno != EINTR) return system_fault("refused");
  }
}

}  // namespace

Result<UniqueFd> connect_unix(const std::string& path, const std::string& name,
                              std::chrono::milliseconds patience, int stop) {
  const auto address = path_address(path);
  if (!address) return address.error();
  UniqueFd socket = new_socket();
  if (!socket.valid()) return system_fault("cannot make a socket");
  const auto own = abstract_address(name);
  if (!name.empty() && ::bind(socket.get(), own.get(), own.size) != 0)
    return system_fault("cannot bind a socket to '{}'", name);
  if (::connect(socket.get(), address->get(), address->size) == 0) return socket;
  if (errno != EAGAIN || patience.count() <= 0) return connect_fault(path, patience);
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0)
    return system_fault("cannot set up a socket");
  if (const auto placed = wait_for_place(socket.get(), *address, patience, stop); !placed) {
    if (placed.error().code == std::errc::operation_canceled) return placed.error();
    errno = placed.error().code.value();
    return connect_fault(path, patience);
  }
  const timeval for_ever{};
  if (::fcntl(socket.get(), F_SETFL, flags) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &for_ever, sizeof for_ever) != 0)
    return system_fault("cannot set up a socket");
  return socket;
}

namespace {

// As many as the sender's limit of descriptors may be on their way in sockets, of one user's
// processes together.
Error send_fault() {
  if (errno != ETOOMANYREFS) return system_fault("cannot send");
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  errno = ETOOMANYREFS;
  return Error{std::error_code(errno, std::system_category()),
               text("cannot send a descriptor: more than {} of this user's are in flight, sent "
                    "through sockets and not received yet; stop the processes that do not read, "
                    "or raise the limit (ulimit -n)",
                    limit.rlim_cur)};
}

}  // namespace

Result<std::size_t> send_parcel(int socket, std::span<const std::byte> bytes,
                                std::span<const int> fds) {
  if (fds.size() > most_fds)
    return fault(std::errc::invalid_argument, "{} descriptors: a message takes at most {}",
                 fds.size(), most_fds);
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * most_fds)> control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    std::memset(control.data(), 0, message.msg_controllen);  // the kernel copies the padding, too
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  const auto sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
  return send_fault();
}

Result<bool> send_message(int socket, std::span<const std::byte> bytes, int fd) {
  const auto sent = send_parcel(socket, bytes, {&fd, fd >= 0 ? std::size_t{1} : 0});
  if (!sent) return sent.error();
  if (*sent == 0 || *sent == bytes.size()) return *sent > 0;
  return fault(std::errc::io_error, "a message was cut off");
}

namespace {

// What recvmsg() gives, and whether descriptors were left out of it.
struct Taken {
  Parcel parcel;
  bool cut = false;
};

Result<std::optional<Taken>> take(int socket, std::span<std::byte> bytes, int flags) {
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * most_fds)> control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto size = ::recvmsg(socket, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return std::nullopt;
    return system_fault("cannot receive");
  }
  Taken taken{{static_cast<std::size_t>(size), {}}, (message.msg_flags & MSG_CTRUNC) != 0};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
      taken.parcel.fds.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace

Result<std::optional<Parcel>> receive_parcel(int socket, std::span<std::byte> bytes) {
  auto taken = take(socket, bytes, 0);
  if (!taken) return taken.error();
  if (!*taken) return std::nullopt;
  if ((*taken)->cut) return descriptor_shortage();  // while those that did fit are still here
  return std::move((*taken)->parcel);
}

// Looks first: a descriptor that recvmsg() can't install is lost, unless it only peeked. What is
// peeked serves for that alone, since the kernel adds the descriptors of bytes that come later.
Result<std::optional<Received>> receive_message(int socket, std::span<std::byte> bytes) {
  {
    const auto ahead = take(socket, bytes, MSG_PEEK);
    if (!ahead) return ahead.error();
    if (!*ahead) return std::nullopt;
    if ((*ahead)->cut) return descriptor_shortage();
  }
  auto parcel = receive_parcel(socket, bytes);
  if (!parcel) return parcel.error();
  if (!*parcel) return std::nullopt;
  Received received{(*parcel)->size, {}};
  if (!(*parcel)->fds.empty()) received.fd = std::move((*parcel)->fds.front());
  return received;
}

Result<std::optional<std::size_t>> receive_bytes(int socket, std::span<std::byte> bytes) {
  const auto size = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size >= 0) return std::optional(static_cast<std::size_t>(size));
  if (errno == EAGAIN || errno == EINTR) return std::nullopt;
  return system_fault("cannot receive");
}

namespace {

// Empty: it is not a socket.
std::optional<int> socket_option(int fd, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return std::nullopt;
  return value;
}

}  // namespace

Result<void> check_stream_socket(int fd) {
  if (socket_option(fd, SO_DOMAIN) == AF_UNIX && socket_option(fd, SO_TYPE) == SOCK_STREAM)
    return {};
  return fault(std::errc::invalid_argument, "descriptor {} is not a unix stream socket", fd);
}

bool listens(int socket) noexcept {
  return socket_option(socket, SO_ACCEPTCONN).value_or(0) != 0;
}

void send_little(int socket) noexcept {
  const int least = 1;  // the kernel makes it the least that it allows
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
}

bool has_unread(int socket) noexcept {
  int unread = 0;
  return ::ioctl(socket, SIOCOUTQ, &unread) == 0 && unread > 0;
}

bool hung_up(int socket) noexcept {
  std::byte byte{};
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

Waited wait_for_peer(int socket, std::chrono::milliseconds timeout, int stop) noexcept {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now());
    std::array<pollfd, 2> entries{pollfd{.fd = socket, .events = POLLIN, .revents = 0},
                                  pollfd{.fd = stop, .events = POLLIN, .revents = 0}};
    const int ready =
        ::poll(entries.data(), entries.size(), static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready > 0) return entries[1].revents != 0 ? Waited::stopped : Waited::readable;
    if (ready == 0 || errno != EINTR) return Waited::timeout;
  }
}

bool peer_left(int socket) noexcept {
  pollfd entry{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLRDHUP)) != 0;
}

}  // namespace bellwire::os
