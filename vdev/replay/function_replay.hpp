// SPDX-License-Identifier: BSD-3-Clause
//
// FunctionPlayer: replays a journal to a PCI function, in this process: it is the function's
// client. It makes each access, reset and connection in the recorded order, carries the device's
// transfers, and compares: what registers read as, what the device reads and writes in the guest's
// memory, and how often it raises each interrupt.
//
// All that a device does on its thread comes of something: of an access, a reset, the end of a
// transfer, or a handler of its context. The entries are in that order, so what the device does
// while an entry is played must be what the next ones say. A handler of its context runs at a
// `turn` and at no other time. Interrupts, which may come from any thread, are counted: one that is
// recorded is waited for, and when the client or an interrupt goes, or at the end, there must not
// have been more.
//
// While the device's context has something under way, as a timer, the time between two entries is
// at least what it was: timers that were set one after the other run out as they did.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <vector>

#include "vdev/pci/function.hpp"
#include "vdev/replay/difference.hpp"

namespace bellwire::replay {

class FunctionPlayer final : public Player, private DmaServer {
 public:
  static constexpr std::chrono::milliseconds usual_patience{10'000};

  /// `own`: the context that the function was made with, which nobody else runs. All must outlive
  /// it. `next`: the entries behind the one that is played. `patience`: how much longer than it
  /// took then, an interrupt or a handler may take.
  FunctionPlayer(boost::asio::io_context& own, pci::Function& function, NextEntry next,
                 std::chrono::milliseconds patience = usual_patience);
  ~FunctionPlayer() override;

  [[nodiscard]] Result<std::optional<Difference>> play(const Entry& entry) override;
  [[nodiscard]] std::string describe(const Entry& entry) const override;
  [[nodiscard]] std::string summary() const override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Transfer {
    bool write;
    std::span<std::byte> bytes;
    DmaDone done;
    std::string where;
  };

  // Each gives up with what is in outcome_.
  void act(const Entry& entry);
  void access(const Entry& entry);
  void compare_answer(std::span<const std::byte> replayed);
  void wire(const Entry& entry);
  void connect(pci::InterruptKind kind, unsigned index);
  void region(const Entry& entry);
  void transferred(const Entry& entry);
  void turn(const Entry& entry);
  void interrupt(const Entry& entry);
  void end(const Entry& entry);
  void count_raised();
  void check_raised(std::size_t vector);
  void check_raised();
  void differ_in_count(std::size_t vector);

  // DmaServer.
  void begin(bool write, std::uint64_t address, std::span<std::byte> bytes, DmaDone done) override;
  void cancel() override;

  [[nodiscard]] bool over() const noexcept { return ended_ || outcome_.has_value(); }
  std::optional<Entry> next();
  void pace(const Entry& entry);
  void fail(Error error);
  void differ(Difference difference);

  boost::asio::io_context& own_;
  pci::Function& function_;
  const NextEntry next_;
  const std::chrono::milliseconds patience_;

  std::optional<Result<std::optional<Difference>>>
      outcome_;         // once there is one, nothing is played
  bool ended_ = false;  // by an entry that came early
  std::string where_ = "before the first access";
  bool direct_ = false;
  std::uint64_t transfers_ = 0;
  std::map<std::uint32_t, Transfer> under_way_;  // by number
  std::vector<DmaDone> left_;                    // of transfers that have no recorded end

  std::map<std::pair<pci::InterruptKind, unsigned>, os::EventFd> wires_;
  std::vector<std::uint64_t> recorded_, raised_;  // interrupts by vector

  bool waits_ = false;               // the device's context has something under way
  std::uint64_t last_ns_ = 0;        // of the last entry
  std::chrono::nanoseconds gap_{0};  // from it to this one
  Clock::time_point last_{};
};

}  // namespace bellwire::replay
