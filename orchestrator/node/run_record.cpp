// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/node/run_record.hpp"

#include <fmt/format.h>

#include "base/files.hpp"

namespace orchestrator::node {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRecordBytes = 16U << 20;
constexpr unsigned kOwnerOnly = 0600;
constexpr int kJsonIndent = 2;

}  // namespace

bool RunRecord::is_done(const RunRecord& again) const {
  return phase == "Completed" && !skipped && spec_digest == again.spec_digest &&
         containers == again.containers;
}

std::filesystem::path record_file(const std::filesystem::path& store,
                                  const manifest::Resource& resource) {
  return store / "node" /
         fmt::format("{}.{}.{}.json", resource.kind, resource.namespace_, resource.name);
}

json to_json(const RunRecord& record) {
  return {{"kind", record.kind},
          {"name", record.name},
          {"namespace", record.namespace_},
          {"specDigest", record.spec_digest},
          {"command", record.command},
          {"containers", record.containers},
          {"phase", record.phase},
          {"message", record.message},
          {"rebootStatus", record.reboot_status},
          {"bootID", record.boot_id},
          {"started", record.started},
          {"finished", record.finished},
          {"skipped", record.skipped}};
}

std::optional<RunRecord> read_record(const std::filesystem::path& file) {
  const auto text = base::read_file_if_exists(file, kMaxRecordBytes);
  if (!text) return std::nullopt;
  const auto stored = json::parse(*text, nullptr, false);
  if (!stored.is_object()) return std::nullopt;
  try {
    RunRecord record;
    record.kind = stored.at("kind");
    record.name = stored.at("name");
    record.namespace_ = stored.at("namespace");
    record.spec_digest = stored.at("specDigest");
    record.command = stored.at("command");
    record.containers = stored.at("containers");
    record.phase = stored.at("phase");
    record.message = stored.at("message");
    record.reboot_status = stored.at("rebootStatus");
    record.boot_id = stored.at("bootID");
    record.started = stored.at("started");
    record.finished = stored.at("finished");
    record.skipped = stored.at("skipped");
    return record;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

void write_record(const std::filesystem::path& file, const RunRecord& record) {
  base::make_directories(file.parent_path());
  base::write_file_atomically(file, to_json(record).dump(kJsonIndent) + "\n", kOwnerOnly);
}

std::string current_boot_id() {
  auto text =
      base::read_file_if_exists("/proc/sys/kernel/random/boot_id", kMaxRecordBytes).value_or("");
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace orchestrator::node
