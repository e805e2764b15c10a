// SPDX-License-Identifier: Apache-2.0
// What skopeo and umoci make of our files, and we of theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "oci/image_files.hpp"
#include "oci/snapshots.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

using testing::HasSubstr;
using tests::file;
using tests::folder;
using tests::zoo_tar;

class OciPeersTest : public testing::Test {
 protected:
  std::string run(const std::string& program, std::vector<std::string> arguments) {
    base::SystemProcessRunner runner;
    const auto result = base::run_or_throw(runner,
                                           {.program = program,
                                            .arguments = std::move(arguments),
                                            .environment = {},
                                            .working_directory = folder_.path(),
                                            .input = {}},
                                           base::ErrorCode::kArtifactTool, {}, {});
    return result.standard_output;
  }
  static bool missing(const std::string& program) { return !base::find_program(program); }
  [[nodiscard]] std::string in_folder(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  base::TempDir folder_{base::temp_root(), "oci_peers_test"};
  oci::Store store_{folder_.path() / "store"};
  tests::MadeImage image_ = tests::make_image(
      store_, {zoo_tar({folder("./"), folder("etc"), file("etc/passwd", "root"), folder("usr"),
                        folder("usr/lib"), file("usr/lib/a"), tests::soft_link("lib", "usr/lib"),
                        tests::soft_link("etc/up", "../../../tmp/x"),
                        tests::hardlink("etc/shadow", "etc/passwd"), tests::device("null", 1, 3),
                        folder("gone"), file("gone/x"), folder("opaque"), file("opaque/x")}),
               zoo_tar({folder("./"),
                        file(".wh.gone", ""),
                        folder("opaque"),
                        file("opaque/.wh..wh..opq", ""),
                        file("opaque/y"),
                        folder("usr"),
                        folder("usr/lib"),
                        file("usr/lib/.wh.a", ""),
                        {.name = "suid",
                         .content = "x",
                         .mode = 06755,
                         .uid = 3,
                         .gid = 4,
                         .pax = {{"SCHILY.xattr.user.note", "v"}}}})});
};

}  // namespace

TEST_F(OciPeersTest, SkopeoReadsTheStore) {
  if (missing("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  store_.tag("quay.io/a/b:1", image_.descriptor);

  const auto seen = run("skopeo", {"inspect", "oci:" + in_folder("store") + ":quay.io/a/b:1"});

  EXPECT_THAT(seen, HasSubstr(image_.manifest.layers[1].digest.text()));
}

TEST_F(OciPeersTest, SkopeoReadsWhatWeWriteAndWeWhatItWrites) {
  if (missing("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  for (const std::string format : {"oci", "oci-archive", "docker-archive"}) {
    SCOPED_TRACE(format);
    const auto ours = format + ":" + in_folder("ours-" + format) + ":quay.io/a/b:1";
    const auto theirs = format + ":" + in_folder("theirs-" + format) + ":quay.io/a/b:1";
    oci::export_image(store_, image_.descriptor, *oci::ImageLocation::parse(ours), {});

    run("skopeo", {"--insecure-policy", "copy", ours, theirs});

    oci::Store other(folder_.path() / ("other-" + format));
    const auto found = oci::import_image(other, *oci::ImageLocation::parse(theirs),
                                         oci::Platform::parse("amd64"), {});
    const auto manifest = oci::parse_manifest(*other.read_blob(found.digest, 1 << 20), "", "it");
    EXPECT_EQ(manifest.config.digest, image_.manifest.config.digest);
    EXPECT_EQ(manifest.layers.size(), 2U);
  }
}

TEST_F(OciPeersTest, UmociUnpacksTheSameTree) {
  if (missing("umoci")) GTEST_SKIP() << "umoci is not installed";
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  oci::export_image(store_, image_.descriptor,
                    *oci::ImageLocation::parse("oci:" + in_folder("layout") + ":t"), {});
  run("umoci", {"raw", "unpack", "--image", in_folder("layout") + ":t", in_folder("rootfs")});

  const auto tree =
      oci::unpack_image(store_, image_.manifest, image_.config, oci::SnapshotKind::kDirectory,
                        {.options = {}, .progress = {}, .warn = {}, .stop = {}});

  EXPECT_EQ(tests::list_tree(tree.path()), tests::list_tree(in_folder("rootfs")));
}
