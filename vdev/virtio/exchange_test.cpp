// SPDX-License-Identifier: BSD-3-Clause
//
// Both sides of a virtqueue against a model that is a few lists and counters: random chains, in
// random order of completion, across the wrap of all indexes. What comes out of each call must be
// what the model says.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "vdev/testing/virtqueue_pair.hpp"

using namespace bellwire;
using namespace bellwire::virtio;
using bellwire::testing::GuestMemory;
using bellwire::testing::VirtqueuePair;

namespace {

struct Given {
  std::vector<GuestBuffer> readable, writable;
  std::uint64_t token = 0;
};
struct Returned {
  std::uint64_t token = 0;
  std::uint32_t written = 0;
  std::uint64_t places = 0;
};

// When one side asks to be told, and what the other has done since it was asked last. Counts places
// of the ring without end; `cycle` of them look alike to the one who compares.
struct Events {
  bool by_index = false;
  bool on = true;
  std::uint64_t cycle = 0;
  std::uint64_t asked = 0;          // the place that was asked for
  std::uint64_t told = 0;           // the places up to the last question
  std::uint64_t most = UINT64_MAX;  // with as many at once, it is always told

  bool tell(std::uint64_t now) {
    const auto before = std::exchange(told, now);
    if (before == now || !on) return false;
    if (!by_index || now - before >= most) return true;
    for (auto place = asked; place < now; place += cycle)
      if (place >= before) return true;
    return false;
  }
};

struct Setting {
  std::string name;
  QueueLayout layout;
  QueuePosition start;
  std::uint16_t table_entries = 0;
};

class Exchange {
 public:
  Exchange(const Setting& setting, unsigned seed)
      : pair_(setting.layout, setting.start, setting.table_entries), random_(seed) {
    const auto& layout = setting.layout;
    for (auto* events : {&kicks_, &calls_}) {
      events->by_index = layout.event_index;
      events->cycle = layout.packed ? 2 * std::uint64_t{layout.size} : 65536;
      if (layout.packed) events->most = layout.size;
    }
  }

  void run(unsigned steps) {
    constexpr void (Exchange::*actions[])() = {
        &Exchange::add,           &Exchange::add,           &Exchange::publish_chains,
        &Exchange::pop,           &Exchange::pop,           &Exchange::push,
        &Exchange::push,          &Exchange::publish_used,  &Exchange::poll,
        &Exchange::poll,          &Exchange::ask_for_kicks, &Exchange::no_kicks,
        &Exchange::ask_for_calls, &Exchange::no_calls,      &Exchange::restart};
    for (unsigned step = 0; step < steps; ++step) (this->*actions[below(std::size(actions))])();
    CHECK(exchanged_ > steps / 20);
    CHECK_FALSE(pair_.device.broken());
    CHECK_FALSE(pair_.driver.broken());
    CHECK(pair_.device.malformed() == 0);
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::vector<GuestBuffer> some_buffers() {
    std::vector<GuestBuffer> buffers(below(4));
    for (auto& buffer : buffers)
      buffer = {pair_.buffers() + below(4096), static_cast<std::uint32_t>(1 + below(100))};
    return buffers;
  }

  // Places of the ring that a chain takes.
  std::uint64_t places(const Given& chain) const {
    const auto buffers = chain.readable.size() + chain.writable.size();
    if (!pair_.layout.packed) return 1;
    return buffers > 1 && buffers <= pair_.tables.entries ? 1 : buffers;
  }
  std::uint64_t descriptors(const Given& chain) const {
    const auto buffers = chain.readable.size() + chain.writable.size();
    return buffers > 1 && buffers <= pair_.tables.entries ? 1 : buffers;
  }

  void add() {
    Given chain{some_buffers(), some_buffers(), next_token_++};
    const auto needed = descriptors(chain);
    const bool fits = needed > 0 && needed <= pair_.driver.space();
    CHECK(pair_.driver.add(chain.readable, chain.writable, chain.token) == fits);
    if (!fits) return;
    added_ += places(chain);
    unpublished_.push_back(std::move(chain));
  }

  void publish_chains() {
    for (auto& chain : unpublished_) available_.push_back(std::move(chain));
    unpublished_.clear();
    pair_.driver.publish();
    if (below(3) > 0) CHECK(pair_.driver.should_kick() == kicks_.tell(added_));
  }

  void pop() {
    auto storage = std::make_unique<ChainStorage>();
    const auto taken = pair_.device.pop(*storage);
    CHECK(taken == (available_.empty() ? Taken::nothing : Taken::chain));
    if (taken != Taken::chain) return;
    auto given = std::move(available_.front());
    available_.pop_front();
    check_same(given, storage->chain());
    popped_ += places(given);
    in_flight_.push_back({std::move(given), std::move(storage)});
    CHECK(pair_.device.in_flight() == in_flight_.size());
  }

  template <class Spans>
  void check_spans(const std::vector<GuestBuffer>& given, const Spans& spans, std::uint64_t size) {
    REQUIRE(spans.size() == given.size());
    CHECK(size == size_of(given));
    for (std::size_t index = 0; index < given.size(); ++index) {
      CHECK(pair_.memory.address_of(spans[index].data()) == given[index].address);
      CHECK(spans[index].size() == given[index].size);
    }
  }
  void check_same(const Given& given, const Chain& chain) {
    check_spans(given.readable, chain.readable, chain.readable_size);
    check_spans(given.writable, chain.writable, chain.writable_size);
  }

  void push() {
    if (in_flight_.empty()) return;
    const auto at = in_flight_.begin() + static_cast<std::ptrdiff_t>(below(in_flight_.size()));
    const auto& chain = at->storage->chain();
    const auto written = static_cast<std::uint32_t>(below(chain.writable_size + 1));
    pair_.device.push(chain, written);
    pushed_ += places(at->given);
    used_unpublished_.push_back({at->given.token, written, places(at->given)});
    in_flight_.erase(at);
  }

  void publish_used() {
    std::ranges::copy(used_unpublished_, std::back_inserter(used_));
    used_unpublished_.clear();
    pair_.device.publish();
    if (below(3) > 0) CHECK(pair_.device.should_call() == calls_.tell(pushed_));
  }

  void poll() {
    const auto used = pair_.driver.poll_used();
    REQUIRE(used.has_value() == !used_.empty());
    if (!used) return;
    CHECK(used->token == used_.front().token);
    CHECK(used->written == used_.front().written);
    polled_ += used_.front().places;
    used_.pop_front();
    ++exchanged_;
  }
  void ask_for_kicks() {
    CHECK(pair_.device.enable_kicks() == available_.empty());
    kicks_.on = true;
    kicks_.asked = popped_;
  }
  // With event indexes, a split queue has no way to say so.
  void no_kicks() {
    pair_.device.disable_kicks();
    if (pair_.layout.packed || !pair_.layout.event_index) kicks_.on = false;
  }
  void ask_for_calls() {
    CHECK(pair_.driver.enable_calls() == used_.empty());
    calls_.on = true;
    calls_.asked = polled_;
  }
  void no_calls() {
    pair_.driver.disable_calls();
    if (pair_.layout.packed || !pair_.layout.event_index) calls_.on = false;
  }

  // The device's side goes, and another one continues at its position.
  void restart() {
    if (below(10) > 0 || (pair_.layout.packed && !in_flight_.empty())) return;
    publish_used();
    pair_.device =
        DeviceVirtqueue::create(pair_.layout, pair_.device.position(), pair_.memory.space).value();
    for (auto& [given, storage] : in_flight_) {
      REQUIRE(pair_.device.retake(storage->chain().id, *storage) == Taken::chain);
      check_same(given, storage->chain());
    }
    kicks_.on = true;
    kicks_.asked = popped_;
    calls_.told = pushed_;
  }

  struct InFlight {
    Given given;
    std::unique_ptr<ChainStorage> storage;
  };

  VirtqueuePair pair_;
  std::mt19937 random_;
  std::vector<Given> unpublished_;
  std::deque<Given> available_;
  std::vector<InFlight> in_flight_;
  std::vector<Returned> used_unpublished_;
  std::deque<Returned> used_;
  Events kicks_, calls_;
  std::uint64_t added_ = 0, popped_ = 0, pushed_ = 0, polled_ = 0;  // places
  std::uint64_t next_token_ = 0;
  unsigned exchanged_ = 0;
};

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const bool event_index : {false, true})
    for (const std::uint16_t tables : {std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{6}}) {
      const auto name = text("event index {}, tables of {}", event_index, tables);
      all.push_back({"split, " + name,
                     {.size = 16, .event_index = event_index, .indirect = true},
                     {.next_available = 65500, .next_used = 65500},
                     tables});
      all.push_back(
          {"packed, " + name,
           {.size = 13, .packed = true, .event_index = event_index, .indirect = true},
           {.next_available = 12, .next_used = 12, .available_wrap = false, .used_wrap = false},
           tables});
    }
  return all;
}

}  // namespace

TEST_CASE("whatever a driver sends arrives once, and whatever a device returns, in any order") {
  for (const auto& setting : settings())
    for (unsigned seed = 1; seed <= 4; ++seed) {
      INFO(setting.name, ", seed ", seed);
      Exchange(setting, seed).run(5'000);
    }
}
