# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` leaves: the program, the layers with their headers, and how other
# projects find them, by find_package(bellwire) or by pkg-config. The build folder is such a package,
# too: -D bellwire_DIR=build/release.
include(CMakePackageConfigHelpers)

get_property(layers GLOBAL PROPERTY BELLWIRE_LAYERS)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/bellwire)
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/bellwire)

install(TARGETS bellwire RUNTIME)
foreach(part bellwire-explore bellwire-simulate)
  if(TARGET ${part})
    install(TARGETS ${part} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
  endif()
endforeach()

# The back-ends of vhost-user, as management tools find them: a description each, with the path of a
# program, which is bellwire under another name (host/main.cpp).
foreach(device blk:block net:net rng:rng)  # its name, and its type in the schema
  string(REPLACE ":" ";" device ${device})
  list(GET device 0 BELLWIRE_DEVICE)
  list(GET device 1 BELLWIRE_DEVICE_TYPE)
  set(name bellwire-vhost-user-${BELLWIRE_DEVICE})
  set(place "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBEXECDIR}")
  install(CODE "file(MAKE_DIRECTORY \"${place}\")
file(CREATE_LINK ../${CMAKE_INSTALL_BINDIR}/bellwire \"${place}/${name}\" SYMBOLIC)")
  configure_file(cmake/vhost-user.json.in ${PROJECT_BINARY_DIR}/50-${name}.json)
  install(FILES ${PROJECT_BINARY_DIR}/50-${name}.json
          DESTINATION ${CMAKE_INSTALL_DATADIR}/qemu/vhost-user)
endforeach()
set(libraries ${layers})
if(TARGET bellwire-guest)
  list(APPEND libraries bellwire-guest)
  install(FILES guest-kmod/library/guest.h DESTINATION ${headers})
endif()
install(TARGETS ${libraries} EXPORT bellwire ARCHIVE)
install(DIRECTORY vdev DESTINATION ${headers} FILES_MATCHING PATTERN "*.hpp"
        PATTERN explore EXCLUDE PATTERN simulate EXCLUDE)
install(FILES host/device/device_main.hpp DESTINATION ${headers}/host/device)
# Where the layers' headers find them, and <bellwire/uapi/bellwire.h>, for programs of the guest.
install(FILES guest-kmod/uapi/bellwire.h guest-kmod/uapi/bellwire_virtio.h
        DESTINATION ${headers}/guest-kmod/uapi)
install(FILES guest-kmod/uapi/bellwire.h guest-kmod/uapi/bellwire_virtio.h
        DESTINATION ${headers}/uapi)

install(EXPORT bellwire NAMESPACE bellwire:: FILE bellwireTargets.cmake DESTINATION ${package})
export(TARGETS ${libraries} bellwire-settings bellwire-layer-settings bellwire-fuzzed-settings
       NAMESPACE bellwire:: FILE bellwireTargets.cmake)
configure_package_config_file(
  cmake/bellwireConfig.cmake.in ${PROJECT_BINARY_DIR}/bellwireConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/bellwireConfigVersion.cmake COMPATIBILITY SameMinorVersion)
foreach(functions bellwireFunctions bellwireModule)
  configure_file(cmake/${functions}.cmake ${PROJECT_BINARY_DIR} COPYONLY)
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/bellwireConfig.cmake
              ${PROJECT_BINARY_DIR}/bellwireConfigVersion.cmake
              cmake/bellwireFunctions.cmake cmake/bellwireModule.cmake
        DESTINATION ${package})

# pkg-config wants the archives highest layer first.
list(REVERSE layers)
list(TRANSFORM layers PREPEND -l OUTPUT_VARIABLE BELLWIRE_LIBRARIES)
list(JOIN BELLWIRE_LIBRARIES " " BELLWIRE_LIBRARIES)
file(RELATIVE_PATH BELLWIRE_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
foreach(name bellwire bellwire-guest)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
