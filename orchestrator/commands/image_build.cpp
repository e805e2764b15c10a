// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/image_files.hpp"
#include "orchestrator/build_context.hpp"
#include "orchestrator/build_flags.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/executor.hpp"
#include "orchestrator/image_argument.hpp"
#include "orchestrator/image_request.hpp"
#include "orchestrator/supply_chain.hpp"
#include "stages/image_record.hpp"
#include "stages/push_stage.hpp"

namespace orchestrator {
namespace {

constexpr const char* kWhere = "image build";

class ImageBuildCommand {
 public:
  ImageBuildCommand(Session& session, const Invocation& invocation)
      : session_(session), invocation_(invocation), flags_(invocation.image_build) {
    for (const auto& tag : flags_.tags) tags_.push_back(oci::Reference::parse(tag));
    for (const auto& output : flags_.outputs) outputs_.push_back(parse_output(output));
    if (flags_.push && tags_.empty()) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = "there is nowhere to push the image to",
                         .why = "--push is given without a name",
                         .hint = "name it with -t REGISTRY/REPOSITORY:TAG"});
    }
  }

  int run() {
    const auto lease = session_.store().lease();
    const auto context = open_build_context(session_, flags_.context, flags_.dockerfile);
    const auto image = build(context);
    export_image(image);
    write_files(image);
    auto& out = session_.environment().out;
    for (const auto& tag : tags_) out << tag.text() << '@' << image.digest.text() << '\n';
    if (tags_.empty()) out << image.digest.text() << '\n';
    return 0;
  }

 private:
  oci::Platform platform() const {
    return flags_.platform.empty() ? wanted_platform(session_.options())
                                   : oci::Platform::parse(flags_.platform);
  }

  ImageRequest request(const BuildContext& context) const {
    const auto& variables = session_.environment().variables;
    ImageRequest request;
    auto& build = request.build;
    build.dockerfile = context.dockerfile;
    build.dockerfile_name = context.dockerfile_name;
    build.context = context.folder;
    build.ignore = ignore_lines(context.folder, context.dockerfile_path);
    build.build_args = parse_build_arguments(flags_.build_args, variables);
    build.build_args.merge(proxy_arguments(variables));
    build.target = flags_.target;
    build.platform = platform();
    for (const auto& secret : flags_.secrets) {
      build.secrets.push_back(parse_build_secret(secret, variables));
    }
    for (const auto& agent : flags_.ssh) parse_ssh_flag(agent, variables, build.ssh);
    build.labels = parse_labels(flags_.labels);
    build.epoch = session_.source_date_epoch();
    build.use_cache = !session_.options().no_cache;
    add_caches(invocation_.cache_from, invocation_.cache_to, build);
    build.may_mount = session_.may_mount();
    build.threads = session_.jobs();
    build.layer_format = session_.layer_format();
    request.outline = stages::dockerfile::outline_of(build);
    for (const auto& tag : tags_) request.names.push_back(tag.text());
    request.context_digest = context.digest;
    return request;
  }

  oci::Descriptor build(const BuildContext& context) {
    warn_of_credentials(session_, context.folder);
    const auto access = session_.access({});
    const auto planned = plan_image_build(session_, request(context), access);
    const auto& registry = access.registry;
    Plan plan;
    const bool offline = session_.options().offline;
    const auto made = plan.add("", kWhere, planned.stage, offline ? nullptr : registry, {}, true);
    const auto scratch = session_.store().make_temp_dir("sbom");
    const auto pushing =
        session_
            .access({.secrets = {}, .insecure = {}, .ca_dirs = {}, .proxies = {}, .verify = false})
            .registry;
    for (const auto& tag : tags_) {
      if (!flags_.push) break;
      const auto push = plan.add("", kWhere,
                                 std::make_shared<stages::PushStage>(stages::PushStage::Options{
                                     .destination = tag, .parallel = session_.jobs() * 2}),
                                 pushing, {{"image", made}}, true);
      plan_attestations(session_, plan,
                        {.artifact = "",
                         .where = kWhere,
                         .image = made,
                         .push = push,
                         .destination = tag,
                         .registry = pushing,
                         .sbom_file = scratch.path() / "image.spdx.json",
                         .epoch = session_.source_date_epoch().value_or(planned.created),
                         .provenance = provenance_of({{"image", tag.text()}}, planned.bases)});
    }
    ExecutorOptions options;
    options.jobs = session_.jobs();
    options.use_cache = !session_.options().no_cache;
    std::vector<StageOutcome> outcomes;
    execute(plan, session_.store(), session_.process(), session_.events(), options, session_.stop(),
            outcomes);
    const auto image = stages::image_of(outcomes.at(made).record.value());
    // A cached result may have been called something else since.
    for (const auto& tag : tags_) session_.store().tag(tag.text(), image);
    return image;
  }

  void export_image(const oci::Descriptor& image) {
    for (auto output : outputs_) {
      const bool named = output.format == oci::ImageLocation::Format::kDockerArchive;
      if (output.name.empty() && named && !tags_.empty()) output.name = tags_.front().text();
      oci::export_image(session_.store(), image, output, session_.stop());
      report_fact(session_, kWhere, fmt::format("copied to {}", output.text()));
    }
  }

  /// --iidfile and --metadata-file, as buildah and docker buildx have them.
  void write_files(const oci::Descriptor& image) {
    const auto config = oci::read_manifest(session_.store(), image).config.digest.text();
    if (!flags_.id_file.empty()) base::write_file_atomically(flags_.id_file, config);
    if (flags_.metadata_file.empty()) return;
    std::string names;
    for (const auto& tag : tags_) names += (names.empty() ? "" : ",") + tag.text();
    const nlohmann::json metadata = {
        {"containerimage.config.digest", config},
        {"containerimage.digest", image.digest.text()},
        {"containerimage.descriptor",
         {{"mediaType", image.media_type}, {"digest", image.digest.text()}, {"size", image.size}}},
        {"image.name", names}};
    base::write_file_atomically(flags_.metadata_file, metadata.dump(2) + "\n");
  }

  Session& session_;
  const Invocation& invocation_;
  const ImageBuildFlags& flags_;
  std::vector<oci::Reference> tags_;
  std::vector<oci::ImageLocation> outputs_;
};

}  // namespace

int run_image_build(Session& session, const Invocation& invocation) {
  return ImageBuildCommand(session, invocation).run();
}

}  // namespace orchestrator
