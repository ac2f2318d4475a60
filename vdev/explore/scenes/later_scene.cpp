// SPDX-License-Identifier: BSD-3-Clause
//
// A queue whose device hands its requests to another thread, such as a disk's.
#include <vector>

#include "vdev/explore/scenes/ring_scene.hpp"
#include "vdev/explore/scenes/scenes.hpp"

namespace bellwire::explore {
namespace {

class Later final : public RingScene, private ring::AsyncRequestHandler {
 public:
  std::vector<Actor> begin() override {
    device_.reset();
    at_disk_.clear();
    at_disk_.reserve(entries);
    reset();
    device_.emplace(queue_, line_->interrupt(), 1, 0, completed_);
    return {{"driver", [this] { drive(); }}, {"device", [this] { serve_all(); }}, {"disk", [this] {
                                                                                     complete_all();
                                                                                   }}};
  }

 private:
  static constexpr unsigned requests = 2;

  void drive() {
    start();
    while (next_answer_ <= requests) {
      while (next_cookie_ <= requests) submit();
      wait_for_completion();
      take();
    }
    finish();
  }

  void serve_all() {
    for (;;) {
      wait("its doorbell or a completion", [this] {
        return finished_ || rings(doorbell_.fd()) > 0 || rings(completed_->fd()) > 0;
      });
      if (finished_) return;
      if (completed_->drain()) device_->deliver(*this);
      serve(static_cast<ring::AsyncRequestHandler&>(*this), doorbell_.drain().value_or(0));
    }
  }

  // The last that came is completed first.
  void complete_all() {
    for (;;) {
      wait("a request", [this] { return finished_ || !at_disk_.empty(); });
      if (at_disk_.empty()) return;
      auto request = std::move(at_disk_.back());
      at_disk_.pop_back();
      const auto cookie = request->cookie;
      std::move(request).complete({.result = cookie});
    }
  }

  void handle(ring::PendingRequest request) noexcept override {
    at_disk_.push_back(std::move(request));
  }
  void cancel(unsigned) noexcept override { at_disk_.clear(); }

  std::shared_ptr<const os::EventFd> completed_ =
      std::make_shared<const os::EventFd>(os::EventFd::create().value());
  std::vector<ring::PendingRequest> at_disk_;
};

}  // namespace

std::unique_ptr<Scene> later_scene() {
  return std::make_unique<Later>();
}

}  // namespace bellwire::explore
