// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/dockerfile/copy_selection.hpp"
#include "stages/dockerfile/copy_writer.hpp"
#include "stages/dockerfile/copy_xattrs.hpp"

namespace stages::dockerfile {
namespace {

/// Feeds a digest with fields that cannot run into each other.
class Fields {
 public:
  void add(std::string_view text) {
    hasher_.update(fmt::format("{}:", text.size()));
    hasher_.update(text);
  }
  template <typename Number>
  void add_number(Number number) {
    add(fmt::format("{}", number));
  }
  oci::Digest finish() { return hasher_.finish(); }

 private:
  oci::Hasher hasher_;
};

}  // namespace

struct CopyPlan::Selected {
  explicit Selected(CopyRequest wanted) : request(std::move(wanted)) {
    if (!request.chmod.empty()) mode.emplace(request.chmod);
  }

  void find(const std::stop_token& stop) {
    selection.emplace(request, stop);
    for (const auto& source : request.sources) {
      auto found = selection->find(source);
      if (found.empty()) unmatched.push_back(source);
      for (auto& one : found) sources.push_back(std::move(one));
    }
  }

  void add_file(Fields& fields, const SelectedFile& file,
                std::map<std::pair<dev_t, ino_t>, std::string>& links,
                const std::stop_token& stop) const {
    const auto& status = file.status;
    fields.add(file.target);
    fields.add_number(mode ? (status.st_mode & S_IFMT) |
                                 mode->apply(status.st_mode & 07777U, S_ISDIR(status.st_mode))
                           : status.st_mode);
    if (request.keep_owners && !request.chown) {
      fields.add_number(status.st_uid);
      fields.add_number(status.st_gid);
    }
    fields.add(file.link);
    if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode)) fields.add_number(status.st_rdev);
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode)) {
      const auto [first, is_first] = links.try_emplace({status.st_dev, status.st_ino}, file.source);
      if (!is_first) return fields.add("link to " + first->second);
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return;
    const oci::RootedDirectory root(selection->root(), request.source_root.string());
    const auto path = file.source.empty() ? "." : file.source;
    const auto fd = root.try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) base::throw_system_error(errno, fmt::format("cannot read /{}", file.source));
    for (const auto& [name, value] : file_xattrs(fd.get(), request.keep_owners, file.source)) {
      fields.add(name);
      fields.add(value);
    }
    if (!S_ISREG(status.st_mode)) return;
    auto& digests = request.digests != nullptr ? *request.digests : own_digests;
    fields.add(digests.digest_of(fd.get(), status, "/" + file.source, stop).text());
  }

  CopyRequest request;
  std::optional<ModeChange> mode;
  std::optional<CopySelection> selection;
  std::vector<SelectedSource> sources;
  std::vector<std::string> unmatched;
  mutable ContentDigests own_digests;
};

CopyPlan::CopyPlan(CopyRequest request, const std::stop_token& stop) : stop_(stop) {
  auto selected = std::make_shared<Selected>(std::move(request));
  selected->find(stop);
  selected_ = std::move(selected);
}

oci::Digest CopyPlan::digest() const {
  Fields fields;
  const auto& request = selected_->request;
  if (request.chown) fields.add(fmt::format("{}:{}", request.chown->user, request.chown->group));
  std::map<std::pair<dev_t, ino_t>, std::string> links;
  for (const auto& source : selected_->sources) {
    fields.add(source.is_archive ? "archive" : source.is_folder ? "folder" : "file");
    fields.add(source.is_folder ? "" : source.name);
    fields.add_number(source.files.size());
    for (const auto& file : source.files) selected_->add_file(fields, file, links, stop_);
  }
  return fields.finish();
}

void CopyPlan::apply(const std::filesystem::path& root) const {
  const auto folder = base::open_for_reading(root);
  CopyWriter writer(selected_->selection->root(), folder.get(),
                    {.request = selected_->request, .mode = selected_->mode, .stop = stop_});
  const bool many = selected_->sources.size() > 1;
  for (const auto& source : selected_->sources) writer.write(source, many);
  writer.finish();
}

const std::vector<std::string>& CopyPlan::unmatched() const { return selected_->unmatched; }

std::vector<std::string> CopyPlan::sources() const {
  std::vector<std::string> paths;
  for (const auto& source : selected_->sources) {
    for (const auto& file : source.files) paths.push_back(file.source);
  }
  return paths;
}

}  // namespace stages::dockerfile
