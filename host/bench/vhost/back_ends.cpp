// SPDX-License-Identifier: BSD-3-Clause
#include "host/bench/vhost/back_ends.hpp"

#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "host/bench/machine.hpp"
#include "host/conform/back_end.hpp"
#include "vdev/devices/blk/blk.hpp"
#include "vdev/loop/asio.hpp"
#include "vdev/os/memory.hpp"
#include "vdev/os/text.hpp"
#include "vdev/transport/vhost_user/server/server.hpp"

namespace bellwire::bench {
namespace {

namespace files = std::filesystem;
using Words = std::vector<std::string>;

// That of all threads of a process, so far.
std::uint64_t cpu_ns_of(pid_t process) {
  clockid_t clock = 0;
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

// Each time that one of its threads went to sleep or lost its CPU.
std::uint64_t switches_of(pid_t process) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& thread : files::directory_iterator(text("/proc/{}/task", process), error)) {
    std::ifstream status(thread.path() / "status");
    for (std::string word; status >> word;) {
      std::uint64_t count = 0;
      if (word.ends_with("ctxt_switches:") && status >> count) sum += count;
    }
  }
  return sum;
}

Result<void> fill(int disk, std::uint64_t size) {
  const std::vector<std::uint64_t> bytes(std::size_t{1} << 17, 0x62656c6c77697265);
  const auto each = bytes.size() * sizeof bytes.front();
  for (std::uint64_t offset = 0; offset < size; offset += each)
    if (::pwrite(disk, bytes.data(), each, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(each))
      return system_fault("cannot fill a disk of {} bytes in memory", size);
  return {};
}

}  // namespace

Result<std::shared_ptr<Workplace>> Workplace::create(int cpu) {
  std::error_code error;
  auto name = (files::temp_directory_path(error) / "bellwire-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return system_fault("cannot make the folder '{}'", name);
  return std::shared_ptr<Workplace>(new Workplace(name, cpu));
}

Workplace::~Workplace() {
  std::error_code error;
  files::remove_all(folder_, error);
}

std::string Workplace::new_socket() {
  return (folder_ / std::to_string(sockets_++)).string();
}

Result<std::string> Workplace::new_disk() {
  auto file = os::create_memfd("bellwire-bench-disk", disk_bytes);
  if (!file) return file.error();
  if (auto filled = fill(file->get(), disk_bytes); !filled) return filled.error();
  disks_.push_back(std::move(*file));
  return text("/proc/{}/fd/{}", ::getpid(), disks_.back().get());
}

Result<void> LoadedBackEnd::connect(const std::string& socket, unsigned queues) {
  auto driver = DiskDriver::create(socket, queues, Workplace::disk_bytes);
  if (!driver) return driver.error();
  driver_ = std::move(*driver);
  const auto peer = driver_->peer();
  if (peer && *peer != ::getpid()) process_ = *peer;
  return {};
}

Result<void> LoadedBackEnd::run(const DiskLoad& load, Waiting waiting, double ns_per_tick,
                                Samples& samples) {
  if (process_ < 0) return driver_->run(load, waiting, ns_per_tick, samples);
  const auto before = cpu_ns_of(process_);
  auto done = driver_->run(load, waiting, ns_per_tick, samples);
  samples.counts.add(Event::backend_cpu_ns, cpu_ns_of(process_) - before);
  return done;
}

// That it wakes up at all when it is loaded shows that what counts wake-ups does.
Result<void> LoadedBackEnd::idle(Waiting waiting, double ns_per_tick, Samples& samples) {
  constexpr DiskLoad load{.requests = 100};
  constexpr std::chrono::milliseconds settling{200};
  Samples aside;
  const auto asleep = switches_of(process_);
  if (auto done = driver_->run(load, waiting, ns_per_tick, aside); !done) return done;
  std::this_thread::sleep_for(settling);
  const auto before = switches_of(process_);
  if (before == asleep)
    return fault(std::errc::protocol_error, "process {} served {} requests without a wake-up",
                 process_, load.requests);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  samples.counts.add(Event::wake_ups, switches_of(process_) - before);
  samples.ns.push_back(1e9);
  ++samples.times;
  return driver_->run(load, waiting, ns_per_tick, aside);
}

namespace {

// In the build's tree, this program is in bench/ beside it.
std::string path_of_bellwire() {
  std::error_code error;
  return (files::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "bellwire")
      .string();
}

Words bellwire_command(const std::string& socket, const BackEndPlan& plan) {
  Words words{path_of_bellwire(),
              "device",
              "blk",
              "--on",
              "vhost-user:" + socket,
              "--queues",
              std::to_string(plan.queues),
              "--poll",
              plan.waiting == Waiting::polling ? "adaptive" : "off"};
  if (plan.disk.empty())
    words.insert(words.end(), {"--size", std::to_string(Workplace::disk_bytes), "--null"});
  else
    words.insert(words.end(), {"--file", plan.disk});
  return words;
}

// Without locks, since the other program has locked the file. 32768 ns are its own default.
Words qemu_command(const std::string& socket, const BackEndPlan& plan) {
  const auto disk =
      plan.disk.empty()
          ? text("driver=null-co,node-name=disk,size={},read-zeroes=off", Workplace::disk_bytes)
          : text("driver=file,node-name=disk,filename={},locking=off,aio=io_uring", plan.disk);
  return {"qemu-storage-daemon",
          "--blockdev",
          disk,
          "--object",
          text("iothread,id=loop,poll-max-ns={}", plan.waiting == Waiting::polling ? 32768 : 0),
          "--export",
          text("type=vhost-user-blk,id=export,node-name=disk,addr.type=unix,addr.path={},"
               "num-queues={},writable=on,iothread=loop",
               socket, plan.queues)};
}

// The program starts on the driver's CPU otherwise, as a child of this one does.
Words on_cpu(int cpu, Words words) {
  Words all{"taskset", "-c", std::to_string(cpu)};
  if (cpu < 0) return words;
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

class StartedProgram final : public LoadedBackEnd {
 public:
  StartedProgram(std::shared_ptr<Workplace> workplace, Words words, std::string socket)
      : workplace_(std::move(workplace)), socket_(socket), process_(std::move(words), socket, -1) {}
  [[nodiscard]] Result<void> start(unsigned queues) {
    if (auto started = process_.start(); !started) return started;
    return connect(socket_, queues);
  }

 private:
  std::shared_ptr<Workplace> workplace_;
  std::string socket_;
  host::conform::StartedBackEnd process_;
};

class DiskHere final : public LoadedBackEnd {
 public:
  explicit DiskHere(std::shared_ptr<Workplace> workplace) : workplace_(std::move(workplace)) {}
  ~DiskHere() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] Result<void> start(bool by_io_uring);

 private:
  [[nodiscard]] Result<void> serve(const std::string& socket);
  std::shared_ptr<Workplace> workplace_;
  boost::asio::io_context context_{one_thread};
  std::unique_ptr<blk::Blk> disk_;
  DmaSpace memory_;
  std::optional<virtio::Backend> backend_;
  std::optional<vhost_user::Server> server_;
  std::thread thread_;
};

Result<void> DiskHere::start(bool by_io_uring) {
  const auto path = workplace_->new_disk();
  if (!path) return path.error();
  auto file = os::DiskFile::open(*path, false);
  if (!file) return file.error();
  auto disk = blk::Blk::create(std::move(*file), {.asynchronous = by_io_uring});
  if (!disk) return disk.error();
  disk_ = std::move(*disk);
  const auto socket = workplace_->new_socket();
  if (auto served = serve(socket); !served) return served;
  thread_ = std::thread([this] {
    pin_thread(workplace_->cpu());
    context_.run();
  });
  return connect(socket, 1);
}

Result<void> DiskHere::serve(const std::string& socket) {
  auto backend = virtio::Backend::create(context_, *disk_, memory_);
  if (!backend) return backend.error();
  backend_.emplace(std::move(*backend));
  auto server = vhost_user::Server::create(context_, *backend_, memory_, {.path = socket});
  if (!server) return server.error();
  server_.emplace(std::move(*server));
  return {};
}

}  // namespace

Result<std::shared_ptr<LoadedBackEnd>> start_back_end(const std::shared_ptr<Workplace>& workplace,
                                                      Program program, const BackEndPlan& plan) {
  const auto socket = workplace->new_socket();
  auto words =
      program == Program::bellwire ? bellwire_command(socket, plan) : qemu_command(socket, plan);
  const auto started = std::make_shared<StartedProgram>(
      workplace, on_cpu(workplace->cpu(), std::move(words)), socket);
  if (auto running = started->start(plan.queues); !running) return running.error();
  return std::static_pointer_cast<LoadedBackEnd>(started);
}

Result<std::shared_ptr<LoadedBackEnd>> start_disk_here(const std::shared_ptr<Workplace>& workplace,
                                                       bool by_io_uring) {
  const auto started = std::make_shared<DiskHere>(workplace);
  if (auto running = started->start(by_io_uring); !running) return running.error();
  return std::static_pointer_cast<LoadedBackEnd>(started);
}

}  // namespace bellwire::bench
