# The simulated flash: heap and files, so it lives with the Linux port; storage's tests use it too.
add_library(roost_sim_flash STATIC ${CMAKE_CURRENT_LIST_DIR}/boards.cc ${CMAKE_CURRENT_LIST_DIR}/sim_flash.cc)
target_link_libraries(roost_sim_flash PUBLIC roost_storage)
