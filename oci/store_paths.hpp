// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace oci {

// Names inside a store, beside those that the OCI image layout gives.
inline constexpr const char* kStoreVersionFile = "osartifact-store";
inline constexpr const char* kStoreLock = "tmp/lock";  ///< Making, opening and sweeping.
inline constexpr const char* kIndexLock = "tmp/index.lock";
inline constexpr const char* kLeaseLock = "leases/lock";
inline constexpr const char* kPartialSuffix = ".partial";
inline constexpr const char* kSnapshotLockSuffix = ".snapshot-lock";
inline constexpr const char* kSessionPrefix = "session";

inline constexpr const char* kRefNameAnnotation = "org.opencontainers.image.ref.name";

}  // namespace oci
