// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/output_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "host/output/stream_buffers.hpp"

using namespace bellwire;
using namespace bellwire::host;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() {
    auto name = (fs::temp_directory_path() / "bellwire-output-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }

  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(path_)) all.insert(entry.path().filename());
    return all;
  }

 private:
  fs::path path_;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& words) {
  std::ofstream(path) << words;
}

void write_new(const std::string& path) {
  auto file = OutputFile::create(path).value();
  file.stream() << "new";
  const auto done = file.commit();
  REQUIRE(done.has_value());
}

mode_t mode_of(const std::string& path) {
  struct stat now {};
  REQUIRE(::stat(path.c_str(), &now) == 0);
  return now.st_mode & 07777;
}

}  // namespace

TEST_CASE("a file is there when it is whole, not before") {
  const Folder folder;
  for (const auto* const older : {"", "older"}) {
    const auto path = folder.file(std::string("out") + older);
    if (*older != '\0') put(path, older);
    auto file = OutputFile::create(path).value();
    file.stream() << "new";
    REQUIRE(file.flush().has_value());
    CHECK(content(path) == older);
    REQUIRE(file.commit().has_value());
    CHECK(content(path) == "new");
  }
  CHECK(folder.names() == std::set<std::string>{"out", "outolder"});
}

TEST_CASE("a file that is dropped leaves the older one, and nothing else") {
  const Folder folder;
  const auto path = folder.file("out");
  put(path, "older");
  {
    auto file = OutputFile::create(path).value();
    auto moved = std::move(file);
    moved.stream() << "new" << std::flush;
  }
  CHECK(content(path) == "older");
  CHECK(folder.names() == std::set<std::string>{"out"});
}

TEST_CASE("links are followed, and stay") {
  const Folder folder;
  fs::create_directory(folder.file("deep"));
  put(folder.file("deep/target"), "older");
  fs::create_symlink("deep/target", folder.file("link"));
  fs::create_symlink("link", folder.file("second"));
  fs::create_symlink("deep/none", folder.file("dangling"));
  for (const auto* const link : {"second", "dangling"}) write_new(folder.file(link));
  CHECK(content(folder.file("deep/target")) == "new");
  CHECK(content(folder.file("deep/none")) == "new");
  for (const auto* const link : {"link", "second", "dangling"})
    CHECK(fs::is_symlink(folder.file(link)));
  fs::create_symlink("loop", folder.file("loop"));
  CHECK(OutputFile::create(folder.file("loop")).has_error());
}

TEST_CASE("permissions are the older file's, or the umask's") {
  const Folder folder;
  const auto older = folder.file("older"), fresh = folder.file("fresh");
  put(older, "older");
  fs::permissions(older, fs::perms(0640));
  const auto before = ::umask(027);
  write_new(older);
  write_new(fresh);
  ::umask(before);
  CHECK(mode_of(older) == 0640);
  CHECK(mode_of(fresh) == 0640);
  fs::permissions(older, fs::perms(0666));
  write_new(older);
  CHECK(mode_of(older) == 0666);
}

TEST_CASE("what is not a regular file is written itself") {
  const Folder folder;
  const auto fifo = folder.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::string read;
  std::thread reader([&] { read = content(fifo); });
  write_new(fifo);
  reader.join();
  CHECK(read == "new");
  CHECK(fs::is_fifo(fifo));
  write_new("/dev/null");
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("a name in /proc/self/fd is the descriptor, wherever that is") {
  const Folder folder;
  const auto path = folder.file("out");
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::write(fd, "first ", 6) == 6);
  write_new(text("/proc/self/fd/{}", fd));
  write_new(text("/dev/fd/{}", fd));
  CHECK(content(path) == "first newnew");
  ::close(fd);
  CHECK(OutputFile::create(text("/dev/fd/{}", fd)).has_error());
}

TEST_CASE("what cannot be written is refused at once, with its name and its reason") {
  const Folder folder;
  for (const auto& [path, code] :
       {std::pair(folder.file("none/out"), std::errc::no_such_file_or_directory),
        std::pair(folder.file(""), std::errc::is_a_directory),
        std::pair(std::string(), std::errc::no_such_file_or_directory)}) {
    const auto refused = OutputFile::create(path);
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == std::make_error_condition(code));
    CHECK(refused.error().message.starts_with("cannot write '" + path + "': "));
  }
}

TEST_CASE("a full disk is an error, however late it shows") {
  const std::string full = "/dev/full";
  REQUIRE(fs::exists(full));
  for (const std::size_t size : {std::size_t{3}, std::size_t{1} << 20}) {
    auto file = OutputFile::create(full).value();
    file.stream() << std::string(size, 'x');
    const auto done = file.commit();
    REQUIRE(done.has_error());
    CHECK(done.error().code == std::errc::no_space_on_device);
  }
  CHECK(fs::is_character_file(full));
}

TEST_CASE("a folder that is renamed meanwhile gets its file, and nothing stays behind") {
  const Folder folder;
  const auto before = folder.file("before"), after = folder.file("after");
  for (const bool whole : {true, false}) {
    fs::create_directory(before);
    {
      auto file = OutputFile::create(before + "/out").value();
      file.stream() << "new";
      fs::rename(before, after);
      if (whole) CHECK(file.commit().has_value());
    }
    CHECK(fs::is_empty(after) != whole);
    if (whole) CHECK(content(after + "/out") == "new");
    fs::remove_all(after);
  }
}

TEST_CASE("paths to one file are known, whether it exists or not") {
  const Folder folder;
  const auto there = folder.file("there"), link = folder.file("link"), none = folder.file("none");
  put(there, "here");
  fs::create_symlink("there", link);
  fs::create_symlink("none", folder.file("dangling"));
  CHECK(same_file(there, there));
  CHECK(same_file(there, link));
  CHECK(same_file(none, folder.file("./none")));
  CHECK(same_file(none, folder.file("dangling")));
  CHECK_FALSE(same_file(there, none));
  CHECK_FALSE(same_file(none, folder.file("other")));
  CHECK_FALSE(same_file("/dev/null", "/dev/null"));
}

TEST_CASE("a file that grows too large is an error, and the older one stays") {
  const Folder folder;
  const auto path = folder.file("out");
  put(path, "older");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  Result<void> done;
  {
    auto file = OutputFile::create(path).value();
    file.stream() << std::string(1 << 20, 'x');
    done = file.commit();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE(done.has_error());
  CHECK(done.error().code == std::errc::file_too_large);
  CHECK(content(path) == "older");
  CHECK(folder.names() == std::set<std::string>{"out"});
}

TEST_CASE("a signal that ends the process leaves nothing behind") {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const Folder folder;
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(number, SIG_DFL);
      auto file = OutputFile::create(folder.file("out"));
      ::raise(number);
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == number);
    CHECK(folder.names().empty());
  }
}

TEST_CASE("a signal leaves nothing behind at whatever instant it comes") {
  const Folder folder;
  const auto handler = std::signal(SIGTERM, SIG_DFL);
  for (int round = 0; round < 300; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      while (true) auto dropped = OutputFile::create(folder.file("out"));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + 7 * round));
    ::kill(child, SIGTERM);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    REQUIRE(folder.names().empty());
  }
  std::signal(SIGTERM, handler);
}

TEST_CASE("a name in .gz is compressed, and unpacked as it was") {
  const Folder folder;
  const auto path = folder.file("out.gz");
  std::string all;
  {
    auto file = OutputFile::create(path).value();
    for (int line = 0; line < 100'000; ++line) {
      const auto words = text("line {}\n", line);
      all += words;
      file.stream() << words;
    }
    REQUIRE(file.commit().has_value());
  }
  const auto packed = content(path);
  CHECK(packed.size() < all.size() / 3);
  REQUIRE(is_gzip(packed));
  CHECK(gunzip(packed, all.size()).value() == all);
  CHECK(gunzip(packed + packed, 2 * all.size()).value() == all + all);
  CHECK(gunzip(packed, all.size() - 1).error().code == std::errc::file_too_large);
  for (const auto cut : {std::size_t{2}, packed.size() / 2, packed.size() - 1})
    CHECK(gunzip(packed.substr(0, cut), all.size()).has_error());
  auto damaged = packed;
  damaged[damaged.size() / 2] ^= 1;
  CHECK(gunzip(damaged, all.size()).has_error());
}
