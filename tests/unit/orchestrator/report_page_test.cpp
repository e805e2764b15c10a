// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/report_page.hpp"

#include <gmock/gmock.h>

namespace {

using testing::HasSubstr;
using testing::Not;

nlohmann::json report() {
  return {{"name", "demo"},
          {"osartifact", "0.1.0"},
          {"started", "2026-11-25T10:00:00Z"},
          {"finished", "2026-11-25T10:00:10Z"},
          {"image", {{"reference", "registry.example.com/team/app:1"}, {"digest", "sha256:ab"}}},
          {"stages",
           {{{"name", "pull"}, {"state", "cached"}, {"milliseconds", 0}},
            {{"name", "iso"},
             {"state", "done"},
             {"startedAfterMilliseconds", 2500},
             {"milliseconds", 7500},
             {"facts", {"kernel: <script>alert(1)</script>"}}}}},
          {"artifacts", {{{"path", "/out/demo.iso"}, {"size", 1048576}, {"digest", "sha256:cd"}}}}};
}

}  // namespace

TEST(ReportPage, ShowsStagesWhereTheyStandInTime) {
  const auto page = orchestrator::report_page(report());

  EXPECT_THAT(page, HasSubstr("left:25.00%;width:75.00%"));
  EXPECT_THAT(page, HasSubstr("/out/demo.iso"));
  EXPECT_THAT(page, HasSubstr("1.0 MiB"));
  EXPECT_THAT(page, HasSubstr("state-cached"));
}

TEST(ReportPage, TextOfImagesIsNeverMarkup) {
  const auto page = orchestrator::report_page(report());

  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
}

TEST(ReportPage, AFailureStandsFirst) {
  auto failed = report();
  failed["error"] = {{"what", "cannot make the ISO"},
                     {"why", "line 1\nline 2"},
                     {"hint", "free some space"},
                     {"exitStatus", 8},
                     {"while", {"stage 'iso'"}}};

  const auto page = orchestrator::report_page(failed);

  EXPECT_THAT(page, HasSubstr("<pre>line 1\nline 2</pre>"));
  EXPECT_LT(page.find("cannot make the ISO"), page.find("<h2>Stages"));
}
