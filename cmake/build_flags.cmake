# SPDX-License-Identifier: Apache-2.0
# Warnings and sanitizers, in one place; every target of ours links to it.
add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Woverloaded-virtual
  $<$<BOOL:${OSARTIFACT_WERROR}>:-Werror>)
target_compile_definitions(build_flags INTERFACE
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2> SPDLOG_FMT_EXTERNAL)
if(OSARTIFACT_SANITIZE)
  target_compile_options(build_flags INTERFACE
    -fsanitize=${OSARTIFACT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(build_flags INTERFACE -fsanitize=${OSARTIFACT_SANITIZE})
  # Boost.Asio uses fences, which the thread sanitizer does not see; it says so at compile time.
  if(OSARTIFACT_SANITIZE MATCHES thread)
    target_compile_options(build_flags INTERFACE -Wno-tsan)
  endif()
endif()

# One library per folder: osartifact_library(<name> SOURCES ... LINKS ... PRIVATE_LINKS ...)
function(osartifact_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC build_flags ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()
