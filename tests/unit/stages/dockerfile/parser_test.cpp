// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/error.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/instruction.hpp"

namespace stages::dockerfile {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::optional<std::string> no_variables(std::string_view /*name*/) { return std::nullopt; }

/// The last instruction of a Dockerfile that begins with FROM scratch (line 1).
Instruction last_of(const std::string& text) {
  return parse_dockerfile("FROM scratch\n" + text, "Dockerfile").instructions.back();
}

std::string whole_failure(const std::string& text) {
  try {
    parse_dockerfile(text, "Dockerfile");
    return "it parses";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
    return base::render(error);
  }
}

std::string failure(const std::string& text) { return whole_failure("FROM scratch\n" + text); }

TEST(DockerfileParser, RefusesANulWithItsLine) {
  using namespace std::string_literals;
  EXPECT_THAT(failure("COPY a /x\0y\n"s), HasSubstr("Dockerfile:2: it has a NUL byte"));
  EXPECT_THAT(failure("COPY [\"a\\u0000b\", \"/x\"]\n"), HasSubstr("Dockerfile:2: a NUL"));
}

TEST(DockerfileParser, JoinsLinesAndLeavesCommentsOut) {
  const auto dockerfile = parse_dockerfile(
      "\xef\xbb\xbf# a comment\r\nfrom scratch\r\n\r\nRUN one \\\r\n  # not this\r\n\r\n  two \\ "
      "\r\n"
      "  three # stays\r\nENV A=b\r\n",
      "Dockerfile");

  ASSERT_THAT(dockerfile.instructions, SizeIs(3));
  EXPECT_EQ(dockerfile.instructions[0].keyword, "FROM");
  EXPECT_EQ(dockerfile.instructions[0].line, 2);
  EXPECT_EQ(dockerfile.instructions[1].text, "one   two   three # stays");
  EXPECT_EQ(dockerfile.instructions[1].line, 4);
  EXPECT_EQ(dockerfile.instructions[1].last_line, 8);
  EXPECT_EQ(dockerfile.instructions[2].line, 9);
  EXPECT_THAT(dockerfile.warnings,
              Contains("NoEmptyContinuation: Empty continuation line (Dockerfile:4)"));
}

TEST(DockerfileParser, GoesOnOnlyAfterAnEscapeThatIsNotEscaped) {
  EXPECT_EQ(last_of("RUN a \\\n\\\n b").text, "a  b");
  EXPECT_EQ(parse_dockerfile("FROM scratch\nRUN echo a\\\\\nRUN b", "D").instructions.size(), 3U);
  EXPECT_EQ(last_of("RUN a \\").text, "a");
}

TEST(DockerfileParser, ReadsDirectives) {
  const auto dockerfile = parse_dockerfile(
      "# Syntax = docker/dockerfile:1\n#escape=`\n# check=skip=all\nFROM scratch\nRUN a `\n  b\\\n"
      "COPY a` b c:\\\n",
      "Dockerfile");

  EXPECT_EQ(dockerfile.syntax, "docker/dockerfile:1");
  EXPECT_EQ(dockerfile.escape, '`');
  EXPECT_EQ(dockerfile.check, "skip=all");
  EXPECT_EQ(dockerfile.instructions[1].text, "a   b\\");
  EXPECT_THAT(whole_failure("# escape=x\nFROM scratch"), HasSubstr("Dockerfile:1: invalid escape"));
  EXPECT_THAT(whole_failure("# escape=`\n# escape=`\nFROM scratch"),
              HasSubstr("Dockerfile:2: only one escape parser directive can be used"));
}

TEST(DockerfileParser, TakesNoDirectiveAfterAnythingElse) {
  EXPECT_EQ(parse_dockerfile("# about\n# escape=`\nFROM a\n", "D").escape, '\\');
  EXPECT_EQ(parse_dockerfile("\n# escape=`\nFROM a\n", "D").escape, '\\');
  EXPECT_EQ(parse_dockerfile("FROM a\n# escape=`\n", "D").escape, '\\');
  EXPECT_EQ(parse_dockerfile("# unknown=x\n# escape=`\nFROM a\n", "D").escape, '\\');
}

TEST(DockerfileParser, TellsExecFormFromShellForm) {
  const auto exec = last_of(R"(CMD ["a b", "c\"d"])");
  EXPECT_TRUE(exec.exec_form);
  EXPECT_THAT(exec.words, ElementsAre("a b", "c\"d"));

  const auto shell = last_of("CMD [ -f /x ] && 'echo  y'");
  EXPECT_FALSE(shell.exec_form);
  EXPECT_EQ(shell.text, "[ -f /x ] && 'echo  y'");
  EXPECT_FALSE(last_of("CMD ['a']").exec_form);
  EXPECT_TRUE(last_of("ENTRYPOINT []").exec_form);
  EXPECT_THAT(last_of("ENTRYPOINT []").words, IsEmpty());
  EXPECT_THAT(failure("CMD [\"a\", 1]"), HasSubstr("arrays must be comprised of strings only"));
}

TEST(DockerfileParser, SplitsFlagsOff) {
  const auto copy = last_of("COPY --from=a --chown=\"1:2\" --link --exclude=x --exclude=y src dst");
  EXPECT_EQ(copy.value("from"), "a");
  EXPECT_EQ(copy.value("chown"), "1:2");
  EXPECT_TRUE(copy.has("link"));
  EXPECT_FALSE(copy.has("parents"));
  EXPECT_EQ(copy.text, "src dst");
  EXPECT_THAT(copy_arguments(copy).exclude, ElementsAre("x", "y"));
  EXPECT_FALSE(last_of("COPY --link=false a b").has("link"));
  EXPECT_EQ(last_of("RUN -- --mount=x").text, "--mount=x");
}

TEST(DockerfileParser, RefusesFlagsItDoesNotKnow) {
  EXPECT_THAT(failure("COPY --chwon=1 a b"),
              HasSubstr("Dockerfile:2: unknown flag: --chwon\n  because: 2 | COPY --chwon=1 a b\n"
                        "  try: did you mean --chown?"));
  EXPECT_THAT(failure("USER --x a"), HasSubstr("USER takes no flags"));
  EXPECT_THAT(failure("COPY --from=a --from=b x y"), HasSubstr("duplicate flag specified: --from"));
  EXPECT_THAT(failure("COPY --from x y"), HasSubstr("missing a value on flag: --from"));
  EXPECT_THAT(failure("COPY --link=maybe x y"), HasSubstr("expecting boolean value"));
  EXPECT_THAT(failure("COPY --link= x y"), HasSubstr("missing a value on flag: --link"));
}

TEST(DockerfileParser, NamesWhatStandsWhereNothingKnownDoes) {
  EXPECT_THAT(failure("\nRNU true"),
              HasSubstr("Dockerfile:3: unknown instruction: RNU\n"
                        "  because: 3 | RNU true\n  try: did you mean RUN?"));
  EXPECT_THAT(failure("XYZZYXYZZY"), HasSubstr("an instruction is one of ADD, ARG"));
  EXPECT_THAT(whole_failure(""), HasSubstr("it has no instructions"));
  EXPECT_THAT(whole_failure("# nothing\n"), HasSubstr("it has no instructions"));
  EXPECT_THAT(whole_failure("ARG A=b"), HasSubstr("it has no FROM"));
  EXPECT_THAT(whole_failure("ARG A\nRUN x\nFROM y"),
              HasSubstr("Dockerfile:2: RUN stands before the first FROM"));
}

TEST(DockerfileParser, ReadsAssignments) {
  const auto env = last_of(R"(ENV A=b "C D"='e f' G=h\ i J="k\"l" M=)");
  ASSERT_THAT(env.assignments, SizeIs(5));
  EXPECT_EQ(env.assignments[1].name, "\"C D\"");
  EXPECT_EQ(env.assignments[1].value, "'e f'");
  EXPECT_EQ(env.assignments[2].value, "h\\ i");
  EXPECT_EQ(env.assignments[4].value, "");

  const auto all = expanded(env, no_variables, '\\');
  EXPECT_EQ(all.assignments[1].name, "C D");
  EXPECT_EQ(all.assignments[2].value, "h i");
  EXPECT_EQ(all.assignments[3].value, "k\"l");

  const auto old = last_of("ENV NAME  the \"whole\"  rest");
  ASSERT_THAT(old.assignments, SizeIs(1));
  EXPECT_EQ(old.assignments[0].value, "the \"whole\"  rest");

  const auto arg = last_of("ARG A B=c");
  EXPECT_EQ(arg.assignments[0].value, std::nullopt);
  EXPECT_EQ(arg.assignments[1].value, "c");
}

TEST(DockerfileParser, RefusesBrokenAssignments) {
  EXPECT_THAT(failure("ENV A"), HasSubstr("ENV must have two arguments"));
  EXPECT_THAT(failure("ENV A=b C"), HasSubstr("can't find = in \"C\""));
  EXPECT_THAT(failure("ENV =b"), HasSubstr("ENV names can not be blank"));
  EXPECT_THAT(failure("ARG =b"), HasSubstr("ARG names can not be blank"));
  EXPECT_THAT(failure("LABEL"), HasSubstr("LABEL requires at least one argument"));
  EXPECT_THAT(failure("ARG \\ "), HasSubstr("ARG"));
}

TEST(DockerfileParser, Case193ReadsHeredocs) {
  const auto copy = last_of("COPY <<one <<-\"two\" /dst/\nA $X\none\n\t\tB $X\n\tC\n\ttwo\n");
  ASSERT_THAT(copy.heredocs, SizeIs(2));
  EXPECT_EQ(copy.heredocs[0].content, "A $X\n");
  EXPECT_TRUE(copy.heredocs[0].expand);
  EXPECT_EQ(copy.heredocs[0].line, 3);
  EXPECT_EQ(copy.heredocs[1].content, "B $X\nC\n");
  EXPECT_FALSE(copy.heredocs[1].expand);
  EXPECT_EQ(copy.last_line, 7);

  const auto filled = copy_arguments(expanded(
      copy, [](std::string_view) { return std::optional<std::string>("v"); }, '\\'));
  ASSERT_THAT(filled.sources, SizeIs(2));
  EXPECT_EQ(filled.sources[0].kind, CopySource::Kind::kHeredoc);
  EXPECT_EQ(filled.sources[0].text, "one");
  EXPECT_EQ(filled.sources[0].content, "A v\n");
  EXPECT_EQ(filled.sources[1].content, "B $X\nC\n");
}

TEST(DockerfileParser, Case193GivesHeredocsOfRunToTheShell) {
  EXPECT_EQ(run_arguments(last_of("RUN <<EOF\necho $x\nEOF")).script, "echo $x\n");
  EXPECT_EQ(run_arguments(last_of("RUN cat <<A 3<<-'B' > /x\n1\nA\n\t2\n\tB\n")).script,
            "cat <<A 3<<-'B' > /x\n1\nA\n2\nB");
  const auto program = run_arguments(last_of("RUN <<-prog\n\t#!/usr/bin/env python3\n\tx\n\tprog"));
  ASSERT_TRUE(program.program);
  EXPECT_EQ(program.program->content, "#!/usr/bin/env python3\nx\n");
  EXPECT_EQ(program.program->name, "prog");
  EXPECT_EQ(program.script, "");
}

TEST(DockerfileParser, Case193KnowsWhatIsNoHeredoc) {
  for (const std::string text : {"RUN echo \"<<EOF\"", "RUN echo '<<EOF'", "RUN cat <<<EOF",
                                 "RUN [\"<<EOF\"]", "RUN echo $((1<<2))", "RUN echo a\\<<EOF",
                                 "ENV A=<<EOF", "CMD cat <<EOF", "RUN echo it\\'s \"it's <<EOF"}) {
    EXPECT_THAT(last_of(text).heredocs, IsEmpty()) << text;
  }
  EXPECT_THAT(failure("RUN cat <<EOF\na\n EOF\n"), HasSubstr("unterminated heredoc <<EOF"));
  EXPECT_THAT(failure("COPY a <<EOF\nEOF"), HasSubstr("cannot accept a heredoc as a destination"));
  EXPECT_THAT(failure("COPY <<../x /\n../x"), HasSubstr("cannot be a file's"));
}

TEST(DockerfileParser, KeepsTriggersWithTheirHeredocs) {
  const auto trigger = last_of("ONBUILD  RUN --network=none cat <<EOF \\\n > /x\nhi\nEOF\n");
  EXPECT_EQ(trigger.keyword, "ONBUILD");
  EXPECT_EQ(trigger.text, "RUN --network=none cat <<EOF  > /x\nhi\nEOF");

  const auto inner = parse_instruction(trigger.text, '\\', "trigger");
  EXPECT_EQ(inner.keyword, "RUN");
  EXPECT_EQ(inner.heredocs.at(0).content, "hi\n");
  EXPECT_THAT(failure("ONBUILD ONBUILD RUN x"), HasSubstr("Chaining ONBUILD"));
  EXPECT_THAT(failure("ONBUILD FROM x"), HasSubstr("FROM isn't allowed as an ONBUILD trigger"));
  EXPECT_THAT(failure("ONBUILD maintainer x"), HasSubstr("MAINTAINER isn't allowed"));
  EXPECT_THAT(failure("\nONBUILD COPY x"), HasSubstr("Dockerfile:3: COPY requires at least two"));
  EXPECT_THROW(parse_instruction("RUN a\nRUN b", '\\', "x"), base::Error);
}

TEST(DockerfileParser, ReadsFrom) {
  const auto from = from_arguments(
      parse_dockerfile("from --platform=linux/arm64 reg.io/a:1 as Base.x", "D").instructions[0]);
  EXPECT_EQ(from.image, "reg.io/a:1");
  EXPECT_EQ(from.stage, "base.x");
  EXPECT_EQ(from.platform, "linux/arm64");
  EXPECT_THAT(whole_failure("FROM"), HasSubstr("FROM requires either one or three arguments"));
  EXPECT_THAT(whole_failure("FROM a b"), HasSubstr("FROM requires either one or three"));
  EXPECT_THAT(whole_failure("FROM a IS b"), HasSubstr("FROM requires either one or three"));
  EXPECT_THAT(whole_failure("FROM a AS 1b"), HasSubstr("invalid name for build stage: \"1b\""));
}

TEST(DockerfileParser, ReadsHealthchecks) {
  const auto check = healthcheck_arguments(
      last_of("HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=3 cmd curl  -f x"));
  EXPECT_THAT(check.test, ElementsAre("CMD-SHELL", "curl  -f x"));
  EXPECT_EQ(check.interval, std::chrono::seconds(90));
  EXPECT_EQ(check.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(check.retries, 3);
  EXPECT_THAT(healthcheck_arguments(last_of(R"(HEALTHCHECK CMD ["a", "b"])")).test,
              ElementsAre("CMD", "a", "b"));
  EXPECT_THAT(healthcheck_arguments(last_of("HEALTHCHECK none")).test, ElementsAre("NONE"));
  EXPECT_THAT(failure("HEALTHCHECK"), HasSubstr("requires at least one argument"));
  EXPECT_THAT(failure("HEALTHCHECK NONE x"), HasSubstr("NONE takes no arguments"));
  EXPECT_THAT(failure("HEALTHCHECK CMD"), HasSubstr("Missing command after HEALTHCHECK CMD"));
  EXPECT_THAT(failure("HEALTHCHECK RUN x"), HasSubstr("Unknown type \"RUN\""));
  EXPECT_THAT(failure("HEALTHCHECK --interval=5 CMD x"), HasSubstr("invalid duration \"5\""));
  EXPECT_THAT(failure("HEALTHCHECK --interval=1us CMD x"), HasSubstr("cannot be less than 1ms"));
  EXPECT_THAT(failure("HEALTHCHECK --retries=-1 CMD x"), HasSubstr("cannot be negative"));
}

TEST(DockerfileParser, ReadsPortsAndSignals) {
  EXPECT_THAT(exposed_ports(last_of("EXPOSE 80 53/UDP 8000-8002 1234/sctp")),
              ElementsAre("80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp", "1234/sctp"));
  EXPECT_THAT(exposed_ports(last_of("EXPOSE 127.0.0.1:8080:80 90:91")),
              ElementsAre("80/tcp", "91/tcp"));
  for (const std::string bad :
       {"EXPOSE", "EXPOSE x", "EXPOSE 70000", "EXPOSE 9-8", "EXPOSE 80/icmp"}) {
    EXPECT_THAT(failure(bad), HasSubstr("Dockerfile:2: ")) << bad;
  }
  EXPECT_EQ(stop_signal(last_of("STOPSIGNAL sigterm")), "sigterm");
  EXPECT_EQ(stop_signal(last_of("STOPSIGNAL 9")), "9");
  EXPECT_EQ(stop_signal(last_of("STOPSIGNAL SIGRTMIN+3")), "SIGRTMIN+3");
  EXPECT_THAT(failure("STOPSIGNAL SIGNOT"), HasSubstr("invalid signal: SIGNOT"));
  EXPECT_THAT(failure("STOPSIGNAL 0"), HasSubstr("invalid signal: 0"));
}

TEST(DockerfileParser, Case183ReadsMountsAndNothingElse) {
  const auto options = run_options(last_of(
      "RUN --mount=type=cache,target=/c,id=x,sharing=locked,mode=0750,uid=5 "
      "--mount=from=base,src=/a,dst=/b,rw --mount=type=tmpfs,target=/t,size=64m "
      "--mount=type=secret,id=token,required --mount=type=secret,id=k,env=KEY --mount=type=ssh "
      "--network=none --security=insecure true"));

  ASSERT_THAT(options.mounts, SizeIs(6));
  EXPECT_EQ(options.mounts[0].kind, RunMount::Kind::kCache);
  EXPECT_EQ(options.mounts[0].sharing, RunMount::Sharing::kLocked);
  EXPECT_EQ(options.mounts[0].mode, 0750U);
  EXPECT_EQ(options.mounts[0].user, 5U);
  EXPECT_FALSE(options.mounts[0].read_only);
  EXPECT_EQ(options.mounts[1].from, "base");
  EXPECT_EQ(options.mounts[1].source, "/a");
  EXPECT_FALSE(options.mounts[1].read_only);
  EXPECT_EQ(options.mounts[2].bytes, 64U << 20);
  EXPECT_EQ(options.mounts[3].target, "/run/secrets/token");
  EXPECT_TRUE(options.mounts[3].required);
  EXPECT_EQ(options.mounts[4].target, "");
  EXPECT_EQ(options.mounts[4].env, "KEY");
  EXPECT_EQ(options.mounts[5].id, "default");
  EXPECT_EQ(options.network, RunNetwork::kNone);
  EXPECT_TRUE(options.insecure);

  const std::pair<const char*, const char*> refused[] = {
      {"type=bind,target=/x,bind-propagation=shared", "unexpected key 'bind-propagation'"},
      {"type=bnid,target=/x", "did you mean bind?"},
      {"type=bind,target=/x,z", "unexpected key 'z'"},
      {"type=bind,target=/x,size=1", "unexpected key 'size' for mount type 'bind'"},
      {"type=bind,target=/x,uid=1", "unexpected key 'uid' for mount type 'bind'"},
      {"type=bind,source=/x", "invalid mount target"},
      {"type=tmpfs,target=/", "invalid mount target"},
      {"type=tmpfs,target=/x,size=big", "invalid value for size"},
      {"type=cache,target=/x,sharing=mine", "unsupported sharing value"},
      {"type=cache,target", "must be a key=value pair"},
      {"type=secret", "one of id, target required"},
      {"type=secret,id=a,src=b", "both source and id can't be set"},
      {"type=secret,id=a,from=b", "unexpected key 'from' for mount type 'secret'"},
      {"type=bind,target=/x,ro=perhaps", "invalid value for readonly"},
  };
  for (const auto& [mount, why] : refused) {
    EXPECT_THAT(failure(std::string("RUN --mount=") + mount + " true"), HasSubstr(why)) << mount;
  }
  EXPECT_THAT(failure("RUN --network=bridge true"), HasSubstr("invalid network mode"));
  EXPECT_THAT(failure("RUN --security=none true"), HasSubstr("is not valid"));
  EXPECT_THROW(run_options(last_of("RUN --mount=from=$x,target=/y true")), base::Error);
}

TEST(DockerfileParser, ReadsSourcesOfAdd) {
  const auto add = copy_arguments(
      last_of("ADD a https://h/x.tar https://h/r.git#v1:sub git@h:r.git git://h/r /dst/"));
  ASSERT_THAT(add.sources, SizeIs(5));
  EXPECT_EQ(add.sources[0].kind, CopySource::Kind::kPath);
  EXPECT_EQ(add.sources[1].kind, CopySource::Kind::kUrl);
  EXPECT_EQ(add.sources[2].kind, CopySource::Kind::kGit);
  EXPECT_EQ(add.sources[3].kind, CopySource::Kind::kGit);
  EXPECT_EQ(add.sources[4].kind, CopySource::Kind::kGit);
  EXPECT_EQ(add.destination, "/dst/");
  EXPECT_THAT(failure("COPY https://h/x /"), HasSubstr("source can't be a URL for COPY"));
  EXPECT_THAT(failure("COPY git@h:r.git /"), HasSubstr("source can't be a git ref for COPY"));
  EXPECT_THAT(failure("ADD --checksum=sha256:ab a /"), HasSubstr("checksum requires HTTP(S)"));
  EXPECT_THAT(failure("ADD --checksum=x a b /"), HasSubstr("for multiple sources"));
  EXPECT_THAT(failure("COPY --from=$x a /"),
              HasSubstr("variable expansion is not supported for --from"));
  EXPECT_THAT(failure("COPY x"), HasSubstr("requires at least two arguments"));
  EXPECT_THAT(failure("ADD"), HasSubstr("but only none was provided"));
}

TEST(DockerfileParser, RefusesWhatHasNoArguments) {
  for (const std::string text :
       {"RUN", "RUN []", "USER", "WORKDIR", "VOLUME", "VOLUME []", "VOLUME [\" \"]", "STOPSIGNAL",
        "SHELL", "SHELL []", "SHELL /bin/sh -c", "MAINTAINER", "ONBUILD", "ENV", "ARG"}) {
    EXPECT_THAT(failure(text), HasSubstr("Dockerfile:2: ")) << text;
  }
}

TEST(DockerfileParser, Case204MasksPasswordsInMessages) {
  const auto text = failure("ADD --nope https://user:hunter2@host/x.git /");
  EXPECT_THAT(text, HasSubstr("https://***@host/x.git"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST(DockerfileParser, ExpandsWhatBuildKitExpands) {
  const auto get = [](std::string_view name) -> std::optional<std::string> {
    return name == "V" ? std::optional<std::string>("a b") : std::nullopt;
  };
  const auto of = [&](const std::string& text) { return expanded(last_of(text), get, '\\'); };

  EXPECT_EQ(of("WORKDIR /$V/\"x  y\"").text, "/a b/x  y");
  EXPECT_EQ(of("USER ${U:-7}").text, "7");
  EXPECT_THAT(of("VOLUME $V [x").words, ElementsAre("a b", "[x"));
  EXPECT_THAT(of(R"(VOLUME ["/$V"])").words, ElementsAre("/a b"));
  EXPECT_THAT(of("COPY \"$V\" 'c'd").words, ElementsAre("a b", "cd"));
  EXPECT_EQ(of("COPY --chown=$V x y").value("chown"), "a b");
  EXPECT_THAT(of("EXPOSE ${V//?/8} 9").words, ElementsAre("888", "9"));
  EXPECT_EQ(of("RUN echo $V").text, "echo $V");
  EXPECT_THAT(of(R"(CMD ["$V"])").words, ElementsAre("$V"));
  EXPECT_EQ(of("ARG x=$V").assignments.at(0).value, "$V");
  EXPECT_EQ(of("LABEL $V=$V").assignments.at(0).name, "a b");
  EXPECT_EQ(run_options(of("RUN --mount=type=cache,target=/$V true")).mounts.at(0).target, "/a b");
  try {
    of("\nWORKDIR ${X:?no}");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.facts().what, "Dockerfile:3: failed to process \"${X:?no}\": X: no");
    EXPECT_EQ(error.facts().why, "3 | WORKDIR ${X:?no}");
  }
}

}  // namespace
}  // namespace stages::dockerfile
