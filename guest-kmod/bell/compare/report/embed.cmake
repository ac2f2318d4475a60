# SPDX-License-Identifier: BSD-3-Clause
# cmake -D OUT=FILE -D ROOT=FOLDER -P embed.cmake -- FILE...: writes the sources into a C++ file, as
# the table that source_lines.cpp counts in. Each has its path below ROOT as its name.
set(text "// SPDX-License-Identifier: BSD-3-Clause\n#include \"guest-kmod/bell/compare/report/result.hpp\"\n
namespace bell::compare {\nnamespace {\nconstexpr Source embedded_sources[] = {\n")
set(found FALSE)
foreach(number RANGE ${CMAKE_ARGC})
  set(file "${CMAKE_ARGV${number}}")
  if(found AND file)
    file(READ "${file}" content)
    file(RELATIVE_PATH name "${ROOT}" "${file}")
    string(APPEND text "{\"${name}\", R\"~~(${content})~~\"},\n")
  elseif(file STREQUAL "--")
    set(found TRUE)
  endif()
endforeach()
string(APPEND text "};\n}  // namespace\nstd::span<const Source> sources() { return embedded_sources; }\n}  // namespace bell::compare\n")
file(WRITE "${OUT}" "${text}")
