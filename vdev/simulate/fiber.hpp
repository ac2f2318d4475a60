// SPDX-License-Identifier: BSD-3-Clause
//
// Fiber: a function with a stack of its own, which goes on where it left off. One thread.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace bellwire::simulate {

class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  Fiber(const Fiber&) = delete;
  /// It must have ended, or never have been entered: what lives on its stack would stay.
  ~Fiber() = default;

  /// Runs it until it leaves, or ends. From outside of it.
  void enter();
  /// Goes on with whoever entered it. On the fiber.
  void leave();
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  static void begin(unsigned high, unsigned low) noexcept;
  void run() noexcept;

  std::function<void()> body_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t own_{}, outside_{};
  bool ended_ = false;
  void* asio_calls_ = nullptr;  // what Asio keeps per thread: which of its contexts run
  // What AddressSanitizer wants to know of the two stacks.
  void* fake_stack_ = nullptr;
  const void* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
};

}  // namespace bellwire::simulate
