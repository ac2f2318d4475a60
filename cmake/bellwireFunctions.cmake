# SPDX-License-Identifier: BSD-3-Clause
# What a project of one's own says of its device, its driver and their tests. Whether it found
# bellwire by find_package or took it in by add_subdirectory or FetchContent makes no difference.
#
#   bellwire_add_device(NAME SOURCE…)
#       A program whose main() calls bellwire::device_main (host/device/device_main.hpp).
#
#   bellwire_add_guest_program(NAME SOURCE…)
#       A program for the guest, with the guest's library (<bellwire/guest.h>). It is static, since
#       the guest has no libraries.
#
#   bellwire_add_kernel_module(NAME DIR [KERNEL V])
#       The module NAME.ko, for the guest's kernel V (scripts/kmod --help). DIR has its Kbuild. It is
#       built in a copy of DIR, so what it includes is in DIR, or has an absolute path.
#
#   bellwire_add_vm_test(NAME TEST
#       [DEVICE PROGRAM [ARGUMENTS WORD…]]  a program that bellwire_add_device made, and what precedes
#                                           its --on; it is served over
#       [TRANSPORT vfio-user[,WORD…] | vhost-user[,WORD…] KIND blk|net|rng]   (default: vfio-user)
#       [MODULE MODULE…]                    modules that are loaded first, in that order
#       [PROGRAMS PROGRAM…]                 targets that the guest finds as /share/PROGRAM
#       COMMAND WORD…                       what is run in the guest
#       [TIMEOUT SECONDS]                   for the command alone (default: 60)
#       [OPTIONS WORD…])                    more options of boot-vm
#       A test of CTest's, with the label vm, that boots Debian's kernel, and fails if the command
#       does, a request hangs or the kernel warns (README.md, "Your device, your driver, your
#       test"). TEST.xml in the build folder has what was found, as JUnit has it.
#
#   bellwire_add_pytest(NAME TEST FILES FILE… [OPTIONS WORD…])
#       A test of CTest's, with the label vm, that runs those files of pytest with bellwire's plugin
#       (docs/python.md), in the build folder: so they name programs and modules ./PROGRAM and
#       MODULE.ko. OPTIONS are pytest's. TEST.xml has the tests' results.
#
# Modules and VMs need the scripts of a clone of bellwire: those that the package was installed from,
# or else -D BELLWIRE_SCRIPTS=CLONE/scripts.

set(BELLWIRE_SCRIPTS "" CACHE PATH "The folder scripts of a clone of bellwire")
set_property(GLOBAL PROPERTY BELLWIRE_FUNCTIONS_FOLDER ${CMAKE_CURRENT_LIST_DIR})

function(_bellwire_script name variable)
  get_property(folders GLOBAL PROPERTY BELLWIRE_SCRIPT_FOLDERS)
  foreach(folder ${BELLWIRE_SCRIPTS} ${folders})
    if(EXISTS ${folder}/${name})
      set(${variable} ${folder}/${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  list(JOIN folders " nor " places)
  message(FATAL_ERROR "bellwire's script ${name} is not in ${places}: "
                      "give -D BELLWIRE_SCRIPTS=CLONE/scripts, of a clone of bellwire")
endfunction()

# What cmake_parse_arguments has found, in the caller's ARG_ variables, must be all and enough.
function(_bellwire_check_arguments function needed)
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}: unknown argument '${ARG_UNPARSED_ARGUMENTS}'")
  endif()
  foreach(name ${needed})
    if(NOT DEFINED ARG_${name})
      message(FATAL_ERROR "${function}: give ${name}")
    endif()
  endforeach()
endfunction()

function(bellwire_add_device name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE bellwire::device-main)
endfunction()

function(bellwire_add_guest_program name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE bellwire::guest)
  target_link_options(${name} PRIVATE -static)
endfunction()

function(bellwire_add_kernel_module name folder)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "KERNEL" "")
  _bellwire_check_arguments(bellwire_add_kernel_module "")
  _bellwire_script(kmod kmod)
  get_property(functions GLOBAL PROPERTY BELLWIRE_FUNCTIONS_FOLDER)
  get_filename_component(folder ${folder} ABSOLUTE)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       ${folder}/*.c ${folder}/*.h ${folder}/*.S ${folder}/Kbuild ${folder}/Makefile)
  if(NOT sources)
    message(FATAL_ERROR "bellwire_add_kernel_module: ${folder} has no sources")
  endif()
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${name}.ko)
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -D KMOD=${kmod} -D FOLDER=${folder} -D FILE=${file}
            -D KERNEL=${ARG_KERNEL} -P ${functions}/bellwireModule.cmake
    DEPENDS ${sources} COMMENT "Building the kernel module ${name}.ko" VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${file})
  set_target_properties(${name} PROPERTIES BELLWIRE_MODULE ${file})
endfunction()

# What --serve gets: "'PROGRAM' ARGUMENTS --on TRANSPORT:{socket}".
function(_bellwire_served device arguments transport kind variable)
  string(REPLACE "," ";" words ${transport})
  list(POP_FRONT words name)
  set(where ${name}:{socket})
  if("virtio=1" IN_LIST words)
    string(APPEND where ",virtio=1")
  endif()
  if("server=1" IN_LIST words)
    string(APPEND where ",connect=1")
  endif()
  if(name STREQUAL vhost-user)
    set(before "${kind}=")
  elseif(NOT name STREQUAL vfio-user)
    message(FATAL_ERROR "bellwire_add_vm_test: TRANSPORT ${transport}: a device is served over "
                        "vfio-user or vhost-user")
  endif()
  list(JOIN arguments " " arguments)
  set(${variable} "${before}'$<TARGET_FILE:${device}>' ${arguments} --on ${where}" PARENT_SCOPE)
endfunction()

# The folder that the guest gets, with those programs.
function(_bellwire_shared name programs variable)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.share)
  set(files)
  foreach(program ${programs})
    list(APPEND files $<TARGET_FILE:${program}>)
  endforeach()
  add_custom_target(${name}-share ALL
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${files} ${folder}
    COMMENT "Sharing ${programs} with the guest" VERBATIM)
  add_dependencies(${name}-share ${programs})
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

function(bellwire_add_vm_test)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME;DEVICE;TRANSPORT;KIND;TIMEOUT"
                        "ARGUMENTS;MODULE;PROGRAMS;COMMAND;OPTIONS")
  _bellwire_check_arguments(bellwire_add_vm_test "NAME;COMMAND")
  _bellwire_script(boot-vm boot_vm)
  if(NOT ARG_TRANSPORT)
    set(ARG_TRANSPORT vfio-user)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(ARG_DEVICE)
    _bellwire_served(${ARG_DEVICE} "${ARG_ARGUMENTS}" ${ARG_TRANSPORT} "${ARG_KIND}" served)
    set(words --transport ${ARG_TRANSPORT} --serve ${served})
  else()
    set(words --device none)
  endif()
  foreach(module ${ARG_MODULE})
    list(APPEND words --insmod $<TARGET_PROPERTY:${module},BELLWIRE_MODULE>)
  endforeach()
  if(ARG_PROGRAMS)
    _bellwire_shared(${ARG_NAME} "${ARG_PROGRAMS}" folder)
    list(APPEND words --share ${folder})
  endif()
  add_test(NAME ${ARG_NAME}
    COMMAND ${boot_vm} ${words} --timeout ${ARG_TIMEOUT}
            --junit ${CMAKE_CURRENT_BINARY_DIR}/${ARG_NAME}.xml ${ARG_OPTIONS} -- ${ARG_COMMAND})
  math(EXPR most "${ARG_TIMEOUT} + 900")  # a first run fetches a kernel
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS vm TIMEOUT ${most})
endfunction()

# The first that has pytest: that of the user's path, which may be of an environment, or Debian's.
function(_bellwire_python variable)
  set(asked "import pytest, sys; assert sys.version_info >= (3, 11); print(sys.executable)")
  foreach(python python3 /usr/bin/python3)
    execute_process(COMMAND ${python} -c "${asked}" OUTPUT_VARIABLE found RESULT_VARIABLE status
                    ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(status EQUAL 0)
      set(${variable} ${found} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "no Python 3.11 or newer with pytest: install python3-pytest")
endfunction()

function(bellwire_add_pytest)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "FILES;OPTIONS")
  _bellwire_check_arguments(bellwire_add_pytest "NAME;FILES")
  _bellwire_python(python)
  list(TRANSFORM ARG_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ REGEX "^[^/]")
  add_test(NAME ${ARG_NAME}
    COMMAND ${python} -B -m pytest -p bellwire.plugin -p no:cacheprovider
            --junitxml ${CMAKE_CURRENT_BINARY_DIR}/${ARG_NAME}.xml ${ARG_OPTIONS} ${ARG_FILES})
  _bellwire_script(boot-vm boot_vm)
  get_filename_component(scripts ${boot_vm} DIRECTORY)
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS vm TIMEOUT 1800)  # a first run fetches a kernel
  if(EXISTS ${scripts}/python)  # a Python package that is installed is found by itself
    set_tests_properties(${ARG_NAME} PROPERTIES ENVIRONMENT_MODIFICATION
                         "PYTHONPATH=path_list_prepend:${scripts}/python")
  endif()
endfunction()
