// SPDX-License-Identifier: BSD-3-Clause
//
// The suite `vhost`: `bellwire device blk` over vhost-user, beside qemu-storage-daemon, under the
// same load on the same file in memory, or on a disk that keeps nothing. The load generator has a
// CPU, the back-end under load the other. Asleep, back-end and generator sleep whenever they have
// nothing to do; polling, the back-end polls adaptively, as either program does it, and the
// generator always.
#include <map>
#include <tuple>

#include "host/bench/suites.hpp"
#include "host/bench/vhost/back_ends.hpp"
#include "host/bench/wire_ends.hpp"

namespace bellwire::bench {
namespace {

// Limits of times are the inverse of those of throughput.
constexpr double half_more_throughput = 1 / 1.5;
constexpr double twice_the_throughput = 1 / 2.0;
constexpr double no_less_throughput = 1.0;
constexpr double latency = 0.8;
constexpr double cpu_time = 0.7;

enum class On { file, null };

struct VhostRow {
  const char* what;
  On on;
  DiskLoad load;  // of either direction
  Benchmark::Limit over_qemu;
  std::vector<unsigned> queues;
  Benchmark::Limit cpu_over_qemu = {};
};

const VhostRow rows[] = {
    {"4 KiB, depth 1", On::file, {.depth = 1, .requests = 400}, latency, {1}},
    {"4 KiB, depth 32",
     On::file,
     {.depth = 32, .requests = 4000},
     half_more_throughput,
     {1, 2},
     cpu_time},
    {"4 KiB, depth 128", On::file, {.depth = 128, .requests = 4000}, half_more_throughput, {1, 2}},
    {"1 MiB in turn",
     On::file,
     {.random = false, .bytes = 1 << 20, .depth = 4, .requests = 64},
     no_less_throughput,
     {1}},
    {"4 KiB, null, depth 128",
     On::null,
     {.depth = 128, .requests = 20000},
     twice_the_throughput,
     {1}},
    {"4 KiB, null, depth 128", On::null, {.depth = 128, .requests = 20000}, {}, {2}},
};

const char* name_of(Waiting waiting) {
  return waiting == Waiting::polling ? "polling" : "asleep";
}

using Pair = std::array<std::shared_ptr<LoadedBackEnd>, 2>;  // ours, QEMU's

class BackEnds {
 public:
  BackEnds(std::shared_ptr<Workplace> workplace) : workplace_(std::move(workplace)) {}

  /// Both programs with the same disk; started when they are first asked for.
  Result<Pair> pair(On on, unsigned queues, Waiting waiting) {
    const auto [found, added] = pairs_.try_emplace({on, queues, waiting});
    if (!added) return found->second;
    BackEndPlan plan{.queues = queues, .waiting = waiting};
    if (on == On::file) {
      auto disk = workplace_->new_disk();
      if (!disk) return disk.error();
      plan.disk = std::move(*disk);
    }
    for (const auto program : {Program::bellwire, Program::qemu_storage_daemon}) {
      auto started = start_back_end(workplace_, program, plan);
      if (!started) return started.error();
      found->second[static_cast<std::size_t>(program)] = std::move(*started);
    }
    return found->second;
  }

 private:
  std::shared_ptr<Workplace> workplace_;
  std::map<std::tuple<On, unsigned, Waiting>, Pair> pairs_;
};

class VhostCases {
 public:
  VhostCases(Benchmark& benchmark, const Environment& environment,
             std::shared_ptr<Workplace> workplace)
      : benchmark_(benchmark),
        ns_per_tick_(environment.ns_per_tick),
        workplace_(std::move(workplace)),
        back_ends_(workplace_) {}

  Result<void> add_row(const VhostRow& row) {
    for (const auto queues : row.queues)
      for (const auto waiting : {Waiting::asleep, Waiting::polling})
        for (const bool writing : {false, true})
          if (auto added = add(row, queues, waiting, writing); !added) return added;
    return {};
  }
  Result<void> add_allocations(bool by_io_uring);
  Result<void> add_idle(Waiting waiting);

 private:
  Result<void> add(const VhostRow& row, unsigned queues, Waiting waiting, bool writing);
  [[nodiscard]] Benchmark::Sample sample(std::shared_ptr<LoadedBackEnd> back_end, DiskLoad load,
                                         Waiting waiting) const {
    return [=, back_end = std::move(back_end), ns = ns_per_tick_](Samples& samples) {
      return back_end->run(load, waiting, ns, samples);
    };
  }

  Benchmark& benchmark_;
  double ns_per_tick_;
  std::shared_ptr<Workplace> workplace_;
  BackEnds back_ends_;
};

Result<void> VhostCases::add(const VhostRow& row, unsigned queues, Waiting waiting, bool writing) {
  const auto name = text("{} {}, {}{}", writing ? "write" : "read", row.what,
                         queues > 1 ? text("{} queues, ", queues) : "", name_of(waiting));
  if (benchmark_.skips(name)) return {};
  auto pair = back_ends_.pair(row.on, queues, waiting);
  if (!pair) return pair.error();
  auto load = row.load;
  load.writes = writing;
  auto [ours, qemu] = std::move(*pair);
  benchmark_.add(name, sample(std::move(ours), load, waiting),
                 sample(std::move(qemu), load, waiting), row.over_qemu);
  if (row.cpu_over_qemu) benchmark_.compare_event(name, Event::backend_cpu_ns, row.cpu_over_qemu);
  return {};
}

Result<void> VhostCases::add_allocations(bool by_io_uring) {
  const auto name =
      text("read 4 KiB, depth 32, in this process{}", by_io_uring ? ", io_uring" : "");
  if (benchmark_.skips(name)) return {};
  auto here = start_disk_here(workplace_, by_io_uring);
  if (!here) return here.error();
  benchmark_.add(name, sample(std::move(*here), {.depth = 32, .requests = 4000}, Waiting::asleep));
  benchmark_.bound(name, Event::allocations, 0);
  return {};
}

Result<void> VhostCases::add_idle(Waiting waiting) {
  const auto name = text("a second without requests, {}", name_of(waiting));
  if (benchmark_.skips(name)) return {};
  auto pair = back_ends_.pair(On::file, 2, waiting);
  if (!pair) return pair.error();
  benchmark_.add(name, [back_end = (*pair)[0], waiting, ns = ns_per_tick_](Samples& samples) {
    return back_end->idle(waiting, ns, samples);
  });
  benchmark_.bound(name, Event::wake_ups, 0);
  return {};
}

// What two wake-ups on two CPUs take by themselves: most of a request that is alone under way.
Result<void> add_wake_ups(Benchmark& benchmark, const Environment& environment) {
  constexpr const char* name = "kick and call alone, asleep";
  auto bare = BarePingPong::create(1, environment.device_cpu, false);
  if (!bare) return bare.error();
  benchmark.add(name, [ping = *bare, ns = environment.ns_per_tick](Samples& samples) {
    return ping->sample(Order::the_same, ns, samples);
  });
  benchmark.compare("read 4 KiB, depth 1, asleep", name);
  return {};
}

}  // namespace

Result<void> add_vhost(Benchmark& benchmark, const Environment& environment) {
  if (environment.device_cpu < 0)
    return fault(std::errc::operation_not_supported,
                 "the suite 'vhost' needs two CPUs, and it may use one (see taskset -cp $$)");
  auto workplace = Workplace::create(environment.device_cpu);
  if (!workplace) return workplace.error();
  VhostCases cases(benchmark, environment, *workplace);
  for (const auto& row : rows)
    if (auto added = cases.add_row(row); !added) return added;
  if (auto added = add_wake_ups(benchmark, environment); !added) return added;
  for (const bool by_io_uring : {false, true})
    if (auto added = cases.add_allocations(by_io_uring); !added) return added;
  for (const auto waiting : {Waiting::asleep, Waiting::polling})
    if (auto added = cases.add_idle(waiting); !added) return added;
  return {};
}

}  // namespace bellwire::bench
