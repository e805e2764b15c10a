// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kairos_definition.hpp"

namespace orchestrator {
namespace {

constexpr std::string_view kHead = R"(# The base image, and kairos-init to be used on it.
ARG KAIROS_INIT=v0.16.1
ARG KAIROS_INIT_IMAGE=quay.io/kairos/kairos-init:${KAIROS_INIT}
ARG BASE_IMAGE
FROM ${KAIROS_INIT_IMAGE} AS kairos-init
FROM ${BASE_IMAGE} AS base-kairos
ARG MODEL=generic
ARG TRUSTED_BOOT=false
ARG KUBERNETES_DISTRO
ARG KUBERNETES_VERSION
ARG VERSION
ARG FIPS=no-fips
)";

// The arguments are gathered with `set`, each a word of its own: nothing is read as code twice.
constexpr std::string_view kTail = R"(# A Kairos system of what is there.
COPY --from=kairos-init /kairos-init /kairos-init
RUN set -- -m "${MODEL}" -t "${TRUSTED_BOOT}"; \
    if [ -n "${KUBERNETES_DISTRO}" ]; then \
      set -- "$@" -p "${KUBERNETES_DISTRO}"; \
      case "${KUBERNETES_DISTRO}" in k0s | k3s) \
        if [ -n "${KUBERNETES_VERSION}" ]; then \
          set -- "$@" "--provider-${KUBERNETES_DISTRO}-version" "${KUBERNETES_VERSION}"; \
        fi ;; \
      esac; \
    fi; \
    set -- "$@" --version "${VERSION}"; \
    if [ "${FIPS}" = fips ]; then set -- "$@" --fips; fi; \
    /kairos-init -l debug -s install "$@" && \
    /kairos-init -l debug -s init "$@" && \
    rm /kairos-init
)";

}  // namespace

std::string_view kairos_head() { return kHead; }

std::string_view kairos_tail() { return kTail; }

std::map<std::string, std::string> kairos_arguments(const manifest::BuildOptions& options) {
  std::map<std::string, std::string> arguments;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.emplace(name, value);
  };
  add("VERSION", options.version);
  add("BASE_IMAGE", options.base_image);
  add("MODEL", options.model);
  add("KUBERNETES_DISTRO", options.kubernetes_distro);
  add("KUBERNETES_VERSION", options.kubernetes_version);
  add("KAIROS_INIT_IMAGE", options.kairos_init_image);
  if (options.trusted_boot) add("TRUSTED_BOOT", "true");
  if (options.fips) add("FIPS", "fips");
  return arguments;
}

}  // namespace orchestrator
