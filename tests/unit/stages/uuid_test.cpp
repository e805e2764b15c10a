// SPDX-License-Identifier: Apache-2.0
#include "stages/uuid.hpp"

#include <gtest/gtest.h>

TEST(Uuid, IsTheOneOfItsName) {
  // As uuid.uuid5(uuid.NAMESPACE_URL, "KAIROS_DISK") of Python gives it.
  EXPECT_EQ(stages::text_of(stages::uuid_of_name("KAIROS_DISK")),
            "2ceff841-4c1d-5a14-8e46-ed3aeb621093");
}
