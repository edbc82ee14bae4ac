# The Debian package `roost`: the programs, the service, manual pages and completion (component host). Made by
# scripts/package-deb; what other projects build firmware from (component firmware) is not in it.
install(FILES scripts/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT host)
install(FILES host/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT host)
install(FILES host/daemon/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME README.roostd.md COMPONENT host)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME roost)
set(CPACK_PACKAGE_VENDOR Roost)
set(CPACK_PACKAGE_CONTACT "Roost developers <roost@example.org>")
set(CPACK_COMPONENTS_ALL host)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_HOST_PACKAGE_NAME roost)
set(CPACK_DEBIAN_HOST_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_HOST_DESCRIPTION "delivers machine-learning models to microcontrollers over Bluetooth LE
The roost command sends TensorFlow Lite models to devices, inspects and runs
them; roostd, a system service, delivers to many devices and goes on after
any interruption.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The bus to serve, and the maker of its user. bluetoothd is needed for Bluetooth only.
set(CPACK_DEBIAN_HOST_PACKAGE_DEPENDS
  "default-dbus-system-bus | dbus-system-bus, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_HOST_PACKAGE_RECOMMENDS bluez)
set(CPACK_DEBIAN_HOST_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/scripts/debian/postinst ${CMAKE_SOURCE_DIR}/scripts/debian/prerm
  ${CMAKE_SOURCE_DIR}/scripts/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
