// SPDX-License-Identifier: BSD-3-Clause
//
// Race: measures several ways of doing something side by side. Each round lets every contender
// take some samples, so that what disturbs the machine for a while disturbs all of them; what is
// compared is compared within a round. A way may have a yardstick beside it: bare C that does the
// same without bellwire.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vdev/os/result.hpp"

namespace bellwire::bench {

struct Samples {
  std::vector<double> ns;   ///< a time each, or the mean of some
  std::uint64_t times = 0;  ///< that it was done
  std::uint64_t exits = 0;  ///< to user space, in all of them
};

struct Ratio {
  std::string name;
  double value;   ///< the middle one of all rounds
  double spread;  ///< between the quarter and the three quarters of them
};

struct Figures {
  double p50, p99;  ///< nanoseconds
  double exits;     ///< to user space, each time
  std::uint64_t times;
};

struct Yardstick {
  Figures figures;
  Ratio ratio;  ///< of the row to it
};

struct Row {
  std::string name;
  Figures figures;
  std::optional<Yardstick> bare;
};

class Race {
 public:
  using Sample = std::function<Result<void>(Samples&)>;

  /// Who has `skip` in its name does not take part. Empty: all do.
  explicit Race(std::string skip = {}) : skip_(std::move(skip)) {}
  [[nodiscard]] bool skips(const std::string& name) const;

  void enter(std::string name, Sample sample, std::optional<Sample> bare = {});
  /// The first one's p50, divided by the second's. Both have entered.
  void compare(const std::string& name, const std::string& over);

  /// Every second round goes backwards, so that nobody always comes after the same. The first
  /// error ends it. EINVAL: all were skipped.
  [[nodiscard]] Result<void> run(unsigned rounds);

  [[nodiscard]] std::vector<Row> rows() const;
  /// Of what was to be compared.
  [[nodiscard]] std::vector<Ratio> ratios() const;

 private:
  struct Runner {
    Result<void> take_turn();
    [[nodiscard]] Figures figures() const;
    [[nodiscard]] Ratio over(const Runner& other, std::string name) const;
    Sample sample;
    Samples all{};
    std::vector<double> medians{};  // of each round
  };
  struct Contender {
    [[nodiscard]] Row row() const;
    std::string name;
    Runner ours;
    std::optional<Runner> bare;
  };
  [[nodiscard]] std::vector<Runner*> line_up();
  [[nodiscard]] const Contender& find(const std::string& name) const;

  std::string skip_;
  std::vector<Contender> contenders_;
  std::vector<std::pair<std::string, std::string>> comparisons_;
};

}  // namespace bellwire::bench
