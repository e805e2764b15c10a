// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <ostream>
#include <set>

#include "base/error.hpp"
#include "oci/login_check.hpp"
#include "orchestrator/commands/commands.hpp"

namespace orchestrator {
namespace {

std::string describe(const auth::SourceAnswer& answer) {
  if (!answer.asked) return "not asked: the search had ended";
  if (answer.matches == 1) return "one credential fits";
  if (answer.matches > 1) return fmt::format("{} credentials fit", answer.matches);
  return answer.exists ? "has no entry for it" : "is not there";
}

void show(Session& session, const char* label, const std::string& text) {
  session.environment().out << fmt::format("{:<12}{}\n", label, text);
}

/// The registry Secrets of --secrets, by name: a manifest could name any of them.
std::vector<auth::SecretText> secrets_in(const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot take Secrets from {}", folder.string()),
                       .why = error.message(),
                       .hint = "name a folder that holds a folder per Secret"});
  }
  std::set<std::string> names;
  for (const auto& entry : entries) {
    if (!auth::credential_files_in(entry.path()).empty()) names.insert(entry.path().filename());
  }
  std::vector<auth::SecretText> secrets;
  for (const auto& name : names) {
    if (name.starts_with('.')) continue;
    if (auto secret = auth::find_secret(folder, name)) secrets.push_back(*std::move(secret));
  }
  return secrets;
}

/// Which sources were looked into, and what would be tried. The registry is not asked.
void show_candidates(Session& session, auth::Keychain& keychain, const oci::Reference& reference) {
  for (const auto& answer : keychain.trace(reference.registry, reference.repository)) {
    show(session, "source", fmt::format("{}: {}", answer.source, describe(answer)));
  }
  const auto candidates = keychain.candidates(reference.registry, reference.repository);
  for (const auto& candidate : candidates) show(session, "candidate", auth::describe(candidate));
  if (candidates.empty()) show(session, "candidate", "anonymous: no source has a credential");
}

std::string describe(const oci::RegistrySession::Login& login) {
  if (!login.asked) return "none: the registry does not ask who we are";
  return login.used ? auth::describe(*login.used) : "anonymous";
}

}  // namespace

int run_auth_check(Session& session, const Invocation& invocation) {
  const auto reference = oci::Reference::parse(invocation.subject);
  const auto keychain = session.keychain(secrets_in(session.options().secrets));
  const char* right = invocation.push ? "push" : "pull";
  show(session, "reference", reference.text());
  show_candidates(session, *keychain, reference);
  if (session.options().offline) {
    show(session, right, "not asked (--offline)");
    return 0;
  }
  session.environment().out << std::flush;
  try {
    const auto login = oci::check_login(reference, invocation.push,
                                        session.registry_context(keychain, {}), session.stop());
    for (const auto& rejected : login.rejected) show(session, "rejected", auth::describe(rejected));
    show(session, "used", describe(login));
  } catch (const base::Error& error) {
    const bool refused = error.code() == base::ErrorCode::kUnauthorized;
    show(session, right, refused ? "refused" : "unknown");
    throw;
  }
  show(session, right, "accepted");
  return 0;
}

}  // namespace orchestrator
