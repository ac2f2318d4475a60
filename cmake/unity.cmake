# SPDX-License-Identifier: BSD-3-Clause
# Unity files, for the targets whose property UNITY_BUILD is set. CMake's own name the sources by
# absolute paths, so ccache finds what another clone compiled only after the preprocessor has run.
# These name them from the project's root, and are the same in all clones.

# Joins the sources of each target in this folder and below.
function(bellwire_unity_folder folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(wanted ${target} UNITY_BUILD)
    if(wanted AND type MATCHES "_LIBRARY$|^EXECUTABLE$")
      bellwire_unity_target(${target})
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below IN LISTS folders)
    bellwire_unity_folder(${below})
  endforeach()
endfunction()

# What is generated, and what is to be compiled alone, stays as it is.
function(bellwire_unity_target target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  get_target_property(built ${target} BINARY_DIR)
  foreach(source IN LISTS sources)
    get_filename_component(path ${source} ABSOLUTE BASE_DIR ${folder})
    get_source_file_property(skipped ${path} TARGET_DIRECTORY ${target} SKIP_UNITY_BUILD_INCLUSION)
    get_source_file_property(generated ${path} TARGET_DIRECTORY ${target} GENERATED)
    if(path MATCHES "\\.(c|cpp)$" AND NOT skipped AND NOT generated)
      file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${path})
      string(APPEND joined_${CMAKE_MATCH_1} "#include \"${name}\"\n")
    else()
      list(APPEND compiled ${source})
    endif()
  endforeach()
  foreach(language c cpp)
    if(joined_${language})
      set(unity ${built}/unity/${target}.${language})
      file(CONFIGURE OUTPUT ${unity} CONTENT "${joined_${language}}" @ONLY)
      list(APPEND compiled ${unity})
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES SOURCES "${compiled}" UNITY_BUILD OFF)
  set_property(TARGET ${target} APPEND PROPERTY INCLUDE_DIRECTORIES ${PROJECT_SOURCE_DIR})
endfunction()

bellwire_unity_folder(${PROJECT_SOURCE_DIR})
