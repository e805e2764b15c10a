// SPDX-License-Identifier: Apache-2.0
#include "oci/store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.hpp"

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

oci::Descriptor descriptor_of(std::string_view content) {
  return {.media_type = std::string(oci::media_type::kOciLayer),
          .digest = oci::Digest::of(content),
          .size = content.size(),
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

oci::Descriptor manifest_descriptor(std::string_view content) {
  auto descriptor = descriptor_of(content);
  descriptor.media_type = oci::media_type::kOciManifest;
  return descriptor;
}

base::ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::ErrorCode::kInternal;
}

class StoreTest : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path root() const { return folder_.path() / "store"; }
  [[nodiscard]] std::vector<std::filesystem::path> in(const char* part) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(root() / part)) {
      found.push_back(entry.path());
    }
    return found;
  }

  base::TempDir folder_{base::temp_root(), "store_test"};
};

}  // namespace

TEST_F(StoreTest, ReadsBackASmallBlob) {
  oci::Store store(root());

  const auto digest = store.put_blob("hello");

  EXPECT_EQ(store.read_blob(digest, 100), "hello");
  EXPECT_TRUE(store.contains(descriptor_of("hello")));
  EXPECT_EQ(store.read_blob(oci::Digest::of("other"), 100), std::nullopt);
}

TEST_F(StoreTest, Case245DropsACorruptBlobWhenItReadsIt) {
  oci::Store store(root());
  const auto digest = store.put_blob("hello");
  std::ofstream(store.blob_path(digest)) << "hellO";

  EXPECT_EQ(store.read_blob(digest, 100), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(store.blob_path(digest)));
}

TEST_F(StoreTest, RefusesABlobThatIsASymlink) {
  oci::Store store(root());
  const auto digest = oci::Digest::of("root:x:0:0");
  std::filesystem::create_symlink("/etc/passwd", store.blob_path(digest));

  EXPECT_EQ(code_of([&] { static_cast<void>(store.open_blob(digest)); }),
            base::ErrorCode::kIntegrity);
  EXPECT_EQ(code_of([&] { static_cast<void>(store.read_blob(digest, 1 << 20)); }),
            base::ErrorCode::kIntegrity);
  EXPECT_FALSE(store.contains(descriptor_of("root:x:0:0")));
}

TEST_F(StoreTest, Case238GoesOnFromWhatAKilledWriterLeft) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto writer = store.write_blob(blob, {});
    writer->write(bytes_of("01234"));
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);

  const auto writer = store.write_blob(blob, {});
  EXPECT_EQ(writer->offset(), 5U);
  writer->write(bytes_of("56789"));
  writer->commit();

  EXPECT_EQ(store.read_blob(blob.digest, 100), "0123456789");
}

TEST_F(StoreTest, RestartForgetsWhatWasThere) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  store.write_blob(blob, {})->write(bytes_of("xxxx"));

  const auto writer = store.write_blob(blob, {});
  EXPECT_EQ(writer->offset(), 4U);
  writer->restart();
  writer->write(bytes_of("0123456789"));
  writer->commit();

  EXPECT_TRUE(store.contains(blob));
}

TEST_F(StoreTest, NeverShowsABlobOfTheWrongContent) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  const auto writer = store.write_blob(blob, {});
  writer->write(bytes_of("012345678X"));

  EXPECT_EQ(code_of([&] { writer->commit(); }), base::ErrorCode::kIntegrity);
  EXPECT_FALSE(store.contains(blob));
  EXPECT_EQ(store.write_blob(blob, {})->offset(), 0U);
}

TEST_F(StoreTest, RefusesMoreBytesThanTheDescriptorSays) {
  oci::Store store(root());
  const auto writer = store.write_blob(descriptor_of("0123"), {});

  EXPECT_EQ(code_of([&] { writer->write(bytes_of("01234")); }), base::ErrorCode::kIntegrity);
}

TEST_F(StoreTest, RefusesFewerBytesThanTheDescriptorSays) {
  oci::Store store(root());
  const auto writer = store.write_blob(descriptor_of("0123"), {});
  writer->write(bytes_of("012"));

  EXPECT_EQ(code_of([&] { writer->commit(); }), base::ErrorCode::kIntegrity);
}

TEST_F(StoreTest, Case280SecondProcessWaitsForTheFirstAndFindsTheBlobComplete) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  const auto writer = store.write_blob(blob, {});
  const pid_t child = ::fork();
  if (child == 0) ::_exit(oci::Store(root()).write_blob(blob, {})->complete() ? 0 : 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << "it did not wait";

  writer->write(bytes_of("0123456789"));
  writer->commit();
  int status = -1;
  ::waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
}

TEST_F(StoreTest, Case280ManyProcessesWriteOneBlobOnce) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto writer = oci::Store(root()).write_blob(blob, {});
      if (writer->complete()) ::_exit(0);
      writer->write(bytes_of("0123456789"));
      writer->commit();
      ::_exit(1);
    }
    children.push_back(child);
  }
  int written = 0;
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    written += WEXITSTATUS(status);
  }

  EXPECT_EQ(written, 1);
  EXPECT_EQ(store.read_blob(blob.digest, 100), "0123456789");
}

TEST_F(StoreTest, Case283WaitingEndsWhenToldToStop) {
  oci::Store store(root());
  const auto blob = descriptor_of("0123456789");
  const auto writer = store.write_blob(blob, {});
  std::stop_source source;
  const std::jthread stopper([&source] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    source.request_stop();
  });

  EXPECT_EQ(code_of([&] { store.write_blob(blob, source.get_token()); }),
            base::ErrorCode::kInterrupted);
}

TEST_F(StoreTest, ANameMovesToTheLastManifestThatTookIt) {
  oci::Store store(root());
  store.tag("quay.io/a/b:1", manifest_descriptor("one"));
  store.tag("other", manifest_descriptor("one"));

  store.tag("quay.io/a/b:1", manifest_descriptor("two"));

  EXPECT_EQ(store.find("quay.io/a/b:1")->digest, oci::Digest::of("two"));
  EXPECT_EQ(store.find("other")->digest, oci::Digest::of("one"));
  EXPECT_FALSE(store.find("missing").has_value());
}

TEST_F(StoreTest, NamesOfManyProcessesAllStay) {
  oci::Store store(root());
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      oci::Store(root()).tag("name" + std::to_string(i), manifest_descriptor("x"));
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const auto child : children) ::waitpid(child, nullptr, 0);

  for (int i = 0; i < 8; ++i) EXPECT_TRUE(store.find("name" + std::to_string(i))) << i;
}

TEST_F(StoreTest, TwoEntriesOfOneNameAreAmbiguous) {
  oci::Store store(root());
  store.tag("a", manifest_descriptor("one"));
  store.tag("b", manifest_descriptor("two"));
  auto index = base::read_file(root() / "index.json", 10000);
  index.replace(index.find("\"b\""), 3, "\"a\"");
  base::write_file_atomically(root() / "index.json", index);

  EXPECT_EQ(code_of([&] { static_cast<void>(store.find("a")); }), base::ErrorCode::kIntegrity);
}

TEST_F(StoreTest, ResultsComeBackUntilTheirFileIsDamaged) {
  oci::Store store(root());
  const auto fingerprint = oci::Digest::of("stage");
  const nlohmann::json record = {{"files", {"a", "b"}}};
  store.put_result(fingerprint, record);
  EXPECT_EQ(store.result(fingerprint), record);
  EXPECT_EQ(store.result(oci::Digest::of("another")), std::nullopt);

  const auto path = in("results").at(0);
  auto text = base::read_file(path, 10000);
  text.replace(text.find("\"a\""), 3, "\"c\"");
  base::write_file_atomically(path, text);

  EXPECT_EQ(store.result(fingerprint), std::nullopt);
  EXPECT_TRUE(in("results").empty());
}

TEST_F(StoreTest, Case244Case282TemporaryFoldersOfADeadProcessAreSwept) {
  const pid_t child = ::fork();
  if (child == 0) {
    const oci::Store store(root());
    const auto folder = store.make_temp_dir("work");
    std::ofstream(folder.path() / "file") << "x";
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto left = in("tmp");
  EXPECT_TRUE(std::any_of(left.begin(), left.end(), [](const auto& path) {
    return path.filename().string().starts_with("session");
  }));

  const oci::Store alive(root());
  const auto mine = alive.make_temp_dir("mine");
  const oci::Store second(root());

  EXPECT_TRUE(std::filesystem::exists(mine.path())) << "a living session was swept";
  const auto now = in("tmp");
  EXPECT_EQ(std::count_if(
                now.begin(), now.end(),
                [](const auto& path) { return path.filename().string().starts_with("session"); }),
            2);
}

TEST_F(StoreTest, Case246RefusesAStoreOfAnotherVersion) {
  { const oci::Store store(root()); }
  base::write_file_atomically(root() / "osartifact-store", "99\n");

  EXPECT_EQ(code_of([&] { const oci::Store store(root()); }), base::ErrorCode::kManifest);
}

TEST_F(StoreTest, PruneKeepsWhatANameNeeds) {
  oci::Store store(root());
  const auto config = store.put_blob("config");
  const auto layer = store.put_blob("layer");
  const auto orphan = store.put_blob("orphan");
  const nlohmann::json manifest = {
      {"schemaVersion", 2},
      {"mediaType", oci::media_type::kOciManifest},
      {"config", {{"mediaType", "c"}, {"digest", config.text()}, {"size", 6}}},
      {"layers", {{{"mediaType", "l"}, {"digest", layer.text()}, {"size", 5}}}}};
  store.put_blob(manifest.dump());
  store.tag("kept", manifest_descriptor(manifest.dump()));
  store.write_blob(descriptor_of("unfinished"), {})->write(bytes_of("unf"));
  store.put_result(config, {{"a", 1}});

  const auto pruned = store.prune(false);

  EXPECT_EQ(pruned.items, 3U);  // The orphan, the partial blob, the result.
  EXPECT_TRUE(store.read_blob(layer, 10) && store.read_blob(config, 10));
  EXPECT_FALSE(store.read_blob(orphan, 10));
  EXPECT_EQ(store.usage().partial, 0U);

  store.prune(true);

  EXPECT_FALSE(store.read_blob(layer, 10));
  EXPECT_FALSE(store.find("kept"));
}

TEST_F(StoreTest, PruneIsRefusedWhileALeaseLives) {
  oci::Store store(root());
  {
    const auto lease = store.lease();
    EXPECT_EQ(code_of([&] { store.prune(false); }), base::ErrorCode::kIo);
  }
  EXPECT_NO_THROW(store.prune(false));
}

TEST_F(StoreTest, VerifyRemovesAndNamesWhatIsCorrupt) {
  oci::Store store(root());
  const auto good = store.put_blob("good");
  const auto bad = store.put_blob("bad!");
  std::ofstream(store.blob_path(bad)) << "evil";

  EXPECT_EQ(store.verify({}), std::vector{bad});
  EXPECT_TRUE(store.contains(descriptor_of("good")));
  EXPECT_FALSE(store.contains(descriptor_of("bad!")));
  EXPECT_TRUE(store.verify({}).empty());
}

TEST_F(StoreTest, UsageCountsEachPart) {
  oci::Store store(root());
  const auto before = store.usage();
  store.put_blob(std::string(100000, 'x'));
  store.write_blob(descriptor_of("unfinished"), {})->write(bytes_of("unf"));

  EXPECT_GE(store.usage().blobs, before.blobs + 100000);
  EXPECT_GT(store.usage().partial, 0U);
  EXPECT_EQ(before.partial, 0U);
}
