// SPDX-License-Identifier: Apache-2.0
#include "stages/ipxe_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"

namespace stages {
namespace {

// The words that Kairos's agent, immucore and dracut look for on a machine booted from a network.
constexpr std::string_view kWords =
    "rd.live.overlay.overlayfs rd.neednet=1 ip=dhcp rd.cos.disable netboot nodepair.enable";
constexpr std::string_view kConsoles = "console=tty1 console=ttyS0 console=tty0";

bool is_one_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char character) {
    return std::isgraph(character) != 0 &&
           std::string_view("\"'\\${}|&;").find(static_cast<char>(character)) ==
               std::string_view::npos;
  });
}

std::string folder_url(std::string_view url) {
  constexpr std::array<std::string_view, 4> kSchemes = {"http://", "https://", "ftp://", "tftp://"};
  const bool known = std::any_of(kSchemes.begin(), kSchemes.end(), [&](auto scheme) {
    return url.starts_with(scheme) && url.size() > scheme.size();
  });
  if (!known || !is_one_word(url)) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = "spec.artifacts.netbootURL cannot be used",
                       .why = "machines are told to fetch their files from there",
                       .hint = "write a URL that begins with http://, https://, ftp:// or tftp://, "
                               "without blanks, quotes, $ and ;"});
  }
  auto folder = std::string(url);
  if (!folder.ends_with('/')) folder += '/';
  return folder;
}

}  // namespace

std::string ipxe_script(std::string_view name, std::string_view url) {
  if (!is_one_word(name)) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("\"{}\" cannot name netboot artifacts", name),
                       .why = "it holds what iPXE gives a meaning to",
                       .hint = "use letters, digits, dashes and dots"});
  }
  // iPXE takes names relative to the script, but the kernel wants a whole URL for its root.
  const auto base = url.empty() ? std::string("isset ${base} || goto no_base\n")
                                : fmt::format("set base {}\n", folder_url(url));
  const auto end = url.empty() ? ":no_base\n"
                                 "echo set base to the URL of the folder of this script, with a "
                                 "slash at its end, and chain it again\n"
                                 "exit 1\n"
                               : "";
  return fmt::format(
      "#!ipxe\n"
      "isset ${{net0/ip}} || dhcp\n"
      "{0}"
      "isset ${{config_url}} && set config config_url=${{config_url}} ||\n"
      "kernel ${{base}}{1}-kernel initrd={1}-initrd root=live:${{base}}{1}.squashfs {2} {3} "
      "${{config}} ${{cmdline}}\n"
      "initrd --name {1}-initrd ${{base}}{1}-initrd\n"
      "boot\n"
      "{4}",
      base, name, kWords, kConsoles, end);
}

}  // namespace stages
