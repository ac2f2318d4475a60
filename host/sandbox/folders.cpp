// SPDX-License-Identifier: BSD-3-Clause
#include "host/sandbox/folders.hpp"

#include <algorithm>
#include <tuple>

namespace bellwire::host {
namespace {

namespace fs = std::filesystem;

// Read by the program, or by what it is linked with: descriptors and memory; an end for output; the
// time of a day.
constexpr const char* of_every_program[] = {"/proc", "/dev/null", "/etc/localtime"};

void add(std::vector<KeptPath>& kept, const fs::path& path, bool writable) {
  std::error_code error;
  if (fs::exists(path, error)) kept.push_back({path, writable});
}

// A path without symbolic links; as it is, if there is none.
fs::path real(const fs::path& path) {
  std::error_code error;
  auto found = fs::canonical(path, error);
  return error ? path : found;
}

// The folder that the path is in, or else the next one above that exists: what is missing may be
// made later, by whoever serves the socket that is waited for.
fs::path next_folder(const fs::path& path) {
  std::error_code error;
  auto folder = path.parent_path();
  while (folder.has_relative_path() && !fs::exists(folder, error)) folder = folder.parent_path();
  return folder;
}

bool is_within(const fs::path& path, const fs::path& folder) {
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

}  // namespace

std::vector<KeptPath> kept_paths(const SandboxNeeds& needs, const fs::path& here) {
  std::vector<KeptPath> all;
  for (const auto& name : needs.made) {
    const auto path = (here / name).lexically_normal();
    add(all, next_folder(path), true);
    add(all, real(next_folder(path)), true);
    add(all, next_folder(real(path)), true);  // a link to a socket elsewhere
  }
  for (const auto& name : needs.opened) add(all, (here / name).lexically_normal(), true);
  if (needs.kvm) add(all, "/dev/kvm", true);
  for (const auto* const path : of_every_program) add(all, path, false);
  std::ranges::stable_sort(all, {}, [](const KeptPath& each) {
    return std::tuple(std::distance(each.path.begin(), each.path.end()), each.path, !each.writable);
  });
  std::vector<KeptPath> kept;
  for (auto& each : all)
    if (std::ranges::none_of(kept, [&](const KeptPath& outer) {
          return is_within(each.path, outer.path) && (outer.writable || !each.writable);
        }))
      kept.push_back(std::move(each));
  return kept;
}

}  // namespace bellwire::host
