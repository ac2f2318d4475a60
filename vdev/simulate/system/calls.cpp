// SPDX-License-Identifier: BSD-3-Clause
//
// What the linker puts in the place of the kernel's sockets, epoll and timerfd (--wrap), so that
// the product's own calls and Asio above them run as they are. Descriptors that are not the world's
// are the system's. One that was killed sends, accepts and connects no more, and hears that its
// peers are gone; that it closes what it has, counts.
//
// Of the product only Listener::create() is left out: it works in the file system.
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "vdev/os/unix_socket.hpp"
#include "vdev/simulate/socket.hpp"

namespace bellwire::simulate {
namespace {

// Null: the call is the system's.
World* world_of_caller() noexcept {
  auto* const world = World::current();
  return world != nullptr && world->running() != nullptr ? world : nullptr;
}

Socket* socket_of(int fd) noexcept {
  auto* const world = world_of_caller();
  return world != nullptr ? world->files().find_as<Socket>(fd) : nullptr;
}

// Whether the caller lives, after it may have been interrupted, or killed, just here.
bool lives() {
  auto& world = *World::current();
  world.may_interrupt();
  return !world.running()->killed();
}

std::string name_in(const sockaddr* address, socklen_t size) {
  sockaddr_un name{};
  std::memcpy(&name, address, std::min<std::size_t>(size, sizeof name));
  const auto* const text = reinterpret_cast<const char*>(&name) + offsetof(sockaddr_un, sun_path);
  if (*text != '\0') return text;
  return {text + 1, size - offsetof(sockaddr_un, sun_path) - 1};
}

std::size_t size_of(const msghdr& message) noexcept {
  std::size_t size = 0;
  for (std::size_t part = 0; part < message.msg_iovlen; ++part)
    size += message.msg_iov[part].iov_len;
  return size;
}

std::span<std::byte> bytes_of(const msghdr& message) noexcept {
  return {static_cast<std::byte*>(message.msg_iov->iov_base), message.msg_iov->iov_len};
}

std::vector<int> fds_in(const msghdr& message) {
  std::vector<int> fds;
  const auto* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return fds;
  fds.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(fds.data(), CMSG_DATA(header), fds.size() * sizeof(int));
  return fds;
}

// They are the caller's from now on.
void hand_over(msghdr& message, std::vector<os::UniqueFd> fds) {
  message.msg_flags = 0;
  if (fds.empty()) {
    message.msg_controllen = 0;
    return;
  }
  auto* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  auto* place = CMSG_DATA(header);
  for (auto& fd : fds) {
    World::current()->files().own(fd.get());
    const int raw = fd.release();
    std::memcpy(place, &raw, sizeof raw);
    place += sizeof raw;
  }
}

short found_of(const pollfd& entry, const File& file) noexcept {
  return static_cast<short>(file.ready() &
                            (static_cast<std::uint32_t>(entry.events) | EPOLLERR | EPOLLHUP));
}

}  // namespace
}  // namespace bellwire::simulate

using namespace bellwire::simulate;
using bellwire::os::Listener;

// Listener::create(), as the ABI names it.
bellwire::Result<Listener> create_listener(const std::string& path) asm(
    "__wrap__ZN8bellwire2os8Listener6createERKNSt7__cxx1112basic_stringIcSt11char_"
    "traitsIcESaIcEEE");

bellwire::Result<Listener> create_listener(const std::string& path) {
  auto& world = *World::current();
  auto socket = std::make_shared<Socket>(world);
  if (world.running()->killed() || socket->listen(path) != 0)
    return bellwire::system_fault("cannot serve socket '{}'", path);
  bellwire::os::UniqueFd fd(world.files().open(std::move(socket)));
  if (!fd.valid()) return bellwire::system_fault("cannot make a socket");
  return Listener::adopt(std::move(fd));
}

extern "C" {

int __real_close(int fd);
int __wrap_close(int fd) {
  if (auto* const world = World::current()) world->close(fd);
  return __real_close(fd);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  const auto argument = va_arg(rest, long);
  va_end(rest);
  const int result = __real_fcntl(fd, command, argument);
  if (auto* const world = World::current(); world != nullptr && command == F_DUPFD_CLOEXEC)
    if (result >= 0) world->duplicate(result, fd);
  return result;
}

int __real_memfd_create(const char* name, unsigned flags) noexcept;
int __wrap_memfd_create(const char* name, unsigned flags) noexcept {
  const int fd = __real_memfd_create(name, flags);
  if (auto* const world = World::current(); world != nullptr && fd >= 0)
    world->files().open(fd, std::make_shared<MemoryFile>(world->next_serial()));
  return fd;
}

int __real_socket(int domain, int type, int protocol) noexcept;
int __wrap_socket(int domain, int type, int protocol) noexcept {
  auto* const world = world_of_caller();
  if (world == nullptr) return __real_socket(domain, type, protocol);
  return world->files().open(std::make_shared<Socket>(*world));
}

int __real_bind(int fd, const sockaddr* address, socklen_t size) noexcept;
int __wrap_bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_bind(fd, address, size);
  socket->bind(name_in(address, size));
  return 0;
}

int __real_connect(int fd, const sockaddr* address, socklen_t size);
int __wrap_connect(int fd, const sockaddr* address, socklen_t size) {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_connect(fd, address, size);
  if (lives()) return socket->connect(name_in(address, size));
  errno = ECONNRESET;
  return -1;
}

int __real_accept4(int fd, sockaddr* address, socklen_t* size, int flags);
int __wrap_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_accept4(fd, address, size, flags);
  if (!lives()) {
    errno = EAGAIN;
    return -1;
  }
  const auto accepted = socket->accept();
  if (accepted.fd < 0) return -1;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path + 1, accepted.name.data(), accepted.name.size());
  std::memcpy(address, &name, std::min<std::size_t>(*size, sizeof name));
  const auto length = accepted.name.empty() ? 0 : accepted.name.size() + 1;
  *size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  return accepted.fd;
}

ssize_t __real_sendmsg(int fd, const msghdr* message, int flags);
ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_sendmsg(fd, message, flags);
  if (!lives()) return static_cast<ssize_t>(size_of(*message));
  return socket->send(bytes_of(*message), fds_in(*message));
}

ssize_t __real_recvmsg(int fd, msghdr* message, int flags);
ssize_t __wrap_recvmsg(int fd, msghdr* message, int flags) {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_recvmsg(fd, message, flags);
  if (!lives()) {
    hand_over(*message, {});
    return 0;
  }
  auto arrived = socket->receive(bytes_of(*message), (flags & MSG_PEEK) != 0);
  hand_over(*message, std::move(arrived.fds));
  return arrived.size;
}

ssize_t __real_recv(int fd, void* bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void* bytes, size_t size, int flags) {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_recv(fd, bytes, size, flags);
  if (!lives()) return 0;
  return socket->receive({static_cast<std::byte*>(bytes), size}, (flags & MSG_PEEK) != 0).size;
}

int __real_setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept;
int __wrap_setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  auto* const socket = socket_of(fd);
  if (socket == nullptr) return __real_setsockopt(fd, level, option, value, size);
  if (level == SOL_SOCKET && option == SO_SNDBUF)
    socket->set_buffer(2 * static_cast<std::size_t>(*static_cast<const int*>(value)));
  return 0;
}

int __real_ioctl(int fd, unsigned long request, ...) noexcept;
int __wrap_ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  auto* const argument = va_arg(rest, void*);
  va_end(rest);
  auto* const socket = request == SIOCOUTQ ? socket_of(fd) : nullptr;
  if (socket == nullptr) return __real_ioctl(fd, request, argument);
  *static_cast<int*>(argument) = static_cast<int>(socket->unread());
  return 0;
}

// Without a descriptor it is a pause.
int __real_poll(pollfd* entries, nfds_t count, int timeout);
int __wrap_poll(pollfd* entries, nfds_t count, int timeout) {
  auto* const world = world_of_caller();
  if (world == nullptr) return __real_poll(entries, count, timeout);
  std::vector<File*> files;
  for (nfds_t index = 0; index < count; ++index)
    if (auto* const file = world->files().find(entries[index].fd)) files.push_back(file);
  const auto until = world->now() + std::chrono::milliseconds(timeout);
  for (;;) {
    int found = 0;
    for (nfds_t index = 0; index < count; ++index) {
      const auto* const file = world->files().find(entries[index].fd);
      entries[index].revents =
          file != nullptr ? found_of(entries[index], *file) : static_cast<short>(0);
      found += entries[index].revents != 0 ? 1 : 0;
    }
    if (found > 0 || world->now() >= until || world->running()->killed()) return found;
    world->files().sleep(files, until);
  }
}

int __real_epoll_create1(int flags) noexcept;
int __wrap_epoll_create1(int flags) noexcept {
  auto* const world = world_of_caller();
  if (world == nullptr) return __real_epoll_create1(flags);
  return world->files().open(std::make_shared<Epoll>(*world->running()));
}

// A descriptor that is not the world's is Asio's own, which wakes it from other threads.
int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept;
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  auto* const world = World::current();
  auto* const own = world != nullptr ? world->files().find_as<Epoll>(epoll) : nullptr;
  if (own == nullptr) return __real_epoll_ctl(epoll, operation, fd, event);
  auto* const file = world->files().find(fd);
  if (operation == EPOLL_CTL_DEL)
    own->remove(fd);
  else if (file != nullptr)
    own->set(fd, *file, *event);
  return 0;
}

int __real_epoll_wait(int epoll, epoll_event* events, int most, int timeout);
int __wrap_epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  auto* const world = world_of_caller();
  auto* const own = world != nullptr ? world->files().find_as<Epoll>(epoll) : nullptr;
  if (own == nullptr) return __real_epoll_wait(epoll, events, most, timeout);
  const auto found = own->take(static_cast<std::size_t>(most));
  std::ranges::copy(found, events);
  return static_cast<int>(found.size());
}

int __real_timerfd_create(int clock, int flags) noexcept;
int __wrap_timerfd_create(int clock, int flags) noexcept {
  auto* const world = world_of_caller();
  if (world == nullptr) return __real_timerfd_create(clock, flags);
  return world->files().open(std::make_shared<TimerFile>());
}

// Asio sets an absolute time only for one that is over.
int __real_timerfd_settime(int fd, int flags, const itimerspec* when, itimerspec* old) noexcept;
int __wrap_timerfd_settime(int fd, int flags, const itimerspec* when, itimerspec* old) noexcept {
  auto* const world = World::current();
  auto* const timer = world != nullptr ? world->files().find_as<TimerFile>(fd) : nullptr;
  if (timer == nullptr) return __real_timerfd_settime(fd, flags, when, old);
  const auto value = std::chrono::seconds(when->it_value.tv_sec) +
                     std::chrono::nanoseconds(when->it_value.tv_nsec);
  if (value.count() == 0)
    timer->set(Time::max());
  else
    timer->set((flags & TFD_TIMER_ABSTIME) != 0 ? Time(value) : world->now() + value);
  return 0;
}

}  // extern "C"
