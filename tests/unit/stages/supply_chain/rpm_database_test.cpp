// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/handle.hpp"
#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/supply_chain/rpm_header.hpp"
#include "stages/supply_chain/rpm_sqlite.hpp"
#include "stages/supply_chain/spdx.hpp"

namespace stages::supply_chain {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kMaxFileBytes = 16U << 20U;
constexpr std::size_t kNdbPageBytes = 4096;
constexpr std::size_t kPageBytes = 512;  // Of the databases that are made to lie.

// A source package with two packages, and one of the name that rpm gives to keys.
constexpr std::string_view kSpec = R"(Name: demo
Epoch: 2
Version: 1.0~rc1
Release: 3
Summary: A demonstration
License: MIT AND Apache-2.0
Vendor: Example
BuildArch: noarch
%description
%files
%package -n demo-libs
Version: 2.0^git
Epoch: 0
Summary: Another
%description -n demo-libs
%files -n demo-libs
%package -n gpg-pubkey
Summary: A key
%description -n gpg-pubkey
%files -n gpg-pubkey
)";

/// The database that rpm itself makes of them.
std::string made_by_rpm() {
  const base::TempDir folder(base::temp_root(), "rpm");
  const auto top = folder.path().string();
  std::ofstream(folder.path() / "demo.spec") << kSpec;
  base::SystemProcessRunner runner;
  const auto run = [&](const char* program, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--define", "_db_backend sqlite", "--dbpath", top});
    base::run_or_throw(runner,
                       {.program = base::require_program(program, "rpm"),
                        .arguments = std::move(arguments),
                        .environment = {"HOME=" + top},
                        .working_directory = folder.path(),
                        .input = ""},
                       base::ErrorCode::kInternal, {}, {});
  };
  run("rpmbuild", {"-bb", "--define", "_topdir " + top, "demo.spec"});
  std::vector<std::string> install = {"-i", "--justdb", "--nodeps"};
  for (const auto& file : std::filesystem::directory_iterator(folder.path() / "RPMS/noarch")) {
    install.push_back(file.path());
  }
  run("rpm", install);
  return base::read_file(folder.path() / "rpmdb.sqlite", kMaxFileBytes);
}

/// Headers as a Packages.db has them: a page of slots, then the blobs, whose sums are left out.
/// Source: rpm, lib/backend/ndb/rpmpkg.c.
std::string ndb_of(const std::vector<std::string>& headers) {
  constexpr std::size_t kBlock = 16;
  const auto number = [](std::size_t value) { return little_endian_bytes(value, 4); };
  std::string slots = "RpmP" + number(0) + number(1) + number(1) + number(headers.size() + 1);
  slots.resize(32, '\0');
  std::string blobs;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto size = headers[i].size();
    const auto blocks = (16 + size + 12 + kBlock - 1) / kBlock;
    slots +=
        "Slot" + number(i + 1) + number((kNdbPageBytes + blobs.size()) / kBlock) + number(blocks);
    auto blob = "BlbS" + number(i + 1) + number(1) + number(size) + headers[i];
    blob.resize(blocks * kBlock - 12, '\0');
    blobs += blob + number(0) + number(size) + "BlbE";
  }
  while (slots.size() < kNdbPageBytes) slots += "Slot" + number(0) + number(0) + number(0);
  return slots + blobs;
}

/// A database that SQLite makes of statements.
std::string made_by_sqlite(const char* statements) {
  const base::TempDir folder(base::temp_root(), "sqlite");
  const auto file = folder.path() / "rpmdb.sqlite";
  ::sqlite3* opened = nullptr;
  EXPECT_EQ(::sqlite3_open(file.c_str(), &opened), SQLITE_OK);
  base::Handle<::sqlite3, &::sqlite3_close> connection(opened);
  EXPECT_EQ(::sqlite3_exec(opened, statements, nullptr, nullptr, nullptr), SQLITE_OK)
      << ::sqlite3_errmsg(opened);
  connection.reset();
  return base::read_file(file, kMaxFileBytes);
}

class RpmDatabase : public testing::Test {
 protected:
  static void SetUpTestSuite() { sqlite_ = new std::string(made_by_rpm()); }
  static void TearDownTestSuite() { delete std::exchange(sqlite_, nullptr); }

  void write(const std::filesystem::path& path, std::string_view bytes) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::ofstream(root_.path() / path, std::ios::binary) << bytes;
  }
  [[nodiscard]] SystemContents read() const {
    SystemContents contents;
    read_rpm(RootTree(root_.path()), contents);
    return contents;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& package : read().packages) names.push_back(package.name);
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Why it is not read; empty when it is.
  std::string problem_of(const char* file, std::string_view bytes) {
    write(std::filesystem::path("var/lib/rpm") / file, bytes);
    const auto unread = read().unread;
    return unread.empty() ? "" : unread.at(0).reason;
  }
  void expect_the_packages_of_demo() {
    auto contents = contents_of(RootTree(root_.path()));
    EXPECT_THAT(contents.unread, IsEmpty());
    ASSERT_EQ(contents.packages.size(), 2U);
    const auto& demo = contents.packages[0];
    EXPECT_EQ(demo.name, "demo");
    EXPECT_EQ(demo.version, "2:1.0~rc1-3");
    EXPECT_EQ(demo.architecture, "noarch");
    EXPECT_EQ(demo.source, "");
    EXPECT_EQ(demo.supplier, "Example");
    EXPECT_EQ(demo.license, "MIT AND Apache-2.0");
    const auto& libs = contents.packages[1];
    EXPECT_EQ(libs.name, "demo-libs");
    EXPECT_EQ(libs.source, "demo-1.0~rc1-3.src.rpm");
    EXPECT_EQ(package_url(libs, contents), "pkg:rpm/demo-libs@2.0%5Egit-3?arch=noarch&epoch=0");
    contents.id = "fedora";
    contents.version = "40";
    EXPECT_EQ(package_url(demo, contents),
              "pkg:rpm/fedora/demo@1.0~rc1-3?arch=noarch&distro=fedora-40&epoch=2");
  }
  /// The same headers, the key first.
  static std::string ndb() {
    std::vector<std::string> headers;
    auto sqlite = *sqlite_;
    for_each_sqlite_header(sqlite, [&](std::string_view header) {
      const bool is_key = !package_of_rpm_header(header);
      headers.emplace(is_key ? headers.begin() : headers.end(), header);
    });
    return ndb_of(headers);
  }

  static inline std::string* sqlite_ = nullptr;
  base::TempDir root_{base::temp_root(), "packages"};
};

TEST_F(RpmDatabase, OfSqliteHasPackagesAndNoKeys) {
  write("usr/lib/sysimage/rpm/rpmdb.sqlite", *sqlite_);

  expect_the_packages_of_demo();
}

TEST_F(RpmDatabase, OfNdbHasPackagesAndNoKeys) {
  write("usr/lib/sysimage/rpm/Packages.db", ndb());

  expect_the_packages_of_demo();
}

TEST_F(RpmDatabase, IsReadOnceAndNothingIsWritten) {
  write("usr/lib/sysimage/rpm/rpmdb.sqlite", *sqlite_);
  std::filesystem::create_directories(root_.path() / "var/lib");
  std::filesystem::create_directory_symlink("../../usr/lib/sysimage/rpm",
                                            root_.path() / "var/lib/rpm");

  EXPECT_EQ(read().packages.size(), 2U);
  const auto folder = root_.path() / "usr/lib/sysimage/rpm";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_EQ(base::read_file(folder / "rpmdb.sqlite", kMaxFileBytes), *sqlite_);
}

TEST_F(RpmDatabase, ALinkOutOfTheTreeLeadsNowhere) {
  const base::TempDir outside(base::temp_root(), "outside");
  std::ofstream(outside.path() / "rpmdb.sqlite", std::ios::binary) << *sqlite_;
  std::filesystem::create_directories(root_.path() / "var/lib");
  std::filesystem::create_directory_symlink(outside.path(), root_.path() / "var/lib/rpm");

  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(RpmDatabase, OfBerkeleyDbIsToldOf) {
  EXPECT_EQ(problem_of("Packages", "anything"), "it is of Berkeley DB");
}

TEST_F(RpmDatabase, ALogThatWasNotFinishedIsToldOf) {
  write("var/lib/rpm/rpmdb.sqlite", *sqlite_);
  EXPECT_THAT(problem_of("rpmdb.sqlite-wal", "anything"), HasSubstr("log of changes"));
  EXPECT_EQ(names().size(), 2U);

  EXPECT_EQ(problem_of("rpmdb.sqlite-wal", ""), "");
}

TEST_F(RpmDatabase, OneBadHeaderCostsNoOther) {
  auto bytes = ndb();
  // The first header: behind the slots and the head of its blob. It says that it has more entries.
  bytes[kNdbPageBytes + 16] = '\x7f';

  EXPECT_EQ(problem_of("Packages.db", bytes), "a header has another size than it says");
  EXPECT_THAT(names(), ElementsAre("demo", "demo-libs"));  // The first is the key.
}

TEST_F(RpmDatabase, AnythingCutOffIsRefused) {
  const auto whole = ndb();
  for (std::size_t size = 1; size < whole.size(); size += 61) {
    EXPECT_NE(problem_of("Packages.db", std::string_view(whole).substr(0, size)), "") << size;
    EXPECT_NE(problem_of("rpmdb.sqlite", std::string_view(*sqlite_).substr(0, size)), "") << size;
    std::filesystem::remove(root_.path() / "var/lib/rpm/rpmdb.sqlite");
  }
}

TEST_F(RpmDatabase, SlotsThatLieAreRefused) {
  const auto first_blob_end = kNdbPageBytes + little_endian(ndb(), 44, 4) * 16;
  struct {
    std::size_t at;
    std::uint64_t value;
    const char* problem;
  } const cases[] = {
      {0, 0, "it is no ndb of version 0"},
      {4, 1, "it is no ndb of version 0"},
      {12, 0, "it ends within its slots"},
      {12, 0xffffffff, "it ends within its slots"},
      {12, 2, "a slot is none"},
      {32, 0, "a slot is none"},
      {36, 9, "a blob does not begin as its slot says"},
      {40, 1, "two slots overlap"},
      {40, 0xffffffff, "a slot lies outside"},
      {44, 0xffffffff, "two slots overlap"},
      {44, 0, "a blob does not begin as its slot says"},
      {76, 0xffffffff, "a slot lies outside"},
      {kNdbPageBytes, 0, "a blob does not begin as its slot says"},
      {kNdbPageBytes + 12, 0xffffffff, "a blob does not begin as its slot says"},
      {first_blob_end - 8, 1, "a blob does not end as it began"},
      {first_blob_end - 4, 0, "a blob does not end as it began"},
  };
  for (const auto& [at, value, problem] : cases) {
    auto bytes = ndb();
    bytes.replace(at, 4, little_endian_bytes(value, 4));
    EXPECT_EQ(problem_of("Packages.db", bytes), problem) << at;
  }
}

TEST_F(RpmDatabase, SqliteThatIsNoneOrHasOtherTablesIsRefused) {
  EXPECT_EQ(problem_of("rpmdb.sqlite", "SQLite format 3"),
            "it is shorter than the head of a database");
  EXPECT_EQ(problem_of("rpmdb.sqlite", std::string(4096, 'x')),
            "SQLite says: file is not a database");
  EXPECT_EQ(problem_of("rpmdb.sqlite", made_by_sqlite("CREATE TABLE other (blob BLOB)")),
            "SQLite says: SQL logic error");
  EXPECT_EQ(problem_of("rpmdb.sqlite", made_by_sqlite("CREATE TABLE Packages (blob BLOB);"
                                                      "INSERT INTO Packages VALUES ('text')")),
            "a row of it has no header");
  EXPECT_EQ(problem_of("rpmdb.sqlite", made_by_sqlite("CREATE TABLE Packages (blob BLOB);"
                                                      "INSERT INTO Packages VALUES (x'')")),
            "a header has another size than it says");
}

TEST_F(RpmDatabase, AViewThatComputesForEverIsRefused) {
  EXPECT_EQ(problem_of("rpmdb.sqlite",
                       made_by_sqlite("CREATE VIEW Packages AS WITH RECURSIVE c(n) AS (SELECT 1 "
                                      "UNION ALL SELECT n FROM c) SELECT n AS blob FROM c")),
            "SQLite says: SQL logic error");
}

TEST_F(RpmDatabase, AColumnThatIsComputedEndsToo) {
  EXPECT_EQ(problem_of("rpmdb.sqlite",
                       made_by_sqlite("CREATE TABLE Packages (n, blob AS (zeroblob(n)));"
                                      "INSERT INTO Packages (n) VALUES (1000000), (1000000)")),
            "rows of it overlap");
}

/// Makes all children of an inner page of a table the page of that number.
void set_children(std::string& bytes, std::size_t page, std::uint32_t child) {
  const auto at = (page - 1) * kPageBytes;
  std::string number;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) number += static_cast<char>(child >> shift);
  ASSERT_EQ(bytes[at], 5) << "it is no inner page";
  for (std::size_t cell = 0; cell < big_endian(bytes, at + 3, 2); ++cell) {
    bytes.replace(at + big_endian(bytes, at + 12 + 2 * cell, 2), 4, number);
  }
  bytes.replace(at + 8, 4, number);
}

TEST_F(RpmDatabase, PagesThatLeadToThemselvesAreRefused) {
  auto bytes = made_by_sqlite(
      "PRAGMA page_size = 512; CREATE TABLE Packages (blob BLOB);"
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200)"
      "INSERT INTO Packages SELECT randomblob(60) FROM c");
  set_children(bytes, 2, 2);

  EXPECT_EQ(problem_of("rpmdb.sqlite", bytes), "SQLite says: database disk image is malformed");
}

TEST_F(RpmDatabase, PagesThatLeadToTheSameForEverAreLeft) {
  // Ten inner pages of which each has dozens of times the next, and rows that hold nothing.
  constexpr std::uint32_t kSpare = 9;
  auto bytes = made_by_sqlite(
      "PRAGMA page_size = 512; CREATE TABLE Packages (blob BLOB);"
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)"
      "INSERT INTO Packages SELECT x'' FROM c;"
      "CREATE TABLE spare (blob BLOB); INSERT INTO spare VALUES (zeroblob(5000))");
  const auto pages = static_cast<std::uint32_t>(bytes.size() / kPageBytes);
  const auto leaf = static_cast<std::uint32_t>(big_endian(bytes, kPageBytes + 8, 4));
  const auto inner = bytes.substr(kPageBytes, kPageBytes);
  for (auto page = pages - kSpare + 1; page <= pages; ++page) {
    bytes.replace((page - 1) * kPageBytes, kPageBytes, inner);
    set_children(bytes, page, page == pages ? leaf : page + 1);
  }
  set_children(bytes, 2, pages - kSpare + 1);

  EXPECT_EQ(problem_of("rpmdb.sqlite", bytes), "SQLite says: interrupted");
}

}  // namespace
}  // namespace stages::supply_chain
