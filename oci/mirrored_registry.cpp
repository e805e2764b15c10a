// SPDX-License-Identifier: Apache-2.0
#include "oci/mirrored_registry.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/referrer_lists.hpp"

namespace oci {
namespace {

/// Hashes a blob on its way, as far as it has seen it from the start.
class CheckedSink final : public BlobSink {
 public:
  CheckedSink(BlobSink& next, const Digest& digest) : next_(next), digest_(digest) {
    if (next.offset() == 0) hasher_.emplace(digest.algorithm());
  }
  [[nodiscard]] std::uint64_t offset() const override { return next_.offset(); }
  void restart() override {
    next_.restart();
    hasher_.emplace(digest_.algorithm());
  }
  void write(std::span<const std::byte> data) override {
    next_.write(data);
    if (hasher_) hasher_->update(data);
  }
  /// What the whole blob turned out to be, where that is known and not its digest. Then restart.
  std::optional<Digest> wrong_digest() {
    if (!hasher_) return std::nullopt;
    auto found = hasher_->finish();
    if (found == digest_) return std::nullopt;
    return found;
  }

 private:
  BlobSink& next_;
  const Digest& digest_;
  std::optional<Hasher> hasher_;
};

/// Whether another place may do better; the rest is ours: the disk, the user, a bad configuration.
bool may_ask_next(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kUnauthorized:
    case base::ErrorCode::kNotFound:
    case base::ErrorCode::kRegistry:
    case base::ErrorCode::kNetwork:
    case base::ErrorCode::kIntegrity:
      return true;
    case base::ErrorCode::kUsage:
    case base::ErrorCode::kManifest:
    case base::ErrorCode::kUnsupported:
    case base::ErrorCode::kBuildStep:
    case base::ErrorCode::kArtifactTool:
    case base::ErrorCode::kNoSpace:
    case base::ErrorCode::kIo:
    case base::ErrorCode::kInterrupted:
    case base::ErrorCode::kTerminated:
    case base::ErrorCode::kInternal:
      return false;
  }
  return false;
}

std::string reason_of(const base::Error& error) {
  const auto& facts = error.facts();
  return facts.why.empty() ? facts.what : facts.why;
}

class MirroredRegistry final : public Registry, public ReferrerLists {
 public:
  MirroredRegistry(RegistryRules rules, std::shared_ptr<Registry> registry,
                   std::shared_ptr<Registry> mirrors, std::shared_ptr<spdlog::logger> log)
      : rules_(std::move(rules)),
        registry_(std::move(registry)),
        mirrors_(std::move(mirrors)),
        log_(std::move(log)) {}

  Descriptor resolve(const Reference& reference, std::stop_token stop) override {
    if (!reference.digest) {
      const std::scoped_lock lock(mutex_);
      tags_.insert(tag_of(reference));
    }
    std::optional<Descriptor> found;
    ask_in_turn(reference, [&](Registry& registry, const PullPlace& place) {
      found = registry.resolve(place.reference, stop);
    });
    return *std::move(found);
  }

  ManifestDocument manifest(const Reference& reference, std::stop_token stop) override {
    std::optional<ManifestDocument> found;
    ask_in_turn(reference, [&](Registry& registry, const PullPlace& place) {
      found = registry.manifest(place.reference, stop);
    });
    return *std::move(found);
  }

  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobSink& sink,
                  std::stop_token stop) override {
    CheckedSink checked(sink, blob.digest);
    ask_in_turn(repository, [&](Registry& registry, const PullPlace& place) {
      try {
        fetch_checked(registry, place.reference, blob, checked, stop);
      } catch (const base::Error& error) {
        // What came before can be of use to the next place, unless its bytes are in doubt.
        if (error.code() == base::ErrorCode::kIntegrity) checked.restart();
        throw;
      }
    });
  }

  std::vector<Descriptor> referrers(const Reference& repository, const Digest& subject,
                                    const std::string& artifact_type,
                                    std::stop_token stop) override {
    std::vector<Descriptor> found;
    ask_in_turn(repository, [&](Registry& registry, const PullPlace& place) {
      auto* lists = dynamic_cast<ReferrerLists*>(&registry);
      if (lists != nullptr) {
        found = lists->referrers(place.reference, subject, artifact_type, stop);
      }
      // A mirror may have the image and not what was attached to it since.
      if (found.empty() && place.is_mirror) {
        throw base::Error({.code = base::ErrorCode::kNotFound,
                           .what = fmt::format("cannot pull {}", place.reference.text()),
                           .why = fmt::format("it lists no {}", artifact_type),
                           .hint = ""});
      }
    });
    return found;
  }

  bool has_blob(const Reference& repository, const Descriptor& blob,
                std::stop_token stop) override {
    return registry_->has_blob(repository, blob, std::move(stop));
  }
  bool push_blob(const Reference& repository, const Descriptor& blob,
                 const std::filesystem::path& file, const std::string& mount_from,
                 const SentBytes& sent, std::stop_token stop) override {
    return registry_->push_blob(repository, blob, file, mount_from, sent, std::move(stop));
  }
  void push_manifest(const Reference& reference, const std::string& media_type,
                     const std::string& bytes, std::stop_token stop) override {
    registry_->push_manifest(reference, media_type, bytes, std::move(stop));
  }

 private:
  struct Failure {
    std::string place;
    std::string why;
  };

  /// Asks until the bytes are those of the digest, or were wrong though all came from here.
  static void fetch_checked(Registry& registry, const Reference& at, const Descriptor& blob,
                            CheckedSink& sink, const std::stop_token& stop) {
    while (true) {
      const bool all_from_here = sink.offset() == 0;
      registry.fetch_blob(at, blob, sink, stop);
      const auto wrong = sink.wrong_digest();
      if (!wrong) return;
      if (all_from_here) {
        throw base::Error(
            {.code = base::ErrorCode::kIntegrity,
             .what = fmt::format("cannot pull {}", at.text()),
             .why = fmt::format("it sent {} as blob {}", wrong->text(), blob.digest.text()),
             .hint = ""});
      }
      sink.restart();
    }
  }

  static std::string tag_of(const Reference& reference) {
    return fmt::format("{}:{}", reference.name(), reference.tag);
  }

  /// A digest that we found for a tag ourselves does not make a pull one by digest.
  std::vector<PullPlace> places_for(const Reference& reference) {
    const std::scoped_lock lock(mutex_);
    const bool by_digest = reference.digest && !tags_.contains(tag_of(reference));
    return rules_.places_for(reference, by_digest);
  }

  template <typename Ask>
  void ask_in_turn(const Reference& reference, const Ask& ask) {
    const auto places = places_for(reference);
    if (!is_redirected(places)) return ask(*registry_, places.front());
    std::vector<Failure> failures;
    std::optional<base::Error> last;
    for (const auto& place : places) {
      if (auto why = why_given_up(place)) {
        failures.push_back({.place = place.reference.registry, .why = *std::move(why)});
        continue;
      }
      try {
        ask(place.is_mirror ? *mirrors_ : *registry_, place);
        return announce(reference, place);
      } catch (const base::Error& error) {
        if (!may_ask_next(error.code())) throw;
        failures.push_back({.place = place.reference.registry, .why = reason_of(error)});
        if (place.is_mirror) give_up(place, error);
        last = error;
      }
    }
    throw all_failed(reference, failures, *last);
  }

  /// The registry itself comes last and is always asked, so `last` is its error.
  static base::Error all_failed(const Reference& reference, const std::vector<Failure>& failures,
                                const base::Error& last) {
    std::vector<std::string> lines;
    for (const auto& failure : failures) {
      lines.push_back(fmt::format("{}: {}", failure.place, failure.why));
    }
    return base::Error({.code = last.code(),
                        .what = fmt::format("cannot pull {}", reference.text()),
                        .why = fmt::format("{}", fmt::join(lines, "\n    ")),
                        .hint = last.facts().hint});
  }

  /// Why a mirror is not asked again, or nullopt.
  std::optional<std::string> why_given_up(const PullPlace& place) {
    if (!place.is_mirror) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    for (const auto& name : {place.reference.registry, place.reference.name()}) {
      const auto found = given_up_.find(name);
      if (found != given_up_.end()) return found->second;
    }
    return std::nullopt;
  }

  /// Tells of a mirror's failure. One that cannot be reached is done with for all images, one that
  /// refuses or breaks for this one; an image or blob that it lacks or has wrong says nothing of
  /// the others.
  void give_up(const PullPlace& place, const base::Error& error) {
    const auto text = fmt::format("the mirror {} ({}) failed for {}: {}", place.reference.registry,
                                  place.origin, place.reference.name(), reason_of(error));
    if (error.code() == base::ErrorCode::kNotFound) return log_->debug("{}", text);
    log_->warn("{}", text);
    if (error.code() == base::ErrorCode::kIntegrity) return;
    const bool unreachable = error.code() == base::ErrorCode::kNetwork;
    const std::scoped_lock lock(mutex_);
    given_up_.emplace(unreachable ? place.reference.registry : place.reference.name(),
                      reason_of(error));
  }

  /// Says once per image and place where its bytes come from.
  void announce(const Reference& reference, const PullPlace& place) {
    const auto text = fmt::format("{} comes from {} ({})", reference.name(), place.reference.name(),
                                  place.origin.empty() ? "the registry itself" : place.origin);
    const std::scoped_lock lock(mutex_);
    if (announced_.insert(text).second) log_->info("{}", text);
  }

  RegistryRules rules_;
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<Registry> mirrors_;
  std::shared_ptr<spdlog::logger> log_;
  std::mutex mutex_;
  std::set<std::string> tags_;                   ///< "NAME:TAG" that were resolved.
  std::map<std::string, std::string> given_up_;  ///< Mirror or image there, and why.
  std::set<std::string> announced_;
};

}  // namespace

std::unique_ptr<Registry> make_mirrored_registry(RegistryRules rules,
                                                 std::shared_ptr<Registry> registry,
                                                 std::shared_ptr<Registry> mirrors,
                                                 std::shared_ptr<spdlog::logger> log) {
  return std::make_unique<MirroredRegistry>(std::move(rules), std::move(registry),
                                            std::move(mirrors), std::move(log));
}

}  // namespace oci
