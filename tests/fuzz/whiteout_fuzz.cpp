// SPDX-License-Identifier: Apache-2.0
// Layers made of a few names, folders, links and whiteouts, three bytes to an entry. Nothing of
// them leaves the root, and where the whiteouts of a layer stand in it makes no difference: they
// hide what is below, and never what the layer has itself. Not so with symlinks, which entries
// before their whiteout were written through and entries after it were not. Source: OCI image-spec,
// layer.md, "Whiteouts".
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tests/fuzz/hostile_root.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

constexpr std::array<const char*, 4> kNames = {"a", "b", "c", "d"};
constexpr std::size_t kMaxEntries = 24;
constexpr std::uint8_t kNextLayer = 0xff;

/// One to three names, by the bits of `byte`.
std::string path_of(std::uint8_t byte) {
  std::string path = kNames[byte & 3U];
  if ((byte & 0x40U) != 0) path += std::string("/") + kNames[(byte >> 2U) & 3U];
  if ((byte & 0x80U) != 0) path += std::string("/") + kNames[(byte >> 4U) & 3U];
  return path;
}

bool is_whiteout(const tests::ZooEntry& entry) {
  return entry.name.find(".wh.") != std::string::npos;
}

std::string hiding(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto parent = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return parent + ".wh." + path.substr(parent.size());
}

tests::ZooEntry entry_of(std::span<const std::uint8_t> bytes) {
  const auto path = path_of(bytes[1]);
  switch (bytes[0] % 8) {
    case 0:
    case 1:
      return tests::file(path, std::string(1, static_cast<char>('0' + bytes[2] % 10)));
    case 2:
      return tests::folder(path);
    case 3:
      return tests::soft_link(path, (bytes[2] & 8U ? "/" : "") + path_of(bytes[2]));
    case 4:
      return tests::soft_link(path, "../../outside/" + path_of(bytes[2]));
    case 5:
    case 6:
      return tests::file(hiding(path), "");
    default:
      return tests::file(path + "/.wh..wh..opq", "");
  }
}

std::vector<std::vector<tests::ZooEntry>> layers_of(std::span<const std::uint8_t> data) {
  std::vector<std::vector<tests::ZooEntry>> layers(1);
  std::size_t entries = 0;
  while (data.size() >= 3 && entries++ < kMaxEntries) {
    if (data[0] == kNextLayer && layers.size() < 3) {
      layers.emplace_back();
      data = data.subspan(1);
      continue;
    }
    layers.back().push_back(entry_of(data));
    data = data.subspan(3);
  }
  return layers;
}

struct Outcome {
  bool taken = true;
  std::string tree;
};

Outcome apply(const std::vector<std::vector<tests::ZooEntry>>& layers) {
  tests::HostileRoot root(/*keep_owners=*/true);
  for (const auto& layer : layers) {
    if (!root.apply(tests::zoo_tar(layer))) return {.taken = false, .tree = {}};
  }
  return {.taken = true, .tree = tests::list_tree(root.path(), /*with_times=*/false)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto layers = layers_of({data, size});
  const auto as_it_is = apply(layers);
  if (as_it_is.tree.find(".wh.") != std::string::npos) std::abort();
  const bool has_symlinks = std::any_of(layers.begin(), layers.end(), [](const auto& layer) {
    return std::any_of(layer.begin(), layer.end(),
                       [](const auto& entry) { return entry.type == '2'; });
  });
  if (has_symlinks) return 0;
  for (auto& layer : layers) {
    std::stable_partition(layer.begin(), layer.end(), &is_whiteout);
  }
  const auto whiteouts_first = apply(layers);
  for (auto& layer : layers) {
    std::stable_partition(layer.begin(), layer.end(),
                          [](const auto& entry) { return !is_whiteout(entry); });
  }
  const auto whiteouts_last = apply(layers);
  for (const auto* other : {&whiteouts_first, &whiteouts_last}) {
    const bool both = as_it_is.taken && other->taken;
    if (!both || other->tree == as_it_is.tree) continue;
    std::fprintf(stderr, "%s--\n%s", as_it_is.tree.c_str(), other->tree.c_str());
    std::abort();
  }
  return 0;
}
