// SPDX-License-Identifier: BSD-3-Clause
//
// Loop: what a simulated process has around Asio's event loop. What is posted by post() goes first,
// in order; of several eventfds, timers and what Asio waits for itself (sockets, on
// system/calls.cpp) chance decides which is next. On its process.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "vdev/loop/timer.hpp"
#include "vdev/simulate/files.hpp"

namespace bellwire::simulate {

/// What a loop waits for.
class Source {
 public:
  /// When it is ready; a time that is over: now. Empty: not until it is woken.
  [[nodiscard]] virtual std::optional<Time> ready() const noexcept = 0;
  virtual void handle() = 0;

 protected:
  ~Source() = default;
};

class Loop {
 public:
  explicit Loop(Process& process);
  Loop(const Loop&) = delete;
  ~Loop();

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Until that is true, or the process is killed.
  void run(const std::function<bool()>& until);

  // For what takes the place of EventReader, Timer and post().
  [[nodiscard]] static Loop& of(boost::asio::io_context& context);
  [[nodiscard]] Process& process() noexcept { return process_; }
  void post(std::shared_ptr<PostOwner> owner, unsigned index) {
    posted_.emplace_back(std::move(owner), index);
  }
  void add(Source& source) { sources_.push_back(&source); }
  void remove(Source& source) noexcept { std::erase(sources_, &source); }

 private:
  // One handler of Asio's own at a time.
  struct Asio final : Source {
    explicit Asio(Loop& on) : loop(on) {}
    [[nodiscard]] std::optional<Time> ready() const noexcept override;
    void handle() override;

    Loop& loop;
    Epoll* epoll = nullptr;
    bool again = false;  // a handler may have posted another
  };

  bool run_one();
  [[nodiscard]] Time first() const noexcept;

  Process& process_;
  boost::asio::io_context context_{1};
  Asio asio_{*this};
  std::vector<Source*> sources_;
  std::vector<Source*> ready_;                                          // kept for its memory
  std::deque<std::pair<std::shared_ptr<PostOwner>, unsigned>> posted_;  // goes first
};

}  // namespace bellwire::simulate
