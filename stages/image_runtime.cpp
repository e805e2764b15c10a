// SPDX-License-Identifier: Apache-2.0
#include "stages/image_runtime.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "oci/json.hpp"

namespace stages {
namespace {

std::vector<std::string> texts_of(const nlohmann::json& config, const char* key) {
  std::vector<std::string> texts;
  const auto found = config.find(key);
  if (found == config.end() || !found->is_array()) return texts;
  for (const auto& text : *found) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::string text_of(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

ImageRuntime read_image_runtime(const oci::Store& store, const oci::Manifest& manifest) {
  const auto text = store.read_blob(manifest.config.digest, oci::kMaxConfigBytes);
  if (!text) {
    throw base::Error(
        {.code = base::ErrorCode::kNotFound,
         .what = fmt::format("the config {} is not in the store", manifest.config.digest.text()),
         .why = "",
         .hint = ""});
  }
  const auto document = oci::parse_json(*text, manifest.config.digest.text());
  const auto found = document.find("config");
  if (found == document.end() || !found->is_object()) return {};
  return {.environment = texts_of(*found, "Env"),
          .entrypoint = texts_of(*found, "Entrypoint"),
          .command = texts_of(*found, "Cmd"),
          .working_directory = text_of(*found, "WorkingDir"),
          .user = text_of(*found, "User")};
}

}  // namespace stages
