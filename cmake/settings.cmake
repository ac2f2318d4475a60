# SPDX-License-Identifier: BSD-3-Clause
# What every target shares: the language, the warnings, the sanitizers, the
# libraries from outside, and the functions that declare a layer, its tests and its fuzzer.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

include(GNUInstallDirs)
# GLOBAL: a project that takes in this one links them, too.
find_package(Threads REQUIRED GLOBAL)
find_package(Boost 1.81 REQUIRED GLOBAL COMPONENTS json)
find_package(fmt REQUIRED GLOBAL)
find_package(CLI11 REQUIRED GLOBAL)
find_path(BELLWIRE_LIBURING liburing.h)
if(NOT BELLWIRE_LIBURING)
  message(FATAL_ERROR "liburing.h is missing: install liburing-dev, or run ./scripts/setup")
endif()

find_path(BELLWIRE_LIBSECCOMP seccomp.h)
if(NOT BELLWIRE_LIBSECCOMP)
  message(FATAL_ERROR "seccomp.h is missing: install libseccomp-dev, or run ./scripts/setup")
endif()

add_library(bellwire-settings INTERFACE)
target_compile_options(bellwire-settings INTERFACE
  -Wall -Wextra -Wshadow "$<$<COMPILE_LANGUAGE:CXX>:-Wconversion;-Wnon-virtual-dtor>"
  $<$<BOOL:${BELLWIRE_WERROR}>:-Werror>)
if(NOT BELLWIRE_SANITIZE)
  # What makes an overflow harder to use (host/tests/hardening_test.py). Debian's packages set these, too.
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection
                      "$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(BELLWIRE_SANITIZE)
  add_compile_options(-fsanitize=${BELLWIRE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BELLWIRE_SANITIZE})
  if(BELLWIRE_SANITIZE MATCHES address)
    add_link_options(-no-pie)  # the tests start these programs often: no relocations, a quarter less
  endif()
  if(BELLWIRE_SANITIZE MATCHES undefined)
    # It opens a pipe to see whether memory is there, and takes a failure for a no: tests that leave
    # a process no descriptors would all find a wrong object. ASan sees objects that have gone.
    add_compile_options(-fno-sanitize=vptr)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      # By a relative path, as in all that is compiled: so clones have the same command line.
      file(RELATIVE_PATH not_sanitized ${CMAKE_BINARY_DIR}
           ${CMAKE_CURRENT_LIST_DIR}/not-sanitized.txt)
      add_compile_options(-fsanitize-ignorelist=${not_sanitized})
    endif()
  endif()
  if(BELLWIRE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-tsan)  # for Asio's fences, which it cannot follow; we have none
  endif()
endif()

if(BELLWIRE_MEMCHECK)
  find_path(BELLWIRE_VALGRIND valgrind/memcheck.h)
  if(NOT BELLWIRE_VALGRIND)
    message(FATAL_ERROR "valgrind/memcheck.h is missing: install valgrind, or run ./scripts/setup test")
  endif()
  add_compile_definitions(BELLWIRE_MEMCHECK)
endif()

if(BELLWIRE_TESTS)
  find_program(BELLWIRE_LLD ld.lld)
  if(BELLWIRE_LLD)
    add_link_options(-fuse-ld=lld)  # takes a fifth of GNU ld's time for a sanitised program
  endif()
endif()

# The sanitised trees are built more often than their programs run for long. So only the layers of
# vdev, which every test runs, are optimised (-O1). What shows a fuzzer all branches takes a fifth of the
# time in which clang compiles a layer: only the layers have it that the fuzz targets exercise.
add_library(bellwire-layer-settings INTERFACE)
add_library(bellwire-fuzzed-settings INTERFACE)
if(BELLWIRE_SANITIZE)
  target_compile_options(bellwire-layer-settings INTERFACE -O1)
endif()
if(BELLWIRE_FUZZ)
  target_compile_options(bellwire-fuzzed-settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# bellwire_layer(NAME [FUZZED] SOURCES … USES …): a library target bellwire-NAME, installed as
# bellwire::NAME. Headers are found from the project's root: "vdev/os/event_fd.hpp". A layer is FUZZED
# if a fuzz target's input reaches its code.
function(bellwire_layer name)
  cmake_parse_arguments(ARG "FUZZED" "" "SOURCES;USES" ${ARGN})
  add_library(bellwire-${name} STATIC ${ARG_SOURCES})
  add_library(bellwire::${name} ALIAS bellwire-${name})
  set_target_properties(bellwire-${name} PROPERTIES EXPORT_NAME ${name})
  if(BELLWIRE_SANITIZE MATCHES thread)  # only what a test needs
    set_target_properties(bellwire-${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  target_compile_features(bellwire-${name} PUBLIC cxx_std_20)
  target_include_directories(bellwire-${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/bellwire>)
  target_link_libraries(bellwire-${name} PUBLIC ${ARG_USES}
                                         PRIVATE $<BUILD_INTERFACE:bellwire-settings>)
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "^${PROJECT_SOURCE_DIR}/vdev/")
    target_link_libraries(bellwire-${name} PRIVATE $<BUILD_INTERFACE:bellwire-layer-settings>)
  endif()
  set_target_properties(bellwire-${name} PROPERTIES BELLWIRE_FUZZED ${ARG_FUZZED})
  if(ARG_FUZZED)
    target_link_libraries(bellwire-${name} PRIVATE $<BUILD_INTERFACE:bellwire-fuzzed-settings>)
  endif()
  set_property(GLOBAL APPEND PROPERTY BELLWIRE_LAYERS bellwire-${name})
endfunction()

# bellwire_test(NAME SOURCES … THREADS … USES …): a doctest program and its CTest entry. THREADS are
# the sources whose tests start threads, and what these need; under TSan, the program is made of them
# alone. `scripts/test lint` asks for each such test to be there. doctest exits 0 when no test ran, so
# the entry asks for a count as well.
function(bellwire_test name)
  if(NOT BELLWIRE_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;THREADS;USES" ${ARGN})
  if(BELLWIRE_SANITIZE MATCHES thread)
    set(ARG_SOURCES "")
    if(NOT ARG_THREADS)
      return()
    endif()
  endif()
  add_executable(${name}-test ${ARG_SOURCES} ${ARG_THREADS})
  target_link_libraries(${name}-test PRIVATE ${ARG_USES} bellwire-doctest bellwire-settings)
  add_test(NAME ${name} COMMAND ${name}-test)
  set_tests_properties(${name} PROPERTIES TIMEOUT 1200
    FAIL_REGULAR_EXPRESSION "test cases: +0 ;WARNING: ThreadSanitizer;ERROR: AddressSanitizer;runtime error:")
endfunction()

# bellwire_fuzz(NAME SOURCES … USES …): a libFuzzer program, which tests the first layer that it
# USES. clang only.
function(bellwire_fuzz name)
  if(NOT BELLWIRE_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  list(GET ARG_USES 0 tested)
  get_target_property(fuzzed ${tested} BELLWIRE_FUZZED)
  if(NOT fuzzed)
    message(FATAL_ERROR "${name}-fuzz tests ${tested}, which has no coverage for fuzzers: "
                        "declare that layer, and those below it that the input reaches, as FUZZED")
  endif()
  add_executable(${name}-fuzz ${ARG_SOURCES})
  target_link_options(${name}-fuzz PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name}-fuzz PRIVATE
    ${ARG_USES} bellwire-settings bellwire-layer-settings bellwire-fuzzed-settings)
endfunction()

# bellwire_page(OUT FOLDER … HEADER … SPACE … HTML … CSS … SCRIPTS …): a C++ file with a page's files,
# so that they are in the program.
function(bellwire_page out)
  cmake_parse_arguments(ARG "" "FOLDER;HEADER;SPACE;HTML;CSS" "SCRIPTS" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${ARG_FOLDER}/*)
  list(JOIN ARG_SCRIPTS " " scripts)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D OUT=${out} -D PAGE=${ARG_FOLDER} -D HEADER=${ARG_HEADER}
            -D SPACE=${ARG_SPACE} -D HTML=${ARG_HTML} -D CSS=${ARG_CSS} -D "SCRIPTS=${scripts}"
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
endfunction()
