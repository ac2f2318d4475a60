// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/compare/stand.hpp"

#include <unistd.h>

namespace bell::compare {
namespace {

Result<std::unique_ptr<Channel>> open_end(MakeEnd make, Lab& lab) {
  auto end = make ? make(lab) : nullptr;
  if (!end) return end;
  if (auto opened = end->open(); !opened) return opened.error();
  end->receiver_is(::getpid());
  return end;
}

}  // namespace

Result<void> Stand::open() {
  if (auto opened = open_session(); !opened) return opened;
  return open_ends();
}

Result<void> Stand::open_ends() {
  auto from = open_end(mechanism_.from_kernel, lab_);
  if (!from) return from.error();
  auto to = open_end(mechanism_.to_kernel, lab_);
  if (!to) return to.error();
  from_kernel_ = std::move(*from);
  to_kernel_ = std::move(*to);
  return {};
}

void Stand::close_ends() noexcept {
  lab_.stop();
  from_kernel_.reset();
  to_kernel_.reset();
}

Result<void> Stand::start(const Job& wish) {
  const auto out = from_kernel_ ? from_kernel_->ends() : Ends{};
  const auto in = to_kernel_ ? to_kernel_->ends() : Ends{};
  notify_lab_job job{};
  job.send = mechanism_.send;
  job.receive = mechanism_.receive;
  job.send_fd = out.sender;
  job.receive_fd = in.receiver;
  job.count = static_cast<std::uint32_t>(wish.count);
  job.flags = wish.flags;
  job.cpu = wish.cpu;
  job.gap_us = wish.gap_us;
  job.port = out.port;
  job.signal = out.signal;
  if (from_kernel_) from_kernel_->job_begins();
  return lab_.start(job);
}

}  // namespace bell::compare
