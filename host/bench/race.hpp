// SPDX-License-Identifier: BSD-3-Clause
//
// Race: measures several ways of doing something side by side. Each round lets every contender
// take some samples, so that what disturbs the machine for a while disturbs all of them; what is
// compared is compared within a round. A way may have a yardstick beside it: bare C that does the
// same without bellwire. A ratio may have a limit, which it keeps or misses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/bench/counts.hpp"
#include "vdev/os/result.hpp"

namespace bellwire::bench {

struct Samples {
  std::vector<double> ns;   ///< a time each, or the mean of some
  std::uint64_t times = 0;  ///< that it was done
  Counts counts{};          ///< in all of them
};

/// The middle half of all rounds.
struct Spread {
  double low, high;
};

struct Ratio {
  std::string name;
  double value;  ///< the middle one of all rounds
  Spread spread;
  std::optional<double> limit;  ///< the most that `value` should be
  [[nodiscard]] bool ok() const noexcept { return !limit || value <= *limit; }
};

struct Figures {
  double p50, p99;         ///< nanoseconds
  Each<double> each_time;  ///< the middle one of all rounds
  std::uint64_t times;
};

struct Yardstick {
  Figures figures;
  Ratio ratio;  ///< of the row to it
};

/// Where a row stands among those that do the same with another number of something.
struct Point {
  std::string series;
  double at;
};

struct Row {
  std::string name;
  Figures figures;
  std::optional<Yardstick> bare;
  std::optional<Point> point;
};

class Race {
 public:
  using Sample = std::function<Result<void>(Samples&)>;
  using Limit = std::optional<double>;

  /// Who has `skip` in its name does not take part. Empty: all do.
  explicit Race(std::string skip = {}) : skip_(std::move(skip)) {}
  [[nodiscard]] bool skips(const std::string& name) const;

  /// `limit` is that of the ratio to `bare`.
  void enter(std::string name, Sample sample, std::optional<Sample> bare = {}, Limit limit = {});
  /// The first one's p50, divided by the second's. Both have entered.
  void compare(const std::string& name, const std::string& over, Limit limit = {});
  /// `name` is the row of `series` at that number. It has entered.
  void plot(const std::string& name, std::string series, double at);
  /// How often `event` happens each time. Who has the name has entered, and counts the event.
  void bound(const std::string& name, Event event, double limit);

  /// Every second round goes backwards, so that nobody always comes after the same. The first
  /// error ends it. EINVAL: all were skipped.
  [[nodiscard]] Result<void> run(unsigned rounds);
  /// One more round, which is not timed: counting may be slow. `read` tells what the process has
  /// cost so far. After run().
  [[nodiscard]] Result<void> count(const std::function<Counts()>& read);

  [[nodiscard]] unsigned rounds() const { return rounds_; }
  [[nodiscard]] std::vector<Row> rows() const;
  /// Of what was to be compared, then of what was bound.
  [[nodiscard]] std::vector<Ratio> ratios() const;
  /// All that there are, those of the rows to their bare C first.
  [[nodiscard]] std::vector<Ratio> all_ratios() const;

 private:
  struct Runner {
    Result<void> take_turn();
    Result<void> count_turn(const std::function<Counts()>& read);
    [[nodiscard]] Figures figures() const;
    [[nodiscard]] Ratio over(const Runner& other, std::string name, Limit limit) const;
    [[nodiscard]] std::vector<double> each_time(Event event) const;
    Sample sample;
    std::vector<Samples> turns{};      // one each round
    std::optional<Samples> counted{};  // the last one, not timed
  };
  struct Contender {
    [[nodiscard]] Row row() const;
    std::string name;
    Runner ours;
    std::optional<Runner> bare;
    Limit limit;
    std::optional<Point> point{};
  };
  struct Comparison {
    std::string name, over;
    Limit limit;
  };
  struct Bound {
    std::string name;
    Event event;
    double limit;
  };
  [[nodiscard]] std::vector<Runner*> line_up();
  [[nodiscard]] const Contender& find(const std::string& name) const;
  [[nodiscard]] Contender& find(const std::string& name);
  [[nodiscard]] Ratio ratio(const Comparison& comparison) const;
  [[nodiscard]] Ratio ratio(const Bound& bound) const;

  std::string skip_;
  unsigned rounds_ = 0;
  std::vector<Contender> contenders_;
  std::vector<Comparison> comparisons_;
  std::vector<Bound> bounds_;
};

}  // namespace bellwire::bench
