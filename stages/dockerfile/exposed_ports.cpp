// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>

#include "base/format.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

struct Range {
  int first;
  int last;
};

std::optional<int> port_number(std::string_view text) {
  int number = 0;
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return number >= 0 && number <= 65535 ? std::optional(number) : std::nullopt;
}

/// "8000-8010", "80".
std::optional<Range> port_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = port_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port_number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return Range{.first = *first, .last = *last};
}

/// `[[address:]host port:]port[-port][/protocol]`: the container's ports. Source: BuildKit,
/// dockerfile2llb/convert_expose.go.
std::optional<std::vector<std::string>> ports_of(std::string_view word) {
  const auto colon = word.rfind(':');
  auto port = colon == std::string_view::npos ? word : word.substr(colon + 1);
  const auto slash = port.find('/');
  auto protocol = slash == std::string_view::npos ? "" : lower_case(port.substr(slash + 1));
  port = port.substr(0, slash);
  if (protocol.empty()) protocol = "tcp";
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") return std::nullopt;
  const auto range = port_range(port);
  if (!range) return std::nullopt;
  if (colon != std::string_view::npos) {
    const auto before = word.substr(0, colon);
    const auto host_colon = before.rfind(':');
    const auto host = before.substr(host_colon == std::string_view::npos ? 0 : host_colon + 1);
    if (!host.empty() && !port_range(host)) return std::nullopt;
  }
  std::vector<std::string> ports;
  for (int number = range->first; number <= range->last; ++number) {
    ports.push_back(fmt::format("{}/{}", number, protocol));
  }
  return ports;
}

}  // namespace

std::vector<std::string> exposed_ports(const Instruction& instruction) {
  if (instruction.words.empty()) {
    throw instruction_error(instruction, "EXPOSE requires at least one argument");
  }
  std::vector<std::string> ports;
  for (const auto& word : instruction.words) {
    const auto found = ports_of(word);
    if (!found) {
      throw instruction_error(instruction,
                              fmt::format("invalid port: \"{}\"", base::printable(word)),
                              "write a port or a range with tcp, udp or sctp: 80, 8000-8010/udp");
    }
    ports.insert(ports.end(), found->begin(), found->end());
  }
  return ports;
}

}  // namespace stages::dockerfile
