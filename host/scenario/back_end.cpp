// SPDX-License-Identifier: BSD-3-Clause
#include "host/scenario/back_end.hpp"

#include <linux/virtio_ids.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>

#include "vdev/virtio/buffers.hpp"

namespace bellwire::host {
namespace {

std::uint64_t number_of(const virtio::Request& request) noexcept {
  std::uint64_t number = 0;
  virtio::copy_from(request.readable(), 0, std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

}  // namespace

virtio::Traits AnsweringDevice::traits() const noexcept {
  return {.kind = "answer", .id = VIRTIO_ID_RNG};
}

void AnsweringDevice::handle(virtio::Request request) noexcept {
  taken_.insert(number_of(request));
  if (held_)
    waiting_.push_back(std::move(request));
  else
    answer(std::move(request));
}

void AnsweringDevice::answer(virtio::Request request) noexcept {
  const auto answered = answer_to(number_of(request));
  const auto written =
      virtio::copy_to(request.writable(), 0, std::as_bytes(std::span(&answered, 1)));
  std::move(request).complete(static_cast<std::uint32_t>(written));
}

void AnsweringDevice::cancel(unsigned) noexcept {
  waiting_.clear();
}

void AnsweringDevice::set_held(bool held) noexcept {
  held_ = held;
  for (; !held && !waiting_.empty(); waiting_.pop_front()) answer(std::move(waiting_.front()));
}

BackEnd::BackEnd(os::UniqueFd socket)
    : backend_(virtio::Backend::create(context_, device_, memory_).value()),
      server_(vhost_user::Server::create(
                  context_, backend_, memory_,
                  {.path = "scenario", .socket = std::move(socket), .on_end = [] {}})
                  .value()),
      thread_([this] {
        const auto work = boost::asio::make_work_guard(context_);
        context_.run();
      }) {}

BackEnd::~BackEnd() {
  boost::asio::post(context_, [this] {
    server_.reset();
    context_.stop();
  });
  thread_.join();
}

template <class Work>
void BackEnd::on_its_thread(Work work) {
  std::promise<void> done;
  boost::asio::post(context_, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

// Between two posts that follow each other the loop asks the kernel what else is ready, and does
// it.
void BackEnd::settle() {
  constexpr int rounds = 12;
  for (int round = 0; round < rounds; ++round) on_its_thread([] {});
}

void BackEnd::set_held(bool held) {
  on_its_thread([&] { device_.set_held(held); });
}

BackEnd::Counts BackEnd::counts() {
  Counts counts;
  on_its_thread([&] {
    const auto queue = backend_.counts(0);
    counts = {.taken = device_.taken(), .kicks = queue.kicks, .calls = queue.calls};
  });
  return counts;
}

}  // namespace bellwire::host
