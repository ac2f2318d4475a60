// SPDX-License-Identifier: BSD-3-Clause
//
// World: processes on one thread, and a clock of their own. It is what a simulation has in place of
// the system: while a world exists, the product's eventfds, timers, clock, log and yields are the
// world's (system/). A process runs until it waits, or takes time; whoever is due next goes on, and
// the clock jumps to that moment. So nothing ever sleeps, and the same seed gives the same run.
//
// A process is interrupted at its eventfds, too, now and then. It can be killed at any such point,
// as by SIGKILL: then what it had done counts, and nothing that its destructors do (killed()).
//
// One thread; one world at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vdev/core/attachment.hpp"
#include "vdev/simulate/fiber.hpp"
#include "vdev/simulate/random.hpp"

namespace bellwire::simulate {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

class Files;
class World;

enum class Interruptible : bool { no, yes };

class Process {
 public:
  Process(World& world, std::string name, std::function<void()> body, Interruptible interruptible);

  // By itself.
  /// Works for that time, while others go on.
  void pause(Duration time);
  /// Waits until then, or until it is woken.
  void wait_until(Time when);

  // By others.
  /// It has something to do: if it waits, it goes on soon.
  void wake();
  /// Stops it for that time, as SIGSTOP does.
  void freeze(Duration time);
  /// Kills it where it is, or where it next may be interrupted.
  void kill() noexcept { to_be_killed_ = true; }
  /// It dies only when that is not true: another thread of it is in the midst of something then.
  void spare_while(const bool& busy) noexcept { busy_ = &busy; }

  /// Whether it was killed. What runs it then lets go of all that it had, and calls restart().
  [[nodiscard]] bool killed() const noexcept { return killed_; }
  /// Kills it here, or as soon as it need not be spared. On the process.
  void die_here();
  /// Undoes what was done since it was killed.
  void restart();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] unsigned number() const noexcept { return number_; }

 private:
  friend class World;
  void go_on_at(Time when);
  void check_kill();

  World& world_;
  const std::string name_;
  const unsigned number_;
  const Interruptible interruptible_;
  Fiber fiber_;
  std::optional<Time> due_;  // empty: until it is woken
  bool waits_ = false;       // rather than being at work: it may be woken
  Time frozen_until_{};
  bool to_be_killed_ = false, killed_ = false;
  const bool* busy_ = nullptr;
};

class World {
 public:
  explicit World(std::uint64_t seed);
  World(const World&) = delete;
  ~World();

  /// The one that exists; null: there is none.
  [[nodiscard]] static World* current() noexcept;

  Process& start(std::string name, std::function<void()> body,
                 Interruptible interruptible = Interruptible::yes);
  /// Runs the processes until all have ended or wait for ever, or `until` is true.
  void run(const std::function<bool()>& until);
  /// The process that runs; null: none.
  [[nodiscard]] Process* running() const noexcept { return running_; }

  /// How often a process went on.
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] Time now() const noexcept { return now_; }
  /// Looking at the clock takes time: so whoever polls until a time comes to an end.
  Time look_at_clock() noexcept;
  [[nodiscard]] Random& random() noexcept { return random_; }

  /// At points where others may see what was done so far.
  void may_interrupt();
  /// For one who waits for another, in a loop.
  void yield();

  // Eventfds, by their descriptors.
  void add_event(int fd, std::uint64_t count);
  void alias_event(int fd, int of);
  [[nodiscard]] bool is_event(int fd) const noexcept;
  /// No two events ever have the same.
  [[nodiscard]] std::uint64_t serial(int fd) const noexcept;
  [[nodiscard]] std::uint64_t next_serial() noexcept { return ++serial_; }
  void ring(int fd, std::uint64_t count) noexcept;
  [[nodiscard]] std::uint64_t count(int fd) const noexcept;
  std::uint64_t take(int fd) noexcept;
  /// Who is woken by a ring; null: nobody.
  void set_reader(int fd, Process* reader) noexcept;

  // Descriptors, of events and files.
  [[nodiscard]] Files& files() noexcept { return *files_; }
  /// `copy` was made of `fd`.
  void duplicate(int copy, int fd);
  /// To be closed.
  void close(int fd);

  /// Memory that outlives those who share it; until `kept` is replaced.
  void keep_memory(MemoryView& kept, MemoryView memory);

  // What happened.
  /// For the digest: two runs that differ in any step have different ones.
  void mix(std::uint64_t value) noexcept;
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
  /// Keeps the newest `lines` of note(); 0: none.
  void keep_notes(std::size_t lines) { most_notes_ = lines; }
  [[nodiscard]] bool keeps_notes() const noexcept { return most_notes_ > 0; }
  void note(const std::string& line);
  [[nodiscard]] const std::deque<std::string>& notes() const noexcept { return notes_; }

 private:
  friend class Process;
  struct Event {
    std::uint64_t serial = 0;
    std::uint64_t count = 0;
    Process* reader = nullptr;
    unsigned descriptors = 0;  // that refer to it
  };
  struct Snapshot {
    std::vector<Event> events;
    std::vector<std::vector<std::byte>> memories;
  };
  [[nodiscard]] Event& event(int fd) noexcept;
  void refer(int fd, unsigned event);
  [[nodiscard]] Process* next() noexcept;
  void arrive(Process& process);
  void switch_away();
  void save();
  void restore();

  std::vector<std::unique_ptr<Process>> processes_;
  Process* running_ = nullptr;
  std::uint64_t steps_ = 0;
  Time now_{std::chrono::seconds(1)};
  Random random_;
  std::unique_ptr<Files> files_;
  std::uint64_t serial_ = 0;
  std::vector<unsigned> event_of_fd_;
  std::vector<Event> events_;  // the first is nobody's
  std::vector<MemoryView> memories_;
  std::optional<Snapshot> before_death_;  // while one that was killed lets go
  std::uint64_t digest_ = 0;
  std::size_t most_notes_ = 0;
  std::deque<std::string> notes_;
};

}  // namespace bellwire::simulate
