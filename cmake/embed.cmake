# SPDX-License-Identifier: BSD-3-Clause
# cmake -D OUT=FILE -D PAGE=FOLDER -D HEADER=FILE -D SPACE=NAMESPACE -D HTML=FILE -D CSS=FILE
# -D "SCRIPTS=FILE…" -P embed.cmake: writes a page's files into a C++ file, as HEADER declares them in
# SPACE. Its scripts are one there, in the order in which they need each other.
set(text "// SPDX-License-Identifier: BSD-3-Clause\n#include \"${HEADER}\"\n
namespace ${SPACE} {\n")
function(embed name)
  set(content "")
  foreach(file ${ARGN})
    file(READ "${PAGE}/${file}" part)
    string(APPEND content "${part}")
  endforeach()
  set(text "${text}const std::string_view ${name} = R\"~~(${content})~~\";\n" PARENT_SCOPE)
endfunction()
separate_arguments(scripts UNIX_COMMAND "${SCRIPTS}")
embed(skeleton ${HTML})
embed(style ${CSS})
embed(script ${scripts})
file(WRITE "${OUT}" "${text}}  // namespace ${SPACE}\n")
