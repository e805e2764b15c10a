// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <optional>
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

/// Not a registry's answer: asking elsewhere is of no use.
bool is_ours(const base::Error& error) {
  return error.code() == base::ErrorCode::kUsage || error.code() == base::ErrorCode::kInterrupted;
}

std::string one_line(const base::Error& error) {
  const auto& facts = error.facts();
  return facts.why.empty() ? facts.what : fmt::format("{}: {}", facts.what, facts.why);
}

/// Says whether this place takes our credentials. Throws what it refuses with.
void check_place(Session& session, const std::shared_ptr<auth::Keychain>& keychain,
                 const oci::PullPlace& place, bool push) {
  const char* right = push ? "push" : "pull";
  if (session.options().offline) return show(session, right, "not asked (--offline)");
  session.environment().out << std::flush;
  try {
    const auto login = oci::check_login(place.reference, push,
                                        session.registry_context(keychain, {}), session.stop());
    for (const auto& rejected : login.rejected) show(session, "rejected", auth::describe(rejected));
    show(session, "used", describe(login));
  } catch (const base::Error& error) {
    const bool refused = error.code() == base::ErrorCode::kUnauthorized;
    show(session, right, refused ? "refused" : "unknown");
    throw;
  }
  show(session, right, "accepted");
}

}  // namespace

int run_auth_check(Session& session, const Invocation& invocation) {
  const auto reference = oci::Reference::parse(invocation.subject);
  const auto keychain = session.keychain(secrets_in(session.options().secrets));
  show(session, "reference", reference.text());
  const auto places =
      invocation.push
          ? std::vector{oci::PullPlace{.reference = reference, .is_mirror = false, .origin = ""}}
          : session.places_for(reference);
  const bool several = oci::is_redirected(places);
  std::optional<base::Error> last;
  bool accepted = false;
  for (const auto& place : places) {
    if (several) show(session, "place", oci::describe(place));
    show_candidates(session, *keychain, place.reference);
    try {
      check_place(session, keychain, place, invocation.push);
      accepted = true;
    } catch (const base::Error& error) {
      if (is_ours(error)) throw;
      if (several) show(session, "because", one_line(error));
      last = error;
    }
  }
  if (!accepted) throw base::Error(*last);
  return 0;
}

}  // namespace orchestrator
