// SPDX-License-Identifier: BSD-3-Clause
//
// Files: what the descriptors of a world refer to beside eventfds: unix sockets, epoll instances,
// timers and memory. system/calls.cpp puts them in the place of the kernel's, below Asio and the
// product's own calls. A descriptor is still one of the kernel's, so that each has a number of its
// own, and has an owner among the processes, so that one that is never closed is found.
//
// One thread.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "vdev/simulate/world.hpp"

namespace bellwire::simulate {

class Socket;

class File {
 public:
  File() = default;
  File(const File&) = delete;
  virtual ~File() = default;

  /// EPOLLIN and so on.
  [[nodiscard]] virtual std::uint32_t ready() const noexcept { return 0; }
  /// When it will be ready, as far as that is known.
  [[nodiscard]] virtual Time due() const noexcept { return Time::max(); }
  /// Its last descriptor is closed.
  virtual void closed() {}

 private:
  friend class Files;
  unsigned descriptors_ = 0;
  std::vector<Process*> sleepers_;  // that wait in poll()
};

/// Memory that processes share: the kernel's; it is here because its descriptors are counted.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::uint64_t serial) : serial_(serial) {}
  [[nodiscard]] std::uint64_t serial() const noexcept { return serial_; }

 private:
  const std::uint64_t serial_;
};

/// A timerfd.
class TimerFile final : public File {
 public:
  [[nodiscard]] std::uint32_t ready() const noexcept override;
  [[nodiscard]] Time due() const noexcept override { return due_; }
  void set(Time due) noexcept { due_ = due; }

 private:
  Time due_ = Time::max();
};

/// An epoll instance, of the process that made it.
class Epoll final : public File {
 public:
  explicit Epoll(Process& process) : process_(process) {}

  void set(int fd, File& file, const epoll_event& event);
  void remove(int fd) noexcept;
  void remove(const File& file) noexcept;
  /// What is ready, `most` at most, in an order that chance decides. It never waits.
  [[nodiscard]] std::vector<epoll_event> take(std::size_t most);
  /// When there is something to take; a time that is over: now.
  [[nodiscard]] std::optional<Time> next() noexcept;
  /// Something has happened to a file.
  void touch(const File& file) noexcept;
  [[nodiscard]] Process& process() const noexcept { return process_; }

 private:
  struct Watch {
    int fd;
    File* file;
    epoll_event event;
    bool touched;  // since it was last reported, or found not to be ready
    [[nodiscard]] std::uint32_t found() const noexcept;
  };
  Process& process_;
  std::vector<Watch> watches_;
};

class Files {
 public:
  explicit Files(World& world) : world_(world) {}

  /// A new descriptor, of the process that runs. -1: the system has none left.
  [[nodiscard]] int open(std::shared_ptr<File> file);
  /// One that the system made. An eventfd's file is null.
  void open(int fd, std::shared_ptr<File> file);
  /// `copy` is of the same file as `fd`.
  void duplicate(int copy, int fd);
  /// It is the running process's from now on; or nobody's, on its way in a socket.
  void own(int fd) noexcept;
  void disown(int fd) noexcept;
  void close(int fd);
  /// Null: it is not one of these.
  [[nodiscard]] File* find(int fd) const noexcept;
  template <class Kind>
  [[nodiscard]] Kind* find_as(int fd) const noexcept {
    return dynamic_cast<Kind*>(find(fd));
  }
  [[nodiscard]] bool known(int fd) const noexcept;

  /// How many are open: of that process, of all.
  [[nodiscard]] unsigned open_of(const Process& owner) const noexcept;
  [[nodiscard]] unsigned open_of_all() const noexcept { return open_; }
  /// The memory that a process has; -1: none.
  [[nodiscard]] int memory_of(const Process& owner) const noexcept;

  /// Who listens at a path; null: nobody any more.
  [[nodiscard]] std::map<std::string, Socket*>& served() noexcept { return served_; }

  /// Something has happened to it: whoever waits for it looks again.
  void touch(File& file) noexcept;
  /// Until something happens to it, or until that time.
  void sleep(const std::vector<File*>& files, Time until);

  /// The newest of a process; null: none.
  [[nodiscard]] Epoll* epoll_of(const Process& process) const noexcept;

 private:
  struct Descriptor {
    std::shared_ptr<File> file;
    bool open = false;
    const Process* owner = nullptr;
  };
  [[nodiscard]] Descriptor& at(int fd);

  World& world_;
  std::vector<Descriptor> descriptors_;
  std::vector<Epoll*> epolls_;
  std::map<std::string, Socket*> served_;
  unsigned open_ = 0;
};

}  // namespace bellwire::simulate
