// SPDX-License-Identifier: BSD-3-Clause
//
// Registration: a callback that is registered, as a thing that one holds. Dropping it unregisters:
// what the callback captured need only live as long as its Registration. It may be dropped from
// within the callback, and after the one who calls has gone.
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
  /// Holds the callback itself; the side that calls has a weak pointer to it.
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

  /// Calls those that are registered now, in the order in which they came, but for those that
  /// another unregisters meanwhile.
  void call(Args... args) const {
    const auto now = callbacks_;
    for (const auto& known : now)
      if (const auto callback = known.lock()) (*callback)(args...);
  }

 private:
  std::vector<std::weak_ptr<Callback>> callbacks_;
};

}  // namespace bellwire
