// SPDX-License-Identifier: BSD-3-Clause
//
// Virtio devices are recorded while a driver uses them, and replayed: the same device does the
// same; of one that was changed by a line, the first chain that differs is found.
#include "vdev/replay/virtio_replay.hpp"

#include <doctest/doctest.h>

#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <sstream>

#include "vdev/devices/blk/blk.hpp"
#include "vdev/devices/rng.hpp"
#include "vdev/replay/virtio_journal.hpp"
#include "vdev/testing/process.hpp"
#include "vdev/testing/virtio_guest.hpp"
#include "vdev/virtio/buffers.hpp"

using namespace bellwire;
using namespace bellwire::replay;
using namespace std::chrono_literals;

namespace {

// What a line of the device was changed to.
enum class Line { same, byte, length, config, refuses, never };

/// Answers with its input, each byte with a count added; queue 1 does so later, in any order.
class Adder final : public virtio::Device {
 public:
  explicit Adder(Line line = Line::same) : line_(line) {}

  [[nodiscard]] virtio::Traits traits() const noexcept override {
    return {.kind = "adder", .id = 60, .features = 3, .queues = 2, .config_size = 8};
  }
  void read_config(std::size_t offset, std::span<std::byte> into) noexcept override {
    std::ranges::copy(std::span(config_).subspan(offset, into.size()), into.begin());
    if (line_ == Line::config) into.back() ^= std::byte{1};
  }
  [[nodiscard]] bool write_config(std::size_t offset, std::span<const std::byte> from) override {
    if (line_ == Line::refuses || offset >= 4) return false;
    std::ranges::copy(from, std::span(config_).subspan(offset).begin());
    return true;
  }
  [[nodiscard]] Result<void> start(virtio::Session session) override {
    session_.emplace(session);
    return {};
  }
  void handle(virtio::Request request) noexcept override {
    ++handled_;
    if (request.queue() == 0) return answer(std::move(request));
    waiting_.push_back(std::move(request));
    const auto timer = std::make_shared<boost::asio::steady_timer>(
        session_->context, std::chrono::microseconds(handled_ % 3 * 300));
    timer->async_wait([this, timer](const auto&) { answer_one(); });
  }
  void cancel(unsigned queue) noexcept override {
    if (queue == 1) waiting_.clear();
    never_.clear();
  }
  void stop() noexcept override {
    waiting_.clear();
    handled_ = 0;
  }

 private:
  void answer_one() {
    if (waiting_.empty()) return;
    const auto at = waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_.size() / 2);
    auto request = std::move(*at);
    waiting_.erase(at);
    answer(std::move(request));
  }
  // By its input alone, so that any order gives the same.
  void answer(virtio::Request request) {
    std::vector<std::byte> bytes(request.readable_size());
    (void)virtio::copy_from(request.readable(), 0, bytes);
    for (auto& byte : bytes) byte = static_cast<std::byte>(static_cast<unsigned>(byte) + 7);
    const bool changed = bytes.size() == 20;
    if (changed && line_ == Line::byte) bytes[3] ^= std::byte{1};
    if (changed && line_ == Line::length) bytes.pop_back();
    if (changed && line_ == Line::never) return never_.push_back(std::move(request));
    const auto written = virtio::copy_to(request.writable(), 0, bytes);
    std::move(request).complete(static_cast<std::uint32_t>(written));
  }

  const Line line_;
  std::array<std::byte, 8> config_{std::byte{1}, std::byte{2}};
  std::optional<virtio::Session> session_;
  std::vector<virtio::Request> waiting_, never_;
  unsigned handled_ = 0;
};

/// A guest whose device is recorded.
struct RecordedGuest {
  testing::TemporaryFolder folder;
  std::string path = folder.file("journal");
  std::unique_ptr<JournalWriter> writer =
      JournalWriter::create(path, {}, JournalWriter::usual_limit).value();
  VirtioJournal journal{*writer};
  std::optional<testing::VirtioGuest> guest;

  explicit RecordedGuest(virtio::Device& device, bool packed = false) {
    guest.emplace(device, testing::VirtioPlan{.packed = packed, .options = {.tap = &journal}});
  }
  // A chain of two buffers to read and one to write, `depth` in flight at most.
  void exchange(unsigned queue, unsigned count, unsigned depth = 1) {
    unsigned waits = 0;
    for (unsigned number = 0; number < count; ++number) {
      const std::vector<std::byte> bytes(1 + number, static_cast<std::byte>(number));
      const virtio::GuestBuffer readable[] = {guest->allocate(bytes),
                                              guest->allocate(std::span(bytes).first(1))};
      const virtio::GuestBuffer writable[] = {guest->allocate(2 + number)};
      guest->submit(queue, readable, writable, number);
      if (++waits == depth)
        for (; waits > 0; --waits) (void)guest->wait_used(queue);
    }
    for (; waits > 0; --waits) (void)guest->wait_used(queue);
  }
  std::string end() {
    guest.reset();
    REQUIRE(writer->finish().has_value());
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

std::string recorded_chains(bool packed = false) {
  Adder device;
  RecordedGuest recorded(device, packed);
  auto& backend = recorded.guest->backend;
  std::array<std::byte, 8> config{};
  REQUIRE(backend.read_config(0, config).has_value());
  CHECK(backend.write_config(2, std::array{std::byte{9}}).has_value());
  CHECK(backend.write_config(6, std::array{std::byte{9}}).has_error());
  recorded.guest->start_all();
  recorded.exchange(0, 30);
  recorded.exchange(1, 30, 8);
  REQUIRE(backend.read_config(0, config).has_value());
  CHECK(config[2] == std::byte{9});
  return recorded.end();
}

struct Replayed {
  Compared compared;
  std::optional<Difference> difference;
  std::string error;
  std::string summary;
};

Replayed play_to(virtio::Device& device, const std::string& content,
                 Answers answers = Answers::determined, std::chrono::milliseconds patience = 10s) {
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it");
  if (!reader) return {{}, std::nullopt, reader.error().message, ""};
  boost::asio::io_context context(1);
  const auto player = VirtioPlayer::create(context, device, answers, patience).value();
  const auto outcome = [&](std::optional<Difference> difference, std::string error) {
    return Replayed{player->compared(), std::move(difference), std::move(error), player->summary()};
  };
  for (;;) {
    const auto entry = reader->next();
    if (!entry) return outcome(std::nullopt, entry.error().message);
    if (!*entry) return outcome(std::nullopt, "");
    CHECK_FALSE(player->describe(**entry).empty());
    const auto played = player->play(**entry);
    if (!played) return outcome(std::nullopt, played.error().message);
    if (*played) return outcome(*played, "");
  }
}

}  // namespace

TEST_CASE("the same virtio device does the same, on split and packed rings, at once and later") {
  for (const bool packed : {false, true}) {
    Adder again;
    const auto outcome = play_to(again, recorded_chains(packed));
    CHECK(outcome.error.empty());
    CHECK_FALSE(outcome.difference.has_value());
    CHECK(outcome.compared.requests == 60);
    CHECK(outcome.compared.answers == 60 + 4);
    CHECK(outcome.compared.bytes == 2 * (2 + 31) * 30 / 2 + 16);
  }
}

TEST_CASE("a virtio device that was changed by a line is found out at the first chain") {
  struct Case {
    Line line;
    std::string_view where, what, recorded, replayed;
  };
  const Case cases[] = {
      {Line::byte, "chain 19 (queue 0)", "byte 3 of its output", "[19]", "[18]"},
      {Line::length, "chain 19 (queue 0)", "its length", "20", "19"},
      {Line::never, "chain 19 (queue 0)", "its return", "it was returned", "it is not returned"},
      {Line::config, "a read of 8 bytes at 0", "byte 7 of its answer", "[00]", "[01]"},
      {Line::refuses, "a write of 1 bytes at 2", "what the device does", "it took it",
       "it refuses it"},
  };
  const auto content = recorded_chains();
  for (const auto& each : cases) {
    CAPTURE(each.where);
    Adder changed(each.line);
    const auto outcome = play_to(changed, content, Answers::determined, 50ms);
    CHECK(outcome.error.empty());
    REQUIRE(outcome.difference.has_value());
    CHECK(outcome.difference->where.starts_with(each.where));
    CHECK(outcome.difference->what == each.what);
    CHECK(outcome.difference->recorded.find(each.recorded) != std::string::npos);
    CHECK(outcome.difference->replayed.find(each.replayed) != std::string::npos);
  }
}

TEST_CASE("stops, pauses and resets are done again; what they end is not compared") {
  Adder device;
  RecordedGuest recorded(device);
  auto& guest = *recorded.guest;
  guest.start_all();
  const auto features = guest.backend.driver_features();
  recorded.exchange(0, 3);
  const std::byte input[40] = {};
  const auto begin = [&] {
    const virtio::GuestBuffer readable[] = {guest.allocate(input)};
    const virtio::GuestBuffer writable[] = {guest.allocate(40)};
    guest.submit(1, readable, writable, 1);
    const auto before = guest.backend.counts(1).requests;
    REQUIRE(guest.run_until([&] { return guest.backend.counts(1).requests > before; }));
  };
  begin();
  guest.backend.pause([] {});
  guest.backend.resume();
  (void)guest.wait_used(1);
  begin();
  const auto position = guest.stop(1);
  (void)guest.wait_used(1);
  guest.start(1, position);
  recorded.exchange(1, 5);
  begin();
  guest.backend.reset_now();
  (void)guest.wait_used(1);
  const auto other = guest.stop(0);
  guest.accept(features);
  guest.start(0, other);
  recorded.exchange(0, 4);
  Adder again;
  const auto outcome = play_to(again, recorded.end());
  CHECK(outcome.error.empty());
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.requests == 3 + 5 + 4 + 3);
  CHECK(outcome.compared.answers == 3 + 5 + 4);
  CHECK(outcome.summary.find("3 that a stop ended were not") != std::string::npos);
}

TEST_CASE("of what is chance, the lengths are compared") {
  Rng device;
  RecordedGuest recorded(device);
  recorded.guest->start_all();
  for (std::uint32_t size = 1; size < 10; ++size) {
    const virtio::GuestBuffer buffer[] = {recorded.guest->allocate(size)};
    recorded.guest->submit(0, {}, buffer, size);
    (void)recorded.guest->wait_used(0);
  }
  const auto content = recorded.end();
  Rng again;
  const auto outcome = play_to(again, content, Answers::by_chance);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers == 9);
  CHECK(play_to(again, content).difference.has_value());
}

TEST_CASE("a disk does the same on a copy of what it was; on another, the first byte differs") {
  constexpr std::uint64_t size = 1 << 20;
  const auto disk = [](unsigned first) {
    auto file = os::DiskFile::of_memory(size).value();
    const std::byte byte{static_cast<unsigned char>(first)};
    REQUIRE(::pwrite(file.fd(), &byte, 1, 512) == 1);
    return blk::Blk::create(std::move(file)).value();
  };
  const auto device = disk(5);
  RecordedGuest recorded(*device);
  auto& guest = *recorded.guest;
  guest.start_all();
  const auto request = [&](std::uint32_t type, std::uint64_t sector) {
    const virtio_blk_outhdr head{.type = type, .ioprio = 0, .sector = sector};
    const auto header = guest.allocate(std::as_bytes(std::span(&head, 1)));
    const std::vector<std::byte> data(512, std::byte{0x5A});
    const virtio::GuestBuffer parts[] = {header, guest.allocate(data), guest.allocate(1)};
    const std::size_t readable = type == VIRTIO_BLK_T_OUT ? 2 : 1;
    guest.submit(0, std::span(parts).first(readable), std::span(parts).subspan(readable), 1);
    return guest.wait_used(0).written;
  };
  CHECK(request(VIRTIO_BLK_T_OUT, 3) == 1);
  CHECK(request(VIRTIO_BLK_T_IN, 3) == 513);
  CHECK(request(VIRTIO_BLK_T_IN, 1) == 513);
  const auto content = recorded.end();
  const auto again = disk(5);
  const auto outcome = play_to(*again, content);
  CHECK(outcome.error.empty());
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.bytes == 1 + 513 + 513);
  const auto other = disk(6);
  const auto differs = play_to(*other, content);
  REQUIRE(differs.difference.has_value());
  CHECK(differs.difference->where == "chain 3 (queue 0)");
  CHECK(differs.difference->what == "byte 0 of its output");
}

TEST_CASE("what is whole of a virtio device's journal is replayed, wherever it is cut") {
  const auto content = recorded_chains();
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it").value();
  while (const auto entry = reader.next().value()) {
    CAPTURE(entry->ordinal);
    Adder again;
    const auto outcome = play_to(again, content.substr(0, entry->position));
    CHECK_FALSE(outcome.difference.has_value());
    CHECK(outcome.error.find(text("is cut at entry {} ", grouped(entry->ordinal))) !=
          std::string::npos);
  }
}

TEST_CASE("a device that does not offer what the driver accepted differs there") {
  Adder device;
  RecordedGuest recorded(device);
  Rng other;
  const auto outcome = play_to(other, recorded.end());
  REQUIRE(outcome.difference.has_value());
  CHECK(outcome.difference->where == "the features");
  CHECK(outcome.difference->what == "0x3");
}
