// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "oci/json.hpp"
#include "oci/layout_index.hpp"
#include "oci/store.hpp"
#include "oci/store_paths.hpp"

namespace oci {

void Store::tag(std::string_view name, const Descriptor& manifest) {
  const auto lock = base::FileLock::acquire(root_ / kIndexLock);
  const auto path = root_ / "index.json";
  const auto text = base::read_file(path, kMaxLayoutIndexBytes);
  base::write_file_atomically(path, with_name(text, name, manifest, path.string()));
}

std::optional<Descriptor> Store::find(std::string_view name) const {
  const auto path = root_ / "index.json";
  return find_name(base::read_file(path, kMaxLayoutIndexBytes), name, path.string());
}

std::optional<nlohmann::json> Store::result(const Digest& fingerprint) const {
  const auto path = root_ / "results" / fmt::format("{}.json", fingerprint.hex());
  const auto text = base::read_file_if_exists(path, kMaxLayoutIndexBytes);
  if (!text) return std::nullopt;
  // A line of its own with the digest of the rest: a record that a failing disk changed is no
  // record at all, and the stage runs again.
  const auto end = text->find('\n');
  const auto body =
      std::string_view(*text).substr(end == std::string::npos ? text->size() : end + 1);
  if (end == std::string::npos || Digest::of(body).text() != text->substr(0, end)) {
    std::filesystem::remove(path);
    return std::nullopt;
  }
  return parse_json(body, path.string());
}

void Store::put_result(const Digest& fingerprint, const nlohmann::json& record) {
  const auto body = record.dump();
  base::write_file_atomically(root_ / "results" / fmt::format("{}.json", fingerprint.hex()),
                              Digest::of(body).text() + "\n" + body);
}

std::filesystem::path Store::result_folder(const Digest& fingerprint) const {
  return root_ / "results" / fmt::format("{}.d", fingerprint.hex());
}

}  // namespace oci
