// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/ring/traffic.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "vdev/core/crc32c.hpp"
#include "vdev/core/statistics.hpp"
#include "vdev/os/cpu.hpp"
#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/trace.hpp"
#include "vdev/ring/words.hpp"

namespace bell {

using bellwire::text;
namespace {

constexpr std::chrono::seconds traffic_patience{10};  // without any completion

// The content of request `number`; no two requests that are under way together have the same.
void fill(std::span<std::byte> bytes, std::uint64_t number) {
  std::uint64_t word = (number + 1) * 0x9E3779B97F4A7C15;
  const auto turn = [&word] { word ^= word << 13, word ^= word >> 7, word ^= word << 17; };
  for (; bytes.size() >= sizeof word; bytes = bytes.subspan(sizeof word)) {
    turn();
    std::memcpy(bytes.data(), &word, sizeof word);
  }
  turn();
  std::memcpy(bytes.data(), &word, bytes.size());
}

bool equal(std::span<const std::byte> one, std::span<const std::byte> other) {
  return std::memcmp(one.data(), other.data(), one.size()) == 0;
}

class Traffic {
 public:
  Traffic(const TrafficOptions& options, ClaimedQueue claimed)
      : options_(options),
        claimed_(std::move(claimed)),
        poll_time_(options.claim.poll),
        started_(options.depth),
        module_(claimed_.raw_queue(), BELLWIRE_MODULE) {}

  Result<TrafficResult> run();

 private:
  void submit_what_fits();
  void submit(std::uint64_t number, std::uint64_t now);
  bool take_all();
  void check(const bellwire_completion& completion, std::uint64_t now);
  [[nodiscard]] bool right_answer(const bellwire_completion& completion, std::uint64_t number);
  [[nodiscard]] bool more_to_submit() const;
  bool stuck(bool progress);
  [[nodiscard]] std::chrono::duration<double> since(std::uint64_t began) const;
  void measure(std::uint64_t ticks);
  void kick();
  void note_hop();

  // Each request under way has its own place in the payload: its input, then its output.
  std::span<std::byte> input(std::uint64_t number) {
    return claimed_.queue().payload().subspan(place(number), options_.payload);
  }
  std::span<std::byte> output(std::uint64_t number) {
    return claimed_.queue().payload().subspan(place(number) + options_.payload, options_.payload);
  }
  [[nodiscard]] std::size_t place(std::uint64_t number) const {
    return number % options_.depth * 2 * options_.payload;
  }

  TrafficOptions options_;
  const Answer answer_ = answer_of(options_.claim.device);
  ClaimedQueue claimed_;
  bellwire::PollTime poll_time_;
  bellwire::os::Ticks ticks_;  // of the TSC, the unit of all times here
  std::vector<std::uint64_t> started_;
  bellwire::Histogram latencies_;
  bellwire::ring::TraceReader module_;
  std::vector<bellwire_record> records_;  // the module's, of this round
  bellwire::Histogram hops_;
  bellwire::Histogram kicks_;
  TrafficResult result_;
  std::uint64_t kicks_given_ = 0;
  std::uint64_t expected_ = 0;     // the number of the next completion
  std::uint32_t incarnation_ = 0;  // of the device that completed last
  std::uint64_t last_progress_ = 0;
};

Result<TrafficResult> Traffic::run() {
  const auto before = claimed_.info();
  if (!before) return before.error();
  if (options_.trace)
    bellwire::ring::set_recording(claimed_.raw_queue(), BELLWIRE_GUEST_RECORDS, true);
  const auto began = last_progress_ = bellwire::ring::timestamp();
  bool going = true;
  while (going && (more_to_submit() || claimed_.queue().in_flight() > 0)) {
    submit_what_fits();
    const auto began_waiting = bellwire::ring::timestamp();
    const bool sleeps = bellwire::ring::publish_and_wait(
        claimed_.queue(), poll_time_, [this] { kick(); },
        [this, began_waiting] { claimed_.wait(since(began_waiting)); });
    const bool progress = take_all();
    if (progress && sleeps && options_.trace && options_.depth == 1) note_hop();
    going = !stuck(progress);
  }
  measure(bellwire::ring::timestamp() - began);
  if (const auto& loss = options_.loss;
      loss && kicks_given_ < loss->kick && result_.failure.empty())
    result_.failure = text("nothing was dropped: only {} kicks were given", kicks_given_);
  if (claimed_.gone() || claimed_.memory_lost())
    return bellwire::fault(std::errc::no_such_device, "{}; {} requests were under way",
                           claimed_.gone_fault().message, result_.rings - result_.completions);
  const auto after = claimed_.info();
  if (!after) return after.error();
  result_.hung = claimed_.hung() + (result_.failure.empty() ? 0 : claimed_.queue().in_flight());
  result_.doorbells = after->doorbells - before->doorbells;
  result_.interrupts = after->interrupts - before->interrupts;
  result_.raises = claimed_.queue().control().status.raises;
  result_.recovered_doorbells = after->recovered_doorbells;
  result_.recovered_interrupts = after->recovered_interrupts;
  return result_;
}

bool Traffic::more_to_submit() const {
  return options_.until_restarts > 0 ? result_.restarts < options_.until_restarts
                                     : result_.rings < options_.count;
}

// Reads the clock once for all requests that are submitted together; so does take_all().
void Traffic::submit_what_fits() {
  const auto now = bellwire::ring::timestamp();
  while (claimed_.queue().in_flight() < options_.depth && more_to_submit())
    submit(result_.rings++, now);
}

void Traffic::submit(std::uint64_t number, std::uint64_t now) {
  fill(input(number), number);
  const auto at = static_cast<__u32>(place(number));
  bellwire_request request{};
  request.cookie = number;
  request.input_offset = at;
  request.input_length = options_.payload;
  request.output_offset = at + options_.payload;
  request.output_length = answer_ == Answer::digest ? 0 : options_.payload;
  started_[number % options_.depth] = now;
  claimed_.queue().submit(request);
}

bool Traffic::take_all() {
  const auto before = result_.completions;
  while (auto left = claimed_.queue().available()) {
    last_progress_ = bellwire::ring::timestamp_after_loads();
    for (; left > 0; --left) check(*claimed_.queue().take(), last_progress_);
  }
  return result_.completions != before;
}

void Traffic::check(const bellwire_completion& completion, std::uint64_t now) {
  latencies_.add(now - started_[completion.cookie % options_.depth]);
  ++result_.completions;
  if (completion.cookie < expected_)
    ++result_.duplicated;
  else
    result_.lost += completion.cookie - expected_;
  expected_ = std::max<std::uint64_t>(expected_, completion.cookie + 1);
  if (!right_answer(completion, completion.cookie)) ++result_.corrupted;
  if (incarnation_ != 0 && completion.incarnation != incarnation_)
    result_.restarts += completion.incarnation - incarnation_;
  incarnation_ = completion.incarnation;
}

bool Traffic::right_answer(const bellwire_completion& completion, std::uint64_t number) {
  if (answer_ == Answer::unknown) return true;
  if (completion.status != BELLWIRE_DONE) return false;
  if (answer_ == Answer::digest) return completion.result == bellwire::crc32c(input(number));
  return completion.length == options_.payload && equal(input(number), output(number));
}

bool Traffic::stuck(bool progress) {
  auto& queue = claimed_.queue();
  if (claimed_.paused() || claimed_.at_work()) last_progress_ = bellwire::ring::timestamp();
  // Checked first: memory that is gone has no meaning.
  if (const auto trouble = progress ? std::nullopt : claimed_.trouble())
    result_.failure = trouble->message;
  else if (claimed_.memory_lost())
    result_.failure = claimed_.gone_fault().message;
  else if (queue.status() != BELLWIRE_QUEUE_OK)
    result_.failure = text("the device reports the queue as broken (reason {})",
                           static_cast<int>(queue.status()));
  else if (queue.device_broken())
    result_.failure = "the device completed a request that was never submitted";
  else if (!progress && since(last_progress_) > traffic_patience)
    result_.failure = text("no completion for {} s; is the device running on the host?",
                           traffic_patience.count());
  return !result_.failure.empty();
}

void Traffic::kick() {
  const auto& loss = options_.loss;
  if (loss && ++kicks_given_ == loss->kick) claimed_.lose(loss->hop);
  if (!options_.trace) return claimed_.kick();
  const auto began = bellwire::ring::timestamp();
  claimed_.kick();
  kicks_.add(bellwire::ring::timestamp() - began);
}

// If the device was awake already, no doorbell was rung, and there is no such hop.
void Traffic::note_hop() {
  records_.clear();
  module_.drain(records_);
  std::uint64_t rung = 0;
  for (const auto& record : records_) {
    if (record.stage == BELLWIRE_RUNG) rung = record.ticks;
    if (record.stage == BELLWIRE_INTERRUPTED && rung != 0)
      hops_.add(record.ticks - std::exchange(rung, 0));
  }
}

std::chrono::duration<double> Traffic::since(std::uint64_t began) const {
  const auto ticks = static_cast<double>(bellwire::ring::timestamp() - began);
  return std::chrono::duration<double, std::nano>(ticks * ticks_.ns_each());
}

void Traffic::measure(std::uint64_t ticks) {
  const double us_each = ticks_.ns_each() / 1000;
  const auto us = [us_each](const bellwire::Histogram& times, double part) {
    return static_cast<double>(times.percentile(part)) * us_each;
  };
  result_.p50_us = us(latencies_, 0.50);
  result_.p99_us = us(latencies_, 0.99);
  result_.hop_p50_us = us(hops_, 0.50);
  result_.kick_p50_us = us(kicks_, 0.50);
  result_.per_second =
      1e6 * static_cast<double>(result_.completions) / (static_cast<double>(ticks) * us_each);
}

}  // namespace

Result<TrafficResult> run_traffic(const TrafficOptions& options) {
  auto claimed = ClaimedQueue::create(options.claim);
  if (!claimed) return claimed.error();
  auto& queue = claimed->queue();
  if (options.depth > queue.space())
    return bellwire::fault(std::errc::invalid_argument, "--depth {}: the ring has {} entries",
                           options.depth, queue.space());
  if (std::uint64_t{2} * options.depth * options.payload > queue.payload().size())
    return bellwire::fault(
        std::errc::invalid_argument, "--payload {} at --depth {} needs {} bytes, the queue has {}",
        options.payload, options.depth, std::uint64_t{2} * options.depth * options.payload,
        queue.payload().size());
  return Traffic(options, std::move(*claimed)).run();
}

}  // namespace bell
