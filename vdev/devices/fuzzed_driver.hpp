// SPDX-License-Identifier: BSD-3-Clause
//
// FuzzedDriver: an honest driver of a FuzzedGuest. How long its requests are, and how they are cut
// into buffers, is the input's choice; the buffers are apart. It knows what each answer must be. On
// the fuzzer's thread.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstring>
#include <vector>

#include "vdev/core/crc32c.hpp"
#include "vdev/devices/fuzzed_requests.hpp"

namespace bellwire::fuzz {

constexpr std::uint32_t request_size = sizeof(bellwire_virtio_request);
constexpr std::uint32_t reply_size = sizeof(bellwire_virtio_reply);

// What the device answers: an echo, and the input's checksum.
inline ring::Reply answer(const ring::Request& request) {
  const auto crc = crc32c(request.input);
  const auto size = std::min(request.input.size(), request.output.size());
  std::copy_n(request.input.begin(), size, request.output.begin());
  return {.length = static_cast<std::uint32_t>(size), .result = crc};
}

// A size: mostly one about that of a request with nothing else.
inline std::uint32_t any_size(FuzzedDataProvider& input) {
  const auto kind = input.ConsumeIntegral<std::uint8_t>();
  return kind < 0xE0 ? kind % 48U : input.ConsumeIntegral<std::uint16_t>() % 1024U;
}

class FuzzedDriver {
 public:
  FuzzedDriver(FuzzedGuest& guest, FuzzedDataProvider& input) : guest_(guest), input_(input) {}

  void send(unsigned which, std::uint32_t readable, std::uint32_t writable) {
    if (readable + writable == 0 || next_ + readable + writable > memory_size) return;
    const auto sent = write(readable, writable);
    const auto from = cut(readable), to = cut(writable);
    auto& driver = *guest_.drivers[which];
    auto& all = queues_[which].sent;
    if (queues_[which].open == 0) all.clear();
    if (!driver.add(from, to, all.size())) return;
    all.push_back(sent);
    ++queues_[which].open;
    driver.publish();
    if (driver.should_kick()) guest_.kick(which);
  }
  void receive() {
    for (unsigned which = 0; which < queues; ++which) receive(which);
  }
  /// The queue has stopped: what the device has taken must have come back, and the rest never does.
  void forget(unsigned which) {
    receive(which);
    require(completed(which) == queues_[which].returned);
    begin(which);
  }
  /// The queue's ring is new, and so are its counts.
  void begin(unsigned which) {
    queues_[which] = {};
    queues_[which].before = guest_.backend.counts(which).completed;
  }
  [[nodiscard]] bool all_came(unsigned which) const { return queues_[which].open == 0; }

 private:
  // A request until it comes back.
  struct Sent {
    bool whole;  // there is room for request and reply
    bool good;   // its flags are 0
    std::span<const std::byte> input;
    std::span<const std::byte> reply, output;
    std::uint32_t crc;
  };
  struct Queue {
    std::vector<Sent> sent;  // by token
    unsigned open = 0;
    std::uint64_t returned = 0;
    std::uint64_t before = 0;  // what the device had completed at the beginning
  };

  [[nodiscard]] std::uint64_t completed(unsigned which) const {
    return guest_.backend.counts(which).completed - queues_[which].before;
  }

  Sent write(std::uint32_t readable, std::uint32_t writable) {
    const auto bytes = FuzzedMemory::bytes({base + next_, readable});
    const auto reply = FuzzedMemory::bytes({base + next_ + readable, writable});
    const bellwire_virtio_request header{1, 2, input_.ConsumeBool() ? 4U : 0U};
    auto byte = input_.ConsumeIntegral<std::uint8_t>();
    for (auto& one : bytes) one = std::byte{byte++};
    std::memcpy(bytes.data(), &header, std::min<std::size_t>(sizeof header, bytes.size()));
    if (readable < request_size || writable < reply_size) return {};
    const auto input = bytes.subspan(request_size);
    return {
        true,         header.flags == 0, input, reply.first(reply_size), reply.subspan(reply_size),
        crc32c(input)};
  }
  std::vector<virtio::GuestBuffer> cut(std::uint32_t size) {
    constexpr unsigned most_parts = 6;
    std::vector<virtio::GuestBuffer> parts;
    for (std::uint32_t at = 0; at < size;) {
      const bool last = parts.size() + 1 == most_parts || input_.ConsumeBool();
      const auto part = last ? size - at : std::min(size - at, any_size(input_));
      parts.push_back({base + next_ + at, part});
      at += part;
    }
    next_ += size;
    return parts;
  }

  void receive(unsigned which) {
    auto& queue = queues_[which];
    while (const auto used = guest_.drivers[which]->poll_used()) {
      judge(queue.sent.at(used->token), used->written);
      --queue.open;
      ++queue.returned;
    }
    require(!guest_.drivers[which]->broken());
    if (all_came(0) && all_came(1)) next_ = buffers_begin;
  }
  static void judge(const Sent& sent, std::uint32_t written) {
    if (!sent.whole) return require(written == 0);
    bellwire_virtio_reply reply;
    std::memcpy(&reply, sent.reply.data(), sizeof reply);
    require(written == reply_size + reply.length && reply.length <= sent.output.size());
    if (!sent.good) return require(reply.status == BELLWIRE_BAD_OPERATION && reply.length == 0);
    if (reply.status == BELLWIRE_FAILED) return require(reply.length == 0);
    require(reply.status == BELLWIRE_DONE && reply.result == sent.crc);
    require(reply.length == std::min(sent.input.size(), sent.output.size()));
    require(std::ranges::equal(sent.input.first(reply.length), sent.output.first(reply.length)));
  }

  FuzzedGuest& guest_;
  FuzzedDataProvider& input_;
  std::array<Queue, queues> queues_;
  std::uint32_t next_ = buffers_begin;  // the first byte that no request has
};

}  // namespace bellwire::fuzz
