// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/stages/dockerfile/engine_fixture.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/files.hpp"
#include "oci/folder_attributes.hpp"
#include "oci/layout_index.hpp"
#include "oci/pull.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace tests {
namespace fs = std::filesystem;

EngineFixture::EngineFixture() {
  options_.dockerfile_name = "Dockerfile";
  options_.context = context_.path();
  options_.platform = {.os = "linux", .architecture = "amd64", .variant = ""};
  options_.may_mount = may_mount();
  put_image("base", [](nlohmann::json&) {});
}

bool EngineFixture::may_mount() {
  static const bool entered = ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return entered;
}

void EngineFixture::put_image(const std::string& name,
                              const std::function<void(nlohmann::json&)>& change) {
  const auto made = make_image(
      store_, {zoo_tar({folder("etc"), file("etc/passwd", "app:x:1000:1001::/home/app:/bin/sh\n"),
                        folder("old"), file("old/x", "x")})});
  auto config =
      nlohmann::json::parse(store_.read_blob(made.manifest.config.digest, 1U << 20).value());
  change(config);
  auto manifest = nlohmann::json::parse(store_.read_blob(made.descriptor.digest, 1U << 20).value());
  const auto text = config.dump();
  manifest["config"]["digest"] = store_.put_blob(text).text();
  manifest["config"]["size"] = text.size();
  auto descriptor = made.descriptor;
  const auto document = manifest.dump();
  descriptor.digest = store_.put_blob(document);
  descriptor.size = document.size();
  store_.tag("docker.io/library/" + name + ":latest", descriptor);
}

oci::Descriptor EngineFixture::build(const std::string& dockerfile) {
  options_.dockerfile = dockerfile;
  const stages::dockerfile::NativeEngine engine(
      [this] { return std::make_unique<BorrowedRunner>(runner_); });
  return engine.build({.store = store_,
                       .registry = nullptr,
                       .process = process_,
                       .observer = observer_,
                       .stop = stop_.get_token()},
                      options_);
}

base::Error EngineFixture::error_of(const std::string& dockerfile) {
  try {
    build(dockerfile);
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::Error({});
}

nlohmann::json EngineFixture::config_of(const oci::Descriptor& image) const {
  const auto manifest = oci::read_manifest(store_, image);
  return nlohmann::json::parse(store_.read_blob(manifest.config.digest, 1U << 20).value());
}

std::vector<std::string> EngineFixture::history_of(const oci::Descriptor& image) const {
  std::vector<std::string> texts;
  const auto config = config_of(image);
  for (const auto& entry : config["history"]) {
    if (entry.value("comment", "") != "a layer of the base image")
      texts.push_back(entry["created_by"]);
  }
  return texts;
}

fs::path EngineFixture::unpack(const oci::Descriptor& image) {
  static int count = 0;
  const auto manifest = oci::read_manifest(store_, image);
  const auto root = folder_.path() / ("unpacked-" + std::to_string(++count));
  oci::make_root_folder(root);
  oci::unpack_into(store_, manifest, oci::read_config(store_, manifest), root,
                   {.options = {}, .progress = {}, .warn = {}, .stop = {}});
  return root;
}

bool EngineFixture::store_holds(const std::string& text) const {
  for (const auto& entry : fs::recursive_directory_iterator(store_.root())) {
    if (entry.path().string().find(text) != std::string::npos) return true;
    if (!entry.is_regular_file()) continue;
    if (base::read_file(entry.path(), 1U << 28).find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace tests
