// SPDX-License-Identifier: BSD-3-Clause
#include "host/output/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>

namespace bellwire::host {
// A file beside its target, by folder and name: the folder may be renamed meanwhile.
struct UnfinishedFile {
  os::UniqueFd folder;
  std::string name;
};

namespace {

namespace fs = std::filesystem;

constexpr mode_t any_permission = 0777;
constexpr mode_t new_file = 0666;  // less the umask
constexpr int most_links = 40;     // as the kernel follows

// The end of all symbolic links, whether it exists or not. ELOOP.
Result<fs::path> target_of(fs::path path) {
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(path, error)); ++links) {
    if (links == most_links)
      return Error{std::make_error_code(std::errc::too_many_symbolic_link_levels), {}};
    const auto to = fs::read_symlink(path, error);
    if (error) return Error{error, {}};
    path = path.parent_path() / to;
  }
  return path;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// N, if the path leads to /proc/self/fd/N, as /dev/stdout does.
std::optional<int> own_descriptor(fs::path path) {
  std::error_code error;
  const auto own = fs::canonical("/proc/self/fd", error);
  for (int links = 0; !error && links <= most_links; ++links) {
    if (fs::canonical(folder_of(path), error) == own && !error) {
      const auto name = path.filename().string();
      int number = -1;
      const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
      return wrong == std::errc() ? std::optional(number) : std::nullopt;
    }
    if (!fs::is_symlink(fs::symlink_status(path, error))) return std::nullopt;
    path = path.parent_path() / fs::read_symlink(path, error);
  }
  return std::nullopt;
}

Error cannot_write(const std::string& path, const std::error_code& code,
                   const std::string& remedy = {}) {
  return {code, text("cannot write '{}': {}{}", path, code.message(), remedy)};
}

std::error_code last_error() {
  return {errno, std::system_category()};
}

// A random name of 64 bits, which no other file has.
std::string random_name() {
  static std::random_device random;
  return text(".bellwire-{:08x}{:08x}", random(), random());
}

// Temporary files that a signal must not leave behind

std::array<std::atomic<const UnfinishedFile*>, 8>
    unfinished_places;  // no program writes more at once
static_assert(std::atomic<const UnfinishedFile*>::is_always_lock_free,
              "read in a signal's handler");

void remove_all_and_die(int number) {
  for (auto& place : unfinished_places)
    if (const auto* const file = place.load())
      ::unlinkat(file->folder.get(), file->name.c_str(), 0);
  std::signal(number, SIG_DFL);
  ::raise(number);
}

void take_over(int number) noexcept {
  struct sigaction now {};
  if (::sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  now.sa_handler = remove_all_and_die;
  ::sigaction(number, &now, nullptr);
}

}  // namespace

// While it lives, a signal that ends the process removes the file first. Signals that the program
// handles itself, or ignores, are left to it.
class Unfinished {
 public:
  // The place outlives it.
  explicit Unfinished(const UnfinishedFile* file) noexcept;
  Unfinished(const Unfinished&) = delete;
  ~Unfinished();

 private:
  std::atomic<const UnfinishedFile*>* place_ = nullptr;
};

Unfinished::Unfinished(const UnfinishedFile* file) noexcept {
  for (auto& place : unfinished_places) {
    const UnfinishedFile* nothing = nullptr;
    if (!place.compare_exchange_strong(nothing, file)) continue;
    place_ = &place;
    break;
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) take_over(number);
}

Unfinished::~Unfinished() {
  if (place_ != nullptr) place_->store(nullptr);
}

// The file beside the target, until it takes the target's place. Both are in the folder that was
// there at the start, whatever becomes of its name.
class OutputFile::Temporary {
 public:
  struct Made {
    std::unique_ptr<Temporary> temporary;
    os::UniqueFd fd;
  };

  // `older`: what is replaced, or null.
  static Result<Made> create(const fs::path& target, const struct stat* older) {
    const auto mode = older != nullptr ? older->st_mode & any_permission : new_file;
    os::UniqueFd folder(::open(folder_of(target).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) return Error{last_error(), {}};
    // A signal may come at any instant: the file is registered before it exists.
    auto made = std::unique_ptr<Temporary>(
        new Temporary({std::move(folder), random_name()}, target.filename().string()));
    os::UniqueFd fd(::openat(made->beside_.folder.get(), made->beside_.name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!fd.valid()) return Error{last_error(), {}};
    made->exists_ = true;
    if (older != nullptr && !take_after(*older, fd.get())) return Error{last_error(), {}};
    return Made{std::move(made), std::move(fd)};
  }

  ~Temporary() {
    if (exists_) ::unlinkat(beside_.folder.get(), beside_.name.c_str(), 0);
  }

  [[nodiscard]] bool place() {
    const int folder = beside_.folder.get();
    const bool placed = ::renameat(folder, beside_.name.c_str(), folder, target_.c_str()) == 0;
    exists_ = exists_ && !placed;
    return placed;
  }

 private:
  Temporary(UnfinishedFile beside, std::string target)
      : beside_(std::move(beside)), target_(std::move(target)), unfinished_(&beside_) {}

  // The owner first: changing it takes permissions away. Only root can give files away; anybody
  // else who replaces another's file owns the new one, as with every editor.
  static bool take_after(const struct stat& older, int fd) {
    constexpr auto unchanged = static_cast<uid_t>(-1);
    const bool owned =
        ::fchown(fd, older.st_uid, older.st_gid) == 0 || ::fchown(fd, unchanged, older.st_gid) == 0;
    // What the older group was allowed is not for another group.
    const mode_t kept = owned ? any_permission : any_permission & ~mode_t{S_IRWXG};
    return ::fchmod(fd, older.st_mode & kept) == 0;
  }

  const UnfinishedFile beside_;
  const std::string target_;  // in the same folder
  bool exists_ = false;       // under its own name
  Unfinished unfinished_;     // names beside_
};

bool same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  const bool there = ::stat(one.c_str(), &first) == 0;
  if (there != (::stat(other.c_str(), &second) == 0)) return false;
  if (there)
    return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
  const auto target = target_of(one), another = target_of(other);
  std::error_code error;
  return target && another && target->filename() == another->filename() &&
         fs::equivalent(folder_of(*target), folder_of(*another), error);
}

Result<OutputFile> OutputFile::create(const std::string& path) {
  if (const auto own = own_descriptor(path)) {
    auto fd = os::duplicate(*own);
    if (!fd.valid()) return host::cannot_write(path, last_error());
    return OutputFile(path, std::move(fd), nullptr);
  }
  struct stat older {};
  const bool there = ::stat(path.c_str(), &older) == 0;
  if (there || errno != ENOENT) {
    // Opened as if it were written in place: so directories, sockets and missing permissions are
    // refused.
    os::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd.valid()) return host::cannot_write(path, last_error());
    if (!S_ISREG(older.st_mode)) return OutputFile(path, std::move(fd), nullptr);
  }
  const auto target = target_of(path);
  if (!target) return host::cannot_write(path, target.error().code);
  if (!target->has_filename())
    return host::cannot_write(path, std::make_error_code(std::errc::no_such_file_or_directory));
  auto made = Temporary::create(*target, there ? &older : nullptr);
  if (!made)
    return host::cannot_write(
        path, made.error().code,
        text(
            "; the folder '{}' must exist and be writable: the file is written there under another "
            "name, then renamed",
            folder_of(*target).string()));
  return OutputFile(path, std::move(made->fd), std::move(made->temporary));
}

OutputFile::OutputFile(std::string path, os::UniqueFd fd, std::unique_ptr<Temporary> temporary)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      temporary_(std::move(temporary)),
      buffer_(std::make_unique<FdBuffer>(fd_.get())) {
  if (path_.ends_with(".gz")) gzip_ = std::make_unique<GzipBuffer>(*buffer_);
  std::streambuf* const first = gzip_ ? static_cast<std::streambuf*>(gzip_.get()) : buffer_.get();
  stream_ = std::make_unique<std::ostream>(first);
}

OutputFile::OutputFile(OutputFile&&) noexcept = default;
OutputFile::~OutputFile() = default;

Error OutputFile::cannot_write() const {
  const int number = buffer_->error() != 0 ? buffer_->error() : errno != 0 ? errno : EIO;
  return host::cannot_write(path_, {number, std::system_category()});
}

Result<void> OutputFile::flush() {
  if (!stream_->bad() && buffer_->flush()) return {};
  return cannot_write();
}

Result<void> OutputFile::commit() {
  const bool whole = finish();
  if (!whole || (temporary_ && !temporary_->place())) return cannot_write();
  return {};
}

// Some file systems report a full disk as late as in fsync() or close().
bool OutputFile::finish() {
  if (!temporary_)
    std::cout.flush();  // what was printed earlier comes first, perhaps to the same place
  if (stream_->bad() || (gzip_ && !gzip_->finish()) || !buffer_->flush()) return false;
  const bool synced = ::fsync(fd_.get()) == 0 || (!temporary_ && errno != EIO && errno != ENOSPC);
  return synced && ::close(fd_.release()) == 0;
}

bool OutputFile::is_standard_output() const noexcept {
  struct stat ours {
  }, standard{};
  return ::fstat(fd_.get(), &ours) == 0 && ::fstat(STDOUT_FILENO, &standard) == 0 &&
         ours.st_dev == standard.st_dev && ours.st_ino == standard.st_ino;
}

}  // namespace bellwire::host
