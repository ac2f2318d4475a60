// SPDX-License-Identifier: BSD-3-Clause
//
// Benchmark: measures several ways of doing something side by side. In each round every case takes
// some samples, so that what disturbs the machine for a while disturbs all of them; cases are
// compared within a round. A case may have a baseline that does the same without bellwire, mostly
// bare C. A ratio may have a limit. One thread.
#pragma once

#include <array>
#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::bench {

struct Environment;

/// What is counted while something is measured. The last two are those of another process that is
/// measured; switches and CPU time are this one's.
enum class Event {
  exits,
  doorbells,
  interrupts,
  system_calls,
  switches,
  allocations,
  cpu_ns,
  wake_ups,
  backend_cpu_ns
};

constexpr std::array events = {Event::exits,        Event::doorbells, Event::interrupts,
                               Event::system_calls, Event::switches,  Event::allocations,
                               Event::cpu_ns,       Event::wake_ups,  Event::backend_cpu_ns};

constexpr const char* name_of(Event event) {
  constexpr std::array<const char*, events.size()> names = {
      "exits",       "doorbells", "interrupts", "system calls",   "switches",
      "allocations", "CPU ns",    "wake-ups",   "back-end CPU ns"};
  return names[static_cast<std::size_t>(event)];
}

/// A number per event. An event that was not counted has none, which is not the same as 0.
template <class Number>
class PerEvent {
 public:
  std::optional<Number>& operator[](Event event) {
    return numbers_[static_cast<std::size_t>(event)];
  }
  const std::optional<Number>& operator[](Event event) const {
    return numbers_[static_cast<std::size_t>(event)];
  }
  void add(Event event, Number more) { (*this)[event] = (*this)[event].value_or(0) + more; }

 private:
  std::array<std::optional<Number>, events.size()> numbers_{};
};

using Counts = PerEvent<std::uint64_t>;

/// What was added since `before`. Both count the same events.
[[nodiscard]] Counts since(const Counts& before, const Counts& now);

struct Samples {
  std::vector<double> ns;   ///< each is a time, or the mean of some
  std::uint64_t times = 0;  ///< how often it was done
  Counts counts{};          ///< in all of them
};

/// A ratio per round, and its quartiles over all rounds.
struct Ratio {
  std::string name;
  double value;                 ///< the median
  double low, high;             ///< the first and third quartile
  std::optional<double> limit;  ///< the most that `value` should be
  [[nodiscard]] bool ok() const noexcept { return !limit || value <= *limit; }
};

struct Measured {
  double p50, p99;             ///< nanoseconds, over the samples of all rounds
  PerEvent<double> each_time;  ///< the median of all rounds
  std::uint64_t times;
};

struct Baseline {
  Measured measured;
  Ratio ratio;  ///< of the case to it
};

/// The place of a case among those that do the same with another number of something.
struct Point {
  std::string series;
  double at;
};

struct Row {
  std::string name;
  Measured measured;
  std::optional<Baseline> bare;
  std::optional<Point> point;
};

class Benchmark {
 public:
  using Sample = std::function<Result<void>(Samples&)>;
  using Limit = std::optional<double>;

  /// Cases with `skip` in their name are left out. Empty: none are. `baseline`: what the reports
  /// call the baselines.
  explicit Benchmark(std::string skip = {}, std::string baseline = "bare C")
      : skip_(std::move(skip)), baseline_(std::move(baseline)) {}
  [[nodiscard]] bool skips(const std::string& name) const;

  /// Adds a case. `limit` is that of the ratio to `bare`.
  void add(std::string name, Sample sample, std::optional<Sample> bare = {}, Limit limit = {});
  /// Divides the first one's p50 by the second one's. Both have been added.
  void compare(const std::string& name, const std::string& over, Limit limit = {});
  /// Makes `name`, which has been added, a point of `series`.
  void plot(const std::string& name, std::string series, double at);
  /// Limits how often `event` happens each time. `name` has been added, and counts the event.
  void bound(const std::string& name, Event event, double limit);
  /// Divides how often `event` happens each time by how often it does in the baseline. `name` has
  /// been added with one, and both count the event.
  void compare_event(const std::string& name, Event event, Limit limit = {});

  /// Every second round runs backwards, so that no case always comes after the same one. The first
  /// error ends it. EINVAL: all cases were skipped.
  [[nodiscard]] Result<void> run(unsigned rounds);
  /// One more round, which is not timed, since counting may be slow. `read` returns what the
  /// process has cost so far. After run().
  [[nodiscard]] Result<void> count(const std::function<Counts()>& read);

  [[nodiscard]] unsigned rounds() const { return rounds_; }
  [[nodiscard]] const std::string& baseline() const { return baseline_; }
  [[nodiscard]] std::vector<Row> rows() const;
  /// The comparisons of times, then those of events, then the bounds.
  [[nodiscard]] std::vector<Ratio> ratios() const;
  /// Those of the cases to their baselines, then ratios().
  [[nodiscard]] std::vector<Ratio> all_ratios() const;

 private:
  // A case or a baseline.
  struct Subject {
    Result<void> take_round();
    Result<void> count_round(const std::function<Counts()>& read);
    [[nodiscard]] Measured measured() const;
    [[nodiscard]] Ratio over(const Subject& other, std::string name, Limit limit) const;
    [[nodiscard]] Ratio over(const Subject& other, Event event, std::string name,
                             Limit limit) const;
    [[nodiscard]] std::vector<double> each_time(Event event) const;
    Sample sample;
    std::vector<Samples> rounds{};
    std::optional<Samples> counted{};  // the round that is not timed
  };
  struct Case {
    [[nodiscard]] Row row(const std::string& baseline) const;
    std::string name;
    Subject ours;
    std::optional<Subject> bare;
    Limit limit;
    std::optional<Point> point{};
  };
  struct ComparedCases {
    std::string name, over;
    Limit limit;
  };
  struct EventLimit {
    std::string name;
    Event event;
    double limit;
  };
  struct ComparedEvents {
    std::string name;
    Event event;
    Limit limit;
  };
  [[nodiscard]] std::vector<Subject*> subjects();
  [[nodiscard]] const Case& find(const std::string& name) const;
  [[nodiscard]] Case& find(const std::string& name);
  [[nodiscard]] Ratio ratio(const ComparedCases& comparison) const;
  [[nodiscard]] Ratio ratio(const EventLimit& bound) const;
  [[nodiscard]] Ratio ratio(const ComparedEvents& comparison) const;

  std::string skip_;
  std::string baseline_;
  unsigned rounds_ = 0;
  std::vector<Case> cases_;
  std::vector<ComparedCases> comparisons_;
  std::vector<ComparedEvents> compared_events_;
  std::vector<EventLimit> bounds_;
};

// What a benchmark came to: as a table for people, as JSON, and as a verdict (report.cpp).

void print(const Environment& environment, const Benchmark& benchmark);

/// {suite, machine: {accelerator, cpu, kernel, guest_runs_on, device_runs_on}, rounds, baseline:
/// the name of the baselines, columns: {FIGURE: heading}, rows: [{name, p50_ns, p99_ns, times,
/// bare, series, at, EVENT…}], ratios:
/// [{name, value, spread: [low, high], limit, ok}]}. `bare` is null, or as a row without name, bare
/// and series (which is there where rows do the same with another number of something, which is
/// `at`); each EVENT that was counted is a number per time; `spread` has the quartiles; `limit` and
/// `ok` are null where there is no limit. Ratios are those of Benchmark::all_ratios(). Suites that
/// run in VMs have the same shape (scripts/harness/bench/suite.py).
[[nodiscard]] boost::json::value to_json(std::string_view suite, const Environment& environment,
                                         const Benchmark& benchmark);

/// A line for each limit that is missed.
[[nodiscard]] std::vector<std::string> missed_limits(const Benchmark& benchmark);

}  // namespace bellwire::bench
