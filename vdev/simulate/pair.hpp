// SPDX-License-Identifier: BSD-3-Clause
//
// Pair: a device and its guest, with the memory and the wires between them, as processes of a
// world:
//
//   device    runs a device of the product's by its Runner, behind Moderation and Faults; when it
//             was killed it starts again, on the memory that is there
//   driver N  of queue N: sends requests by RequestSender, generation after generation, checks each
//             answer, masks its interrupt now and then, and has another eventfd for it
//   operator  kills and freezes the device, freezes and resets the guest
//   guest     only with a switchboard, where the device and the guest get memory and wires from it
//             (board.hpp): holds the guest's connection, as QEMU does. It is killed as well. What
//             has wires of a switchboard that is no more is started again, on those of the next
//
// What is promised is checked by check_generation().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vdev/core/interrupt.hpp"
#include "vdev/core/transport.hpp"
#include "vdev/faults/tally.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/simulate/board.hpp"
#include "vdev/simulate/late.hpp"
#include "vdev/simulate/setup.hpp"
#include "vdev/simulate/world.hpp"

namespace bellwire::simulate {

struct Counts {
  std::uint64_t answered = 0;     ///< requests, of generations that came to their end
  std::uint64_t generations = 0;  ///< that came to their end
  std::uint64_t abandoned = 0;    ///< generations that a reset ended
  std::uint64_t doorbells = 0, interrupts = 0;
  std::uint64_t recovered_doorbells = 0, recovered_interrupts = 0;
  std::uint64_t starts = 0;  ///< of the device
  std::uint64_t resets = 0;  ///< of the guest
  std::uint64_t killed_guests = 0;
  std::uint64_t freezes = 0;
  std::uint64_t masks = 0;  ///< of interrupts
  std::uint64_t swaps = 0;  ///< of interrupts' eventfds

  Counts& operator+=(const Counts& other) noexcept;
};

class Pair {
 public:
  /// Its driver's share of requests is `requests`. `board` null: there is no switchboard; otherwise
  /// `changed` is called when it is done, and when it has left. ENOMEM, EMFILE.
  static Result<std::unique_ptr<Pair>> start(World& world, PairSetup setup, unsigned number,
                                             std::uint64_t requests, Board* board = nullptr,
                                             std::function<void()> changed = {});

  [[nodiscard]] const PairSetup& setup() const noexcept { return setup_; }
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
  [[nodiscard]] const FaultTally& tally() const noexcept { return *tally_; }
  /// What is wrong; empty: nothing so far.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  /// Has its drivers give up, and all of its processes end. The world is to be run once more.
  void end();
  /// No driver is at work any more.
  [[nodiscard]] bool done() const noexcept { return at_work_ == 0; }
  /// All pairs are done: its guest keeps its place for no other.
  void finish();
  /// Neither its device nor its guest joins again.
  [[nodiscard]] bool left() const noexcept { return joining_ == 0; }
  /// The switchboard has other wires than those it has. On any process.
  void move();
  /// What it waits for, for one that never ends.
  [[nodiscard]] std::string waiting() const;

 private:
  struct Wire {
    std::optional<os::EventFd> doorbell;   // not with a switchboard: then
    std::optional<Interrupt> switched;     // the guest rings that
    std::optional<os::EventFd> interrupt;  // the guest's
    InterruptLine line;                    // of the device that runs, without a switchboard
    bool masked = false;
    Process* driver = nullptr;
  };
  struct Reset {};  // thrown through a driver that is reset, or that ends

  Pair(World& world, PairSetup setup, unsigned number, std::uint64_t requests, Board* board,
       std::function<void()> changed);
  Result<void> make_wires();
  void start_processes();

  // The device.
  void run_device();
  void run_device_once();
  void serve(Loop& loop, Attachment attachment);
  [[nodiscard]] std::unique_ptr<Device> make_device();
  [[nodiscard]] Result<Attachment> attach();

  // At the switchboard.
  void serve_switched(Loop& loop);
  void run_guest();
  void run_guest_once();
  void plug_in(Member& member);
  void pull_out();
  void meet();
  void leave();
  void one_has_left();
  [[nodiscard]] bool served() const noexcept;

  // The guest.
  void run_driver(unsigned queue);
  void run_generation(unsigned queue, std::uint32_t requests);
  [[nodiscard]] bool may_begin() const noexcept;
  void check_reset();
  void wake_drivers() const;
  void ring(Wire& wire);
  [[nodiscard]] bool wait(Wire& wire, std::chrono::nanoseconds time);
  void mask_a_while(Wire& wire);
  void swap_event(Wire& wire);
  void check_generation(unsigned queue, const GuestReport& report);
  void check_wires(unsigned queue);
  void fail(unsigned queue, const std::string& why);

  // The operator.
  void run_operator();
  Duration kill_device();
  Duration freeze_device();
  Duration freeze_guest();
  Duration reset_guest();
  Duration kill_guest();

  World& world_;
  const PairSetup setup_;
  const unsigned number_;
  Board* const board_;  // null: there is none
  const std::function<void()> changed_;
  std::uint64_t left_;  // requests that no generation has yet
  MemoryView memory_;   // of the device
  MemoryView guest_memory_;
  std::vector<Wire> wires_;
  std::shared_ptr<FaultTally> tally_;
  Worker worker_;
  Process* device_ = nullptr;
  Process* guest_ = nullptr;
  Process* operator_ = nullptr;
  std::shared_ptr<const Seat> device_seat_, guest_seat_;  // at the switchboard; null: not there
  std::vector<Interrupt> raised_;  // what the device has of the wires, while it has a seat
  Time served_at_{};               // the last time that the guest was
  bool refused_ = false;           // the device was, since
  bool guest_joins_ = false;       // just now
  bool leaving_ = false;           // the guest
  unsigned joining_ = 0;           // processes that may join
  unsigned ringing_ = 0;           // drivers, just now
  unsigned at_work_ = 0;           // drivers
  unsigned generations_ = 0;       // that are open
  bool resetting_ = false;
  bool ending_ = false, finished_ = false;
  Counts counts_;
  std::string failure_;
};

}  // namespace bellwire::simulate
