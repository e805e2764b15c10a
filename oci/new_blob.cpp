// SPDX-License-Identifier: Apache-2.0
#include "oci/new_blob.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {

NewBlob::NewBlob(const Store& store)
    : store_(store),
      folder_(store.make_temp_dir("blob")),
      file_(folder_.path() / "blob"),
      fd_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
  if (!fd_) base::throw_system_error(errno, fmt::format("cannot write {}", file_.string()));
}

void NewBlob::write(std::span<const std::byte> data) {
  base::write_all(fd_.get(), data, file_.string());
  hasher_.update(data);
  bytes_ += data.size();
}

Digest NewBlob::commit() {
  auto digest = hasher_.finish();
  const auto place = store_.blob_path(digest);
  if (::fsync(fd_.get()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot sync {}", file_.string()));
  }
  fd_.reset();
  if (::rename(file_.c_str(), place.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", place.string()));
  }
  base::sync_path(place.parent_path());
  return digest;
}

}  // namespace oci
