// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_header.hpp"

#include <fmt/format.h>

#include <map>
#include <string>

#include "base/error.hpp"
#include "stages/disk_bytes.hpp"

namespace stages::supply_chain {
namespace {

constexpr std::size_t kCountsBytes = 8;
constexpr std::size_t kEntryBytes = 16;
// The bounds of rpm itself.
constexpr std::uint64_t kMaxEntries = 0xffff;
constexpr std::uint64_t kMaxStoreBytes = 0x0fffffff;
// Ours: no text of these is longer, also no license.
constexpr std::size_t kMaxTextBytes = 64U << 10U;

constexpr std::uint64_t kInt32 = 4;
constexpr std::uint64_t kString = 6;

/// Source: rpm, rpmtag.h.
enum Tag : std::uint64_t {
  kName = 1000,
  kVersion = 1001,
  kRelease = 1002,
  kEpoch = 1003,
  kVendor = 1011,
  kLicense = 1014,
  kPackager = 1015,
  kArch = 1022,
  kSourceRpm = 1044,
};

/// Index and store of a header.
class Tags {
 public:
  explicit Tags(std::string_view header) {
    const auto entries = big_endian(header, 0, 4);
    const auto bytes = big_endian(header, 4, 4);
    if (header.size() < kCountsBytes || entries > kMaxEntries || bytes > kMaxStoreBytes ||
        header.size() != kCountsBytes + entries * kEntryBytes + bytes) {
      refuse_database("a header has another size than it says");
    }
    const auto index = header.substr(kCountsBytes, entries * kEntryBytes);
    store_ = header.substr(kCountsBytes + index.size());
    for (std::size_t at = 0; at < index.size(); at += kEntryBytes) {
      // What was added when it was installed comes last and replaces what the package had.
      entries_[big_endian(index, at, 4)] = index.substr(at, kEntryBytes);
    }
  }

  /// Empty when there is none.
  [[nodiscard]] std::string text(Tag tag) const {
    const auto rest = value(tag, kString);
    if (!rest) return "";
    const auto end = rest->substr(0, kMaxTextBytes).find('\0');
    if (end == std::string_view::npos)
      refuse_database(fmt::format("tag {} of a header has no end", +tag));
    return std::string(rest->substr(0, end));
  }

  [[nodiscard]] std::optional<std::uint64_t> number(Tag tag) const {
    const auto rest = value(tag, kInt32);
    if (!rest) return std::nullopt;
    if (rest->size() < 4) refuse_database(fmt::format("tag {} of a header has no end", +tag));
    return big_endian(*rest, 0, 4);
  }

 private:
  /// The store from where the value begins.
  [[nodiscard]] std::optional<std::string_view> value(Tag tag, std::uint64_t type) const {
    const auto found = entries_.find(tag);
    if (found == entries_.end()) return std::nullopt;
    const auto offset = big_endian(found->second, 8, 4);
    if (big_endian(found->second, 4, 4) != type || big_endian(found->second, 12, 4) != 1) {
      refuse_database(fmt::format("tag {} of a header has another type", +tag));
    }
    if (offset >= store_.size())
      refuse_database(fmt::format("tag {} of a header lies outside", +tag));
    return store_.substr(offset);
  }

  std::map<std::uint64_t, std::string_view> entries_;
  std::string_view store_;
};

}  // namespace

void refuse_database(std::string what) {
  throw base::Error(
      {.code = base::ErrorCode::kIntegrity, .what = std::move(what), .why = "", .hint = ""});
}

std::optional<InstalledPackage> package_of_rpm_header(std::string_view header) {
  const Tags tags(header);
  InstalledPackage package{.type = "rpm",
                           .name = tags.text(kName),
                           .version = tags.text(kVersion) + "-" + tags.text(kRelease),
                           .architecture = tags.text(kArch),
                           .source = tags.text(kSourceRpm),
                           .supplier = tags.text(kVendor),
                           .license = tags.text(kLicense)};
  if (package.name == "gpg-pubkey") return std::nullopt;
  if (package.name.empty() || package.version.starts_with('-') || package.version.ends_with('-')) {
    refuse_database("a header has no name, version or release");
  }
  const auto own = fmt::format("{}-{}.", package.name, package.version);
  if (package.source == own + "src.rpm" || package.source == own + "nosrc.rpm") {
    package.source.clear();
  }
  if (package.supplier.empty()) package.supplier = tags.text(kPackager);
  if (const auto epoch = tags.number(kEpoch)) {
    package.version = fmt::format("{}:{}", *epoch, package.version);
  }
  return package;
}

}  // namespace stages::supply_chain
