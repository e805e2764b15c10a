// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/git_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"
#include "base/format.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

/// "https" of "https://..."; empty when there is none.
std::string scheme_of(std::string_view text) {
  const auto end = text.find("://");
  if (end == std::string_view::npos) return {};
  const auto scheme = text.substr(0, end);
  const bool clean = std::all_of(scheme.begin(), scheme.end(),
                                 [](unsigned char c) { return std::isalnum(c) != 0; });
  return clean ? lower_case(scheme) : "";
}

/// `user@host:path`. Source: BuildKit, util/sshutil.
bool is_scp_form(std::string_view text) {
  const auto at = text.find('@');
  const auto colon = text.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || at == 0 ||
      colon <= at + 1) {
    return false;
  }
  const auto all = [](std::string_view part, std::string_view extra) {
    return std::all_of(part.begin(), part.end(), [&](unsigned char c) {
      return std::isalnum(c) != 0 || extra.find(static_cast<char>(c)) != std::string_view::npos;
    });
  };
  return all(text.substr(0, at), "_-") && text.front() != '-' &&
         all(text.substr(at + 1, colon - at - 1), ".-") && text[at + 1] != '-';
}

[[noreturn]] void fail(std::string problem, std::string hint = {}) {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = std::move(problem),
                     .why = "",
                     .hint = std::move(hint)});
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto digit = [&](std::size_t where) -> int {
      if (where >= text.size()) return -1;
      const auto c = static_cast<unsigned char>(text[where]);
      if (std::isdigit(c) != 0) return c - '0';
      return std::isxdigit(c) != 0 ? std::tolower(c) - 'a' + 10 : -1;
    };
    if (text[at] == '%' && digit(at + 1) >= 0 && digit(at + 2) >= 0) {
      result += static_cast<char>(digit(at + 1) * 16 + digit(at + 2));
      at += 2;
    } else {
      result += text[at];
    }
  }
  return result;
}

bool truth(std::string_view name, std::string_view value) {
  const auto text = lower_case(value);
  if (text.empty() || text == "1" || text == "t" || text == "true") return true;
  if (text == "0" || text == "f" || text == "false") return false;
  fail(fmt::format("invalid {} value: \"{}\"", name, base::printable(value)));
}

void set_once(std::string& field, std::string value, std::string_view name) {
  if (!field.empty() && field != value) {
    fail(fmt::format("{} conflicts: \"{}\" vs \"{}\"", name, base::printable(field),
                     base::printable(value)));
  }
  field = std::move(value);
}

std::string with_prefix(std::string prefix, std::string value) {
  return value.starts_with(prefix) ? value : prefix + value;
}

void read_query(GitSource& source, std::string_view query) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decoded(pair.substr(0, equals));
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
    const bool may_be_empty =
        name == "keep-git-dir" || name == "submodules" || name == "fetch-by-commit";
    if (value.empty() && !may_be_empty) fail(fmt::format("query \"{}\" has no value", name));
    if (name == "ref") {
      set_once(source.ref, std::move(value), "ref");
    } else if (name == "tag") {
      set_once(source.ref, with_prefix("refs/tags/", std::move(value)), "ref");
    } else if (name == "branch") {
      set_once(source.ref, with_prefix("refs/heads/", std::move(value)), "ref");
    } else if (name == "subdir") {
      set_once(source.subdir, std::move(value), "subdir");
    } else if (name == "checksum" || name == "commit") {
      set_once(source.checksum, std::move(value), "checksum");
    } else if (name == "keep-git-dir") {
      source.keep_git_dir = truth(name, value);
    } else if (name == "submodules") {
      source.submodules = truth(name, value);
    } else if (name == "fetch-by-commit") {
      source.fetch_by_commit = truth(name, value);
    } else if (name == "mtime") {
      if (value != "checkout" && value != "commit") {
        fail(fmt::format("invalid mtime value: \"{}\"", base::printable(value)),
             "it is checkout or commit");
      }
      source.commit_times = value == "commit";
    } else {
      fail(fmt::format("unexpected query \"{}\" of a git source", base::printable(name)),
           "known are ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules, mtime "
           "and fetch-by-commit");
    }
  }
}

void check(const GitSource& source) {
  // A ref that git could take for an option, or an argument of more than one line.
  const auto is_odd = [](std::string_view text) {
    return text.starts_with('-') || std::any_of(text.begin(), text.end(), [](unsigned char c) {
             return c < 0x21 || c == 0x7f;
           });
  };
  if (is_odd(source.ref)) {
    fail(fmt::format("\"{}\" cannot be a git ref", base::printable(source.ref)));
  }
  if (is_odd(source.remote)) fail("the address of the git repository is not sound");
  const bool hexadecimal = std::all_of(source.checksum.begin(), source.checksum.end(),
                                       [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!hexadecimal) {
    fail(fmt::format("\"{}\" is no commit", base::printable(source.checksum)),
         "the checksum of a git source is the hexadecimal name of its commit");
  }
}

}  // namespace

bool is_git_source(std::string_view text) {
  const auto scheme = scheme_of(text);
  if (scheme == "git" || scheme == "ssh") return true;
  if (scheme == "http" || scheme == "https") {
    return text.substr(0, text.find_first_of("?#")).ends_with(".git");
  }
  return scheme.empty() && is_scp_form(text);
}

GitSource parse_git_source(std::string_view text) {
  GitSource source;
  const auto fragment_at = std::min(text.find('#'), text.size());
  const auto fragment = text.substr(std::min(fragment_at + 1, text.size()));
  const auto address = text.substr(0, fragment_at);
  const auto query_at = std::min(address.find('?'), address.size());
  source.remote = address.substr(0, query_at);
  const auto colon = std::min(fragment.find(':'), fragment.size());
  source.ref = percent_decoded(fragment.substr(0, colon));
  source.subdir = percent_decoded(fragment.substr(std::min(colon + 1, fragment.size())));
  read_query(source, address.substr(std::min(query_at + 1, address.size())));
  source.subdir = oci::join(oci::clean_path(source.subdir));
  check(source);
  return source;
}

}  // namespace stages::dockerfile
