// SPDX-License-Identifier: BSD-3-Clause
//
// BackEnd: the back-end under test, as far as the suite can start and end it. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/conform/kept_process.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::host::conform {

class BackEnd {
 public:
  virtual ~BackEnd() = default;

  /// Whether the functions below do anything: somebody else's process is left alone.
  [[nodiscard]] virtual bool controlled() const noexcept = 0;

  /// Starts it, and waits until it serves the socket. ETIMEDOUT; ECHILD: it ended before.
  /// EADDRINUSE: somebody else serves it.
  [[nodiscard]] virtual Result<void> start() = 0;
  /// Ends it at once, as SIGKILL does. When this returns, it is gone.
  virtual void kill() = 0;
  /// Asks it to end, as SIGTERM does; how it ended. ETIMEDOUT: it didn't.
  [[nodiscard]] virtual Result<std::string> terminate(std::chrono::milliseconds limit) = 0;
  /// How it ended by itself ("by signal 11"). Empty: it has not, as far as we know.
  [[nodiscard]] virtual std::optional<std::string> ended() = 0;

  /// Removes what a killed process has left behind where its sockets were.
  virtual void clean_up() {}

  /// The suite goes on to statement `number`; 0: to what is between two.
  virtual void next_statement(unsigned number) { static_cast<void>(number); }
};

/// A process that somebody else has started.
class ForeignBackEnd final : public BackEnd {
 public:
  [[nodiscard]] bool controlled() const noexcept override { return false; }
  [[nodiscard]] Result<void> start() override { return {}; }
  void kill() override {}
  [[nodiscard]] Result<std::string> terminate(std::chrono::milliseconds) override {
    return std::string();
  }
  [[nodiscard]] std::optional<std::string> ended() override { return std::nullopt; }
};

/// A process that the suite starts. It ends with this object, together with whatever it has
/// started, and with the suite's process however that ends; a socket that it leaves behind is
/// removed.
class StartedBackEnd final : public BackEnd {
 public:
  /// `command` is split as a shell does, without running anything; {socket} in it becomes `socket`,
  /// {peer} the socket of another port of the same back-end. EINVAL: it cannot be split, is
  /// empty, or does not name `socket`. `stop` is a descriptor: once it is readable, start() waits
  /// no more.
  [[nodiscard]] static Result<std::unique_ptr<StartedBackEnd>> create(const std::string& command,
                                                                      const std::string& socket,
                                                                      const std::string& peer,
                                                                      int stop);
  /// For a command that has been split. `peer` may be empty.
  StartedBackEnd(std::vector<std::string> words, std::string socket, int stop,
                 std::string peer = {});
  StartedBackEnd(const StartedBackEnd&) = delete;
  ~StartedBackEnd() override;

  [[nodiscard]] bool controlled() const noexcept override { return true; }
  [[nodiscard]] Result<void> start() override;
  void kill() override;
  [[nodiscard]] Result<std::string> terminate(std::chrono::milliseconds limit) override;
  [[nodiscard]] std::optional<std::string> ended() override;
  void clean_up() override;

 private:
  [[nodiscard]] Result<void> reach() const;
  [[nodiscard]] Result<void> check_unserved() const;
  [[nodiscard]] Error not_served(const Error& why) const;

  std::vector<std::string> words_;
  std::string socket_, peer_;
  int stop_;
  std::unique_ptr<KeptProcess> process_;  // null: it was never started, or killed
};

}  // namespace bellwire::host::conform
