// SPDX-License-Identifier: BSD-3-Clause
//
// A journal that was written is read as it was; of one that is cut or damaged, what is before that.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "vdev/core/crc32c.hpp"
#include "vdev/replay/journal_reader.hpp"
#include "vdev/replay/journal_writer.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;
using namespace bellwire::replay;
using bellwire::testing::LogCatcher;
using bellwire::testing::TemporaryFolder;

namespace {

constexpr auto limit = JournalWriter::usual_limit;

std::vector<std::byte> pattern(std::size_t size, unsigned seed = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<std::byte>(at * 7 + seed);
  return bytes;
}

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What can be read of it: the entries' numbers, and why no more.
struct Read {
  std::vector<std::uint32_t> numbers;
  std::string error;
};
Read read_all(const std::string& content) {
  std::istringstream in(content);
  auto reader = JournalReader::create(in, "it");
  if (!reader) return {{}, reader.error().message};
  Read all;
  for (;;) {
    const auto entry = reader->next();
    if (!entry) return {all.numbers, entry.error().message};
    if (!*entry) return all;
    all.numbers.push_back((*entry)->number);
  }
}

// Requests 1, 2 and 3 with a few bytes each, and the end, whose number is 0.
std::string small_journal() {
  const TemporaryFolder folder;
  const auto path = folder.file("journal");
  const auto writer = JournalWriter::create(path, {{"device", "echo"}}, limit).value();
  for (std::uint32_t number = 1; number <= 3; ++number)
    writer->add(EntryKind::request, 0, number, {pattern(number * 5)});
  CHECK(writer->finish().value().requests == 3);
  return content_of(path);
}

// The same, as another version would have written it.
std::string with_version(std::uint32_t version) {
  auto journal = small_journal();
  JournalHeader header{.version = version};
  header.checksum = crc32c(bytes_of(header).first(offsetof(JournalHeader, checksum)));
  std::memcpy(journal.data(), &header, sizeof header);
  return journal;
}

}  // namespace

TEST_CASE("what was written is read, whatever its size") {
  const TemporaryFolder folder;
  const auto path = folder.file("journal");
  const std::size_t sizes[] = {
      0, 1, 8, 1000, most_piece, most_piece + 1, 3 * most_piece, BELLWIRE_MAX_REQUEST};
  auto writer = JournalWriter::create(path, {{"device", "echo"}, {"kind", "ring"}}, limit).value();
  for (unsigned round = 0; round < 3; ++round)
    for (const auto size : sizes) {
      const auto bytes = pattern(size, round);
      const auto parts = std::span(bytes);
      writer->add(EntryKind::request, round, 7, {parts.first(size / 3), parts.subspan(size / 3)});
    }
  const auto counts = writer->finish().value();
  CHECK(counts.requests == 3 * std::size(sizes));
  CHECK(counts.bytes == std::filesystem::file_size(path));

  std::ifstream in(path, std::ios::binary);
  auto reader = JournalReader::create(in, path).value();
  CHECK(reader.fact("device") == "echo");
  CHECK(reader.fact("nothing").empty());
  for (unsigned round = 0; round < 3; ++round)
    for (const auto size : sizes) {
      const auto entry = reader.next().value().value();
      CHECK(entry.kind == EntryKind::request);
      CHECK(entry.queue == round);
      CHECK(std::ranges::equal(entry.body, pattern(size, round)));
    }
  CHECK(reader.next().value()->kind == EntryKind::end);
  CHECK_FALSE(reader.next().value().has_value());
}

TEST_CASE("a journal that is cut anywhere gives what is before that, and says where") {
  const auto whole = small_journal();
  REQUIRE(read_all(whole).numbers == std::vector<std::uint32_t>{1, 2, 3, 0});
  REQUIRE(read_all(whole).error.empty());
  std::size_t most = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_all(whole.substr(0, size));
    CHECK_FALSE(read.error.empty());
    CHECK(read.numbers.size() >= most);
    most = read.numbers.size();
    for (std::uint32_t index = 0; index < most; ++index) CHECK(read.numbers[index] == index + 1);
  }
  CHECK(most == 3);
  CHECK(read_all(whole.substr(0, whole.size() - 1)).error.find("is cut at entry 4 (byte ") !=
        std::string::npos);
}

TEST_CASE("a byte that was changed is noticed, wherever it is") {
  const auto whole = small_journal();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto read = read_all(damaged);
    CHECK_FALSE(read.error.empty());
    for (std::uint32_t index = 0; index < read.numbers.size(); ++index)
      CHECK(read.numbers[index] == index + 1);
  }
}

TEST_CASE("what is no journal, or of another version, is refused") {
  CHECK(read_all("").error.find("is not a recording") != std::string::npos);
  CHECK(read_all(std::string(1000, '\0')).error.find("is not a recording") != std::string::npos);
  auto other = small_journal();
  other[offsetof(JournalHeader, version)] ^= 1;
  CHECK(read_all(other).error.find("the checksum of its header") != std::string::npos);
  CHECK(read_all(with_version(0))
            .error.find("of version 0, and this program reads versions 1 to 2") !=
        std::string::npos);
  CHECK(read_all(with_version(3)).error.find("of version 3, and") != std::string::npos);
}

TEST_CASE("what an older version wrote is read") {
  const auto read = read_all(with_version(1));
  CHECK(read.error.empty());
  CHECK(read.numbers == std::vector<std::uint32_t>{1, 2, 3, 0});
}

TEST_CASE("a process that is killed leaves what it had written") {
  const TemporaryFolder folder;
  const auto path = folder.file("journal");
  const auto writer = JournalWriter::create(path, {}, limit).value();
  writer->add(EntryKind::request, 0, 1, {pattern(10)});
  const auto read = read_all(content_of(path));  // as it is on the disk at this moment
  CHECK(read.numbers == std::vector<std::uint32_t>{1});
  CHECK(read.error.find("is cut at entry 2") != std::string::npos);
}

TEST_CASE("the limit ends a journal, which is whole nevertheless") {
  const LogCatcher log;
  const TemporaryFolder folder;
  const auto path = folder.file("journal");
  const auto writer = JournalWriter::create(path, {}, JournalWriter::least_limit).value();
  for (std::uint32_t number = 0; number < 100; ++number)
    writer->add(EntryKind::request, 0, number, {pattern(50'000)});
  const auto counts = writer->finish().value();
  CHECK(counts.limited);
  CHECK(std::filesystem::file_size(path) <= JournalWriter::least_limit);
  const auto read = read_all(content_of(path));
  CHECK(read.error.empty());
  CHECK(read.numbers.size() == counts.requests + 1);
  CHECK(read.numbers.back() == static_cast<std::uint32_t>(EndReason::limit));
  CHECK(log.text().find("at its limit of 1,048,576 bytes") != std::string::npos);
}

TEST_CASE("a file that is something else is not overwritten, a journal is") {
  const TemporaryFolder folder;
  const auto path = folder.file("journal");
  std::ofstream(path) << "a letter to somebody";
  CHECK(JournalWriter::create(path, {}, limit).error().code == std::errc::file_exists);
  CHECK(content_of(path) == "a letter to somebody");
  std::filesystem::remove(path);
  REQUIRE(JournalWriter::create(path, {}, limit).value()->finish().has_value());
  CHECK(JournalWriter::create(path, {}, limit).has_value());
}
