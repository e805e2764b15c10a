// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/snapshots.hpp"
#include "oci/store.hpp"
#include "stages/dockerfile/native_engine.hpp"
#include "tests/support/fake_runner.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace tests {

/// Keeps what a stage says.
class RecordingObserver final : public stages::StageObserver {
 public:
  void progress(std::uint64_t /*done*/, std::uint64_t /*total*/) override {}
  void fact(std::string_view text) override { add(facts, text); }
  void warning(std::string_view text) override { add(warnings, text); }
  std::vector<std::string> facts;
  std::vector<std::string> warnings;

 private:
  void add(std::vector<std::string>& list, std::string_view text) {
    const std::lock_guard lock(mutex_);
    list.emplace_back(text);
  }
  std::mutex mutex_;
};

/// Builds Dockerfiles with a fake runner in a store of its own, in which the image "base" is:
/// /etc/passwd (with a user app, 1000:1001) and /old/x.
class EngineFixture : public testing::Test {
 protected:
  EngineFixture();

  /// Whether overlays can be tried; enters a mount namespace once.
  static bool may_mount();
  /// The base image's config gets what `change` does to it. Its name in the store is NAME:latest.
  void put_image(const std::string& name, const std::function<void(nlohmann::json&)>& change);

  oci::Descriptor build(const std::string& dockerfile);
  /// The error that building throws.
  base::Error error_of(const std::string& dockerfile);
  /// The whole config document of an image.
  [[nodiscard]] nlohmann::json config_of(const oci::Descriptor& image) const;
  /// "created_by" of its history, without that of the base image.
  [[nodiscard]] std::vector<std::string> history_of(const oci::Descriptor& image) const;
  /// Unpacks it; the folder goes with the fixture.
  std::filesystem::path unpack(const oci::Descriptor& image);
  /// Whether `text` is in any file of the store.
  [[nodiscard]] bool store_holds(const std::string& text) const;

  base::TempDir folder_{base::temp_root(), "engine"};
  oci::Store store_{folder_.path() / "store"};
  TempTree context_;
  FakeRunner runner_;
  RecordingObserver observer_;
  stages::ImageBuild options_;
  base::SystemProcessRunner process_;
  std::stop_source stop_;
};

}  // namespace tests
