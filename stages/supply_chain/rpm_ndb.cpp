// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_ndb.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "stages/disk_bytes.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kSlotBytes = 16;
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kFileHeadBytes = 32;
constexpr std::size_t kBlobHeadBytes = 16;
constexpr std::size_t kBlobTailBytes = 12;

/// Where a header lies, in blocks.
struct Slot {
  std::uint64_t block;
  std::uint64_t blocks;
  std::uint64_t package;  ///< Its number.
};

void require(bool right, const char* problem) {
  if (!right) refuse_database(problem);
}

/// The slots in use, in the order of their blocks, none of which is in two of them.
std::vector<Slot> slots_of(std::string_view database) {
  require(database.starts_with("RpmP") && little_endian(database, 4, 4) == 0,
          "it is no ndb of version 0");
  const auto pages = little_endian(database, 12, 4);
  require(pages > 0 && pages <= database.size() / kPageBytes, "it ends within its slots");
  const auto table = database.substr(0, pages * kPageBytes);
  std::vector<Slot> slots;
  for (std::size_t at = kFileHeadBytes; at < table.size(); at += kSlotBytes) {
    require(table.substr(at, 4) == "Slot", "a slot is none");
    const Slot slot{.block = little_endian(table, at + 8, 4),
                    .blocks = little_endian(table, at + 12, 4),
                    .package = little_endian(table, at + 4, 4)};
    if (slot.block != 0) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end(),
            [](const Slot& left, const Slot& right) { return left.block < right.block; });
  auto free = pages * (kPageBytes / kBlockBytes);
  for (const auto& slot : slots) {
    require(slot.block >= free, "two slots overlap");
    free = slot.block + slot.blocks;
  }
  require(free <= database.size() / kBlockBytes, "a slot lies outside");
  return slots;
}

}  // namespace

void for_each_ndb_header(std::string_view database, const RpmHeaderVisitor& visit) {
  for (const auto& slot : slots_of(database)) {
    const auto blob = database.substr(slot.block * kBlockBytes, slot.blocks * kBlockBytes);
    const auto bytes = little_endian(blob, 12, 4);
    require(blob.starts_with("BlbS") && little_endian(blob, 4, 4) == slot.package &&
                (kBlobHeadBytes + bytes + kBlobTailBytes + kBlockBytes - 1) / kBlockBytes ==
                    slot.blocks,
            "a blob does not begin as its slot says");
    // The sum in front of these two is not looked at: rpm does not either when it reads.
    require(blob.ends_with("BlbE") && little_endian(blob, blob.size() - 8, 4) == bytes,
            "a blob does not end as it began");
    visit(blob.substr(kBlobHeadBytes, bytes));
  }
}

}  // namespace stages::supply_chain
