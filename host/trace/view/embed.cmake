# SPDX-License-Identifier: BSD-3-Clause
# cmake -D OUT=FILE -D PAGE=FOLDER -P embed.cmake: writes the page's files into a C++ file, as
# page.hpp declares them. Its scripts are one there, in the order in which they need each
# other.
set(scripts words.js path.js timeline.js travel.js table.js heat.js page.js)

set(text "// SPDX-License-Identifier: BSD-3-Clause\n#include \"host/trace/view/page.hpp\"\n
namespace bellwire::view::page {\n")
function(embed name)
  set(content "")
  foreach(file ${ARGN})
    file(READ "${PAGE}/${file}" part)
    string(APPEND content "${part}")
  endforeach()
  set(text "${text}const std::string_view ${name} = R\"~~(${content})~~\";\n" PARENT_SCOPE)
endfunction()
embed(skeleton page.html)
embed(style page.css)
embed(script ${scripts})
file(WRITE "${OUT}" "${text}}  // namespace bellwire::view::page\n")
