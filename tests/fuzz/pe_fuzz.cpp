// SPDX-License-Identifier: Apache-2.0
// `osartifact inspect` reads EFI programs of anybody: whatever they say, it ends with a description
// or with an Error.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "stages/uki/uki_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::FileDescriptor file(::memfd_create("pe", MFD_CLOEXEC));
  if (!file || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
  try {
    static_cast<void>(stages::uki::describe_pe("/proc/self/fd/" + std::to_string(file.get()), {}));
  } catch (const base::Error&) {
  }
  return 0;
}
