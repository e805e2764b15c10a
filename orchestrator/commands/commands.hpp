// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "orchestrator/options.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator {

// One function per command; each returns the exit status or throws base::Error. Results go to
// session.environment().out, everything else to the events.
int run_build(Session& session, const Invocation& invocation);
int run_plan(Session& session, const Invocation& invocation);
int run_run(Session& session, const Invocation& invocation);
int run_validate(Session& session, const Invocation& invocation);
int run_pull(Session& session, const Invocation& invocation);
int run_unpack(Session& session, const Invocation& invocation);
int run_push(Session& session, const Invocation& invocation);
int run_inspect(Session& session, const Invocation& invocation);
int run_image_build(Session& session, const Invocation& invocation);
/// Of a file that is no image: an ISO, a disk...
int run_inspect_file(Session& session, const Invocation& invocation);
int run_auth_check(Session& session, const Invocation& invocation);
int run_store_df(Session& session, const Invocation& invocation);
int run_store_prune(Session& session, const Invocation& invocation);
int run_store_verify(Session& session, const Invocation& invocation);
int run_operator(Session& session, const Invocation& invocation);
int run_render(Session& session, const Invocation& invocation);
int run_completion(Session& session, const Invocation& invocation);
int run_version(Session& session, const Invocation& invocation);

}  // namespace orchestrator
