// SPDX-License-Identifier: BSD-3-Clause
//
// PCI functions are recorded while a client uses them, and replayed: the same function does the
// same; of one that was changed by a line, the first access or transfer that differs is found.
#include "vdev/replay/function_replay.hpp"

#include <doctest/doctest.h>

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <fstream>
#include <sstream>
#include <thread>

#include "vdev/loop/asio.hpp"
#include "vdev/replay/function_journal.hpp"
#include "vdev/testing/pci_test_function.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;
using namespace bellwire::replay;
using namespace std::chrono_literals;

namespace {

// What a line of the device was changed to.
enum class Change {
  none,
  answer,         // of the scratch register
  config,         // its revision
  data,           // that it writes to the guest
  place,          // where it writes
  one_more,       // transfer
  one_less,       // transfer
  no_interrupt,   // at the end of a job
  two_interrupts  // likewise
};

constexpr std::uint64_t scratch = 0x00, address = 0x08, fetch = 0x10, put = 0x14, loud_timer = 0x18,
                        quiet_timer = 0x1C, jobs = 0x20, threads = 0x24, look = 0x28;
constexpr unsigned vectors = 2;
constexpr std::uint64_t guest_address = 0x10000;

/// Fetches bytes, inverts them, writes them back; has timers and a thread.
class Worker final : public pci::Function, private RegisterBlock {
 public:
  explicit Worker(boost::asio::io_context& context, Change change = Change::none)
      : Function(plan(*this, change)), context_(context), change_(change) {}

 private:
  static pci::Plan plan(RegisterBlock& registers, Change change) {
    pci::Plan plan;
    plan.identity = {.vendor = 0x1AF4, .device = 0x10F0};
    plan.identity.revision = change == Change::config ? 2 : 1;
    plan.bars[0] = {.shape = {pci::BarKind::memory32, 4096}, .registers = &registers};
    plan.intx = true;
    plan.msix.vectors = vectors;
    return plan;
  }

  std::uint64_t read(std::uint64_t offset, unsigned) noexcept override {
    if (offset == scratch) return change_ == Change::answer ? scratch_ ^ 0x100 : scratch_;
    return offset == jobs ? jobs_ : 0;
  }

  void write(std::uint64_t offset, unsigned, std::uint64_t value) noexcept override {
    if (offset == scratch) scratch_ = value;
    if (offset == address) address_ = value;
    if (offset == fetch) fetch_bytes(value);
    if (offset == put) put_bytes();
    if (offset == loud_timer) start_timer(value, true);
    if (offset == quiet_timer) start_timer(value, false);
    if (offset == threads) std::thread([this] { interrupts().vector(1).raise(); }).join();
    if (offset == look && memory().map(address_, 4)) ++jobs_;
  }

  void fetch_bytes(std::size_t size) {
    bytes_.resize(std::min<std::size_t>(size, 4096));
    memory().read(address_, bytes_, [this](const Result<void>& result) { finish(result); });
  }

  void put_bytes() {
    for (auto& byte : bytes_) byte ^= std::byte{0xFF};
    if (change_ == Change::data && bytes_.size() > 5) bytes_[5] ^= std::byte{1};
    if (change_ == Change::one_less) return finish({});
    const auto to = address_ + (change_ == Change::place ? 64 : 0);
    memory().write(to, bytes_, [this](const Result<void>& result) {
      if (change_ == Change::one_more) memory().read(address_, bytes_, [](const auto&) {});
      finish(result);
    });
  }

  void finish(const Result<void>& result) {
    jobs_ += result ? 1 : 0x100;
    if (change_ == Change::no_interrupt) return;
    interrupts().vector(0).raise();
    if (change_ == Change::two_interrupts) interrupts().vector(0).raise();
  }

  void start_timer(std::uint64_t ms, bool reports) {
    auto own = std::make_shared<boost::asio::steady_timer>(context_, std::chrono::milliseconds(ms));
    own->async_wait([this, own, ms, reports](const auto& error) {
      if (error) return;
      jobs_ = jobs_ * 10 + ms;
      if (reports) interrupts().vector(0).raise();
    });
  }

  void on_reset() noexcept override { scratch_ = jobs_ = 0; }

  boost::asio::io_context& context_;
  const Change change_;
  std::uint64_t scratch_ = 0, address_ = 0, jobs_ = 0;
  std::vector<std::byte> bytes_;
};

/// The guest's memory, by messages that are answered when the test says so.
class Messages final : public DmaCarrier {
 public:
  void read(std::uint64_t, std::span<std::byte> into, DmaDone done) override {
    waiting_.emplace_back([into, done = std::move(done)](const Result<void>& result) {
      std::ranges::fill(into, std::byte{0x21});
      done(result);
    });
  }
  void write(std::uint64_t, std::span<const std::byte>, DmaDone done) override {
    waiting_.emplace_back(std::move(done));
  }
  void drop(const AddressRange&, const Error& why) override {
    while (!waiting_.empty()) answer(why);
  }
  void answer(const Result<void>& result = {}) {
    const auto done = std::move(waiting_.front());
    waiting_.pop_front();
    done(result);
  }

 private:
  std::deque<DmaDone> waiting_;
};

/// A Worker and its client, which are recorded.
struct Scene {
  testing::TemporaryFolder folder;
  std::string path = folder.file("journal");
  std::unique_ptr<JournalWriter> writer;
  boost::asio::io_context context{one_thread}, own{one_thread};
  Worker worker{own};
  std::optional<FunctionJournal> journal;
  std::optional<pci::Observation> observation;
  os::EventFd events[vectors] = {os::EventFd::create().value(), os::EventFd::create().value()};
  MemoryView memory{
      os::Mapping::create(os::create_memfd("guest", 8192).value().get(), 8192).value()};

  explicit Scene(std::uint64_t limit = JournalWriter::usual_limit)
      : writer(JournalWriter::create(path, {}, limit).value()) {
    journal.emplace(*writer);
    observation.emplace(context, worker, std::vector<pci::Observer*>{&*journal});
    REQUIRE(worker.access().admit_client().has_value());
  }

  void add_memory() {
    REQUIRE(worker.memory()
                .add({.address = guest_address, .size = 8192, .memory = memory})
                .has_value());
    for (std::size_t at = 0; at < 8192; ++at) memory.bytes()[at] = static_cast<std::byte>(at * 3);
  }
  void connect() {
    for (unsigned vector = 0; vector < vectors; ++vector)
      worker.interrupts().connect(pci::InterruptKind::msix, vector,
                                  events[vector].duplicate().value());
  }
  void write(std::uint64_t offset, std::uint64_t value, unsigned size = 4) {
    worker.bars()[0].registers->write(offset, size, value);
    turn();
  }
  std::uint64_t read(std::uint64_t offset) {
    const auto value = worker.bars()[0].registers->read(offset, 4);
    turn();
    return value;
  }
  void turn() {
    context.poll();
    context.restart();
    (void)journal->run_handler(own);
  }
  // A job whose end raises an interrupt.
  void job(std::uint64_t which, std::uint64_t value) {
    write(which, value);
    while (!events[0].drain()) turn();
  }
  void disconnect() {
    worker.interrupts().disconnect(pci::InterruptKind::msix);
    worker.memory().clear();
    worker.access().client_gone();
  }
  std::string end() {
    observation.reset();
    REQUIRE(writer->finish().has_value());
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

// All that a client does, twice.
std::string recorded_session() {
  Scene scene;
  std::array<std::byte, 64> head{};
  scene.worker.access().read_config(0, head);
  scene.worker.access().write_config(4, std::array{std::byte{7}, std::byte{0}});
  scene.add_memory();
  scene.connect();
  for (unsigned round = 0; round < 2; ++round) {
    scene.write(scratch, 0xDEADBEEF + round);
    CHECK(scene.read(scratch) == 0xDEADBEEF + round);
    scene.write(address, guest_address + 16, 8);
    scene.job(fetch, 64);
    scene.job(put, 0);
    CHECK(scene.memory.bytes()[16] == static_cast<std::byte>(round == 0 ? ~(16 * 3) : 16 * 3));
    scene.write(threads, 1);
    CHECK(scene.read(jobs) == 2);
    scene.worker.access().reset();
  }
  scene.disconnect();
  return scene.end();
}

struct Played {
  Compared compared;
  std::optional<Difference> difference;
  std::string error;
};

Played play_back(const std::string& content, Change change = Change::none,
                 std::chrono::milliseconds patience = 10s) {
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it");
  if (!reader) return {{}, std::nullopt, reader.error().message};
  boost::asio::io_context own(one_thread);
  Worker worker(own, change);
  FunctionPlayer player(
      own, worker, [&] { return reader->next(); }, patience);
  const auto outcome = [&](std::optional<Difference> difference, std::string error) {
    CHECK_FALSE(player.summary().empty());
    return Played{player.compared(), std::move(difference), std::move(error)};
  };
  for (;;) {
    const auto entry = reader->next();
    if (!entry) return outcome(std::nullopt, entry.error().message);
    if (!*entry) return outcome(std::nullopt, "");
    CHECK_FALSE(player.describe(**entry).empty());
    const auto played = player.play(**entry);
    if (!played) return outcome(std::nullopt, played.error().message);
    if (*played) return outcome(*played, "");
  }
}

void check_same(const std::string& content, std::uint64_t answers) {
  const auto outcome = play_back(content);
  CHECK(outcome.error.empty());
  CHECK_FALSE(outcome.difference.has_value());
  if (outcome.difference)
    MESSAGE(outcome.difference->where << ": " << outcome.difference->what << ", "
                                      << outcome.difference->recorded << ", "
                                      << outcome.difference->replayed);
  CHECK(outcome.compared.answers == answers);
}

// Where each entry begins in a file, and its end.
std::vector<std::size_t> places_of(const std::string& content) {
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it").value();
  std::vector<std::size_t> places;
  while (const auto entry = reader.next().value()) places.push_back(entry->position);
  places.push_back(content.size());
  return places;
}

}  // namespace

TEST_CASE("the same function does the same: registers, config space, DMA, interrupts, resets") {
  const auto outcome = play_back(recorded_session());
  CHECK(outcome.error.empty());
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.requests == 2 + 2 * 7);
  CHECK(outcome.compared.answers == 1 + 2 * (2 + 2 + 3));
  CHECK(outcome.compared.bytes == 64 + 2 * (4 + 4 + 64));
}

TEST_CASE("a function that was changed by a line is found out at the first thing that differs") {
  struct Case {
    Change change;
    std::string_view where, what, recorded, replayed;
  };
  const Case cases[] = {
      {Change::answer, "access 4 (BAR 0, offset 0x00, read of 4 bytes)", "byte 1 of its answer",
       "ef [be] ad de", "ef [bf] ad de"},
      {Change::config, "access 1 (config space, offset 0x00, read of 64 bytes)",
       "byte 8 of its answer", "[01]", "[02]"},
      {Change::data, "transfer 2 (write of 64 bytes at 0x10010), after access 7",
       "byte 5 of its data", "[c0]", "[c1]"},
      {Change::place, "transfer 2 (write of 64 bytes at 0x10050), after access 7", "the transfer",
       "write of 64 bytes at 0x10010", "write of 64 bytes at 0x10050"},
      {Change::one_more, "access 7 (BAR 0, offset 0x14, write of 4 bytes)", "what the device does",
       "interrupt 0", "a transfer: read of 64 bytes at 0x10010"},
      {Change::one_less, "access 7 (BAR 0, offset 0x14, write of 4 bytes)", "what the device does",
       "transfer: write of 64 bytes", "nothing more"},
      {Change::no_interrupt, "access 6 (BAR 0, offset 0x10, write of 4 bytes)",
       "how often interrupt 0", "1", "0"},
      {Change::two_interrupts, "access 16 ", "how often interrupt 0", "4", "8"},
  };
  const auto content = recorded_session();
  for (const auto& each : cases) {
    CAPTURE(each.where);
    const auto outcome = play_back(content, each.change, 100ms);
    CHECK(outcome.error.empty());
    REQUIRE(outcome.difference.has_value());
    CAPTURE(outcome.difference->where);
    CAPTURE(outcome.difference->what);
    CAPTURE(outcome.difference->recorded);
    CAPTURE(outcome.difference->replayed);
    CHECK(outcome.difference->where.starts_with(each.where));
    CHECK(outcome.difference->what.starts_with(each.what));
    CHECK(outcome.difference->recorded.find(each.recorded) != std::string::npos);
    CHECK(outcome.difference->replayed.find(each.replayed) != std::string::npos);
  }
}

TEST_CASE("what a timer does is done where it was done, even if only a register shows it") {
  Scene scene;
  scene.connect();
  scene.write(quiet_timer, 3);
  std::uint64_t reads = 1;
  while (scene.read(jobs) == 0) ++reads;
  scene.job(loud_timer, 2);
  CHECK(scene.read(jobs) == 32);
  scene.disconnect();
  check_same(scene.end(), reads + 2);
}

TEST_CASE("timers that were set one after the other run out as they did") {
  Scene scene;
  scene.write(quiet_timer, 40);  // until 40 ms
  std::this_thread::sleep_for(30ms);
  scene.write(quiet_timer, 20);  // until 50 ms
  while (scene.read(jobs) < 400) std::this_thread::sleep_for(1ms);
  const auto content = scene.end();
  const auto outcome = play_back(content);
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.error.empty());
}

TEST_CASE("a timer that does not run out is missed") {
  Scene scene;
  scene.connect();
  scene.job(loud_timer, 1);
  auto content = scene.end();
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it").value();
  boost::asio::io_context own(one_thread), other(one_thread);
  Worker worker(other);  // nobody runs its context
  FunctionPlayer player(
      own, worker, [&] { return reader.next(); }, 20ms);
  std::optional<Difference> difference;
  while (const auto entry = reader.next().value())
    if (difference = player.play(*entry).value(); difference) break;
  REQUIRE(difference.has_value());
  CHECK(difference->recorded == "the device does something by itself");
  CHECK(difference->replayed == "nothing by itself");
}

TEST_CASE(
    "transfers that end later do so again, in the same place; a reset and a lost region end some") {
  Scene scene;
  Messages messages;
  auto& memory = scene.worker.memory();
  memory.use(&messages);
  REQUIRE(memory.add({.address = guest_address, .size = 8192}).has_value());
  scene.connect();
  scene.write(address, guest_address, 8);
  scene.write(fetch, 32);
  CHECK(scene.read(jobs) == 0);
  messages.answer();
  CHECK(scene.read(jobs) == 1);
  scene.write(put, 0);
  scene.worker.access().reset();
  scene.write(fetch, 32);
  REQUIRE(memory.remove(guest_address, 8192).has_value());
  CHECK(scene.read(jobs) == 0x100);
  scene.write(fetch, 32);  // of memory that has gone
  CHECK(scene.read(jobs) == 0x200);
  scene.disconnect();
  memory.use(nullptr);
  const auto content = scene.end();
  check_same(content, 4 + 4 + 4);
  const auto changed = play_back(content, Change::data);
  REQUIRE(changed.difference.has_value());
  CHECK(changed.difference->what == "byte 5 of its data");
}

TEST_CASE("masks and triggers of the client's are done again") {
  Scene scene;
  scene.connect();
  auto& interrupts = scene.worker.interrupts();
  interrupts.set_masked(pci::InterruptKind::msix, 1, true);
  scene.write(threads, 1);
  scene.context.poll();
  CHECK_FALSE(scene.events[1].drain());
  interrupts.set_masked(pci::InterruptKind::msix, 1, false);
  interrupts.trigger(pci::InterruptKind::msix, 0);
  scene.turn();
  CHECK(scene.events[0].drain() == 1);
  CHECK(scene.events[1].drain() == 1);
  scene.disconnect();
  check_same(scene.end(), 2);
}

TEST_CASE("what is whole of a journal is replayed, wherever it is cut") {
  const auto content = recorded_session();
  const auto places = places_of(content);
  for (std::size_t entry = 0; entry + 1 < places.size(); ++entry)
    for (const auto size : {places[entry], places[entry] + 5, places[entry + 1] - 1}) {
      CAPTURE(size);
      const auto outcome = play_back(content.substr(0, size));
      CHECK_FALSE(outcome.difference.has_value());
      CHECK(outcome.error.find(text("is cut at entry {} ", grouped(entry + 1))) !=
            std::string::npos);
    }
}

TEST_CASE("a journal that its limit ended is replayed up to there") {
  const testing::LogCatcher log;
  Scene scene(JournalWriter::least_limit);
  scene.add_memory();
  scene.write(address, guest_address, 8);
  for (unsigned job = 0; job < 600; ++job) {
    scene.write(fetch, 4096);
    scene.write(put, 0);
    (void)scene.read(jobs);
  }
  const auto content = scene.end();
  CHECK(content.size() <= JournalWriter::least_limit);
  const auto outcome = play_back(content);
  CHECK(outcome.error.empty());
  CHECK_FALSE(outcome.difference.has_value());
  CHECK(outcome.compared.answers > 100);
}

TEST_CASE("memory that the device uses without transfers is said to be unseen") {
  const testing::LogCatcher log;
  Scene scene;
  scene.add_memory();
  scene.write(address, guest_address, 8);
  scene.write(look, 1);
  CHECK(scene.read(jobs) == 1);
  scene.disconnect();
  const auto outcome = play_back(scene.end());
  CHECK(log.text().find("by map() or bytes()") != std::string::npos);
  REQUIRE(outcome.difference.has_value());
  CHECK(outcome.difference->where.find("which is not recorded") != std::string::npos);
}

TEST_CASE("a function with memory or doorbells in its BARs is refused") {
  CHECK(FunctionJournal::check(vfio_user::TestFunction())
            .error()
            .message.find("BAR 0 has doorbells for eventfds") != std::string::npos);
  boost::asio::io_context context(one_thread);
  CHECK(FunctionJournal::check(Worker(context)).has_value());
}

TEST_CASE("a client that asks for what the function does not have is a difference") {
  Scene scene;
  scene.connect();
  (void)scene.read(0xFFC);
  const auto content = scene.end();
  class Small final : public pci::Function {
   public:
    Small() : Function({}) {}
  };
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it").value();
  boost::asio::io_context own(one_thread);
  Small small;
  FunctionPlayer player(own, small, [&] { return reader.next(); });
  std::optional<Difference> difference;
  while (const auto entry = reader.next().value())
    if (difference = player.play(*entry).value(); difference) break;
  REQUIRE(difference.has_value());
  CHECK(difference->replayed == "the device has no MSI-X vector 0");
}
