// SPDX-License-Identifier: BSD-3-Clause
//
// Registration: owns a registered callback; dropping it unregisters the callback. So what the
// callback captures need only live as long as the Registration. It may be dropped from within the
// callback, and after the Callbacks that it was added to.
//
// Callbacks: the side that calls. Both on one thread.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace bellwire {

class [[nodiscard]] Registration {
 public:
  Registration() = default;
  /// Owns the callback; the calling side has a weak pointer to it.
  explicit Registration(std::shared_ptr<void> callback) noexcept : callback_(std::move(callback)) {}
  Registration(Registration&&) noexcept = default;
  Registration& operator=(Registration&&) noexcept = default;
  ~Registration() = default;

  void drop() noexcept { callback_.reset(); }

 private:
  std::shared_ptr<void> callback_;
};

template <class... Args>
class Callbacks {
 public:
  using Callback = std::function<void(Args...)>;

  Registration add(Callback callback) {
    auto held = std::make_shared<Callback>(std::move(callback));
    std::erase_if(callbacks_, [](const auto& known) { return known.expired(); });
    callbacks_.push_back(held);
    return Registration(std::move(held));
  }

  /// Calls the callbacks that are registered now, in the order of their registration, except those
  /// that another callback unregisters meanwhile.
  void call(Args... args) const {
    const auto now = callbacks_;
    for (const auto& known : now)
      if (const auto callback = known.lock()) (*callback)(args...);
  }

 private:
  std::vector<std::weak_ptr<Callback>> callbacks_;
};

}  // namespace bellwire
