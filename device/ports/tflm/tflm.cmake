# The adapter for TensorFlow Lite Micro. Included by Roost's own build and by find_package(roost).
#
#   ROOST_TFLM_DIR          the firmware's copy of TFLM: the folder in which `tensorflow/` is
#   ROOST_TFLM_LIBRARY      what links its code: a library file, or the name of a CMake target. Roost builds none of it.
#   ROOST_TFLM_INCLUDES     FlatBuffers and whatever else its headers need, where that is not found below
#   ROOST_TFLM_DEFINITIONS  the definitions its library was compiled with (TF_LITE_STATIC_MEMORY): they decide how
#                           large its structs are
#
# roost_tflm_session(NAME SOURCE_FOLDER) makes a library of tflm_session.cc, which alone sees TFLM's headers: the
# project's flags and include paths stay out of it, so that the FlatBuffers headers it finds are TFLM's.
set(ROOST_TFLM_DIR "" CACHE PATH "The firmware's own copy of TensorFlow Lite Micro; empty: the adapter is left out")
set(ROOST_TFLM_LIBRARY "" CACHE STRING "A library or target with TensorFlow Lite Micro's code")
set(ROOST_TFLM_INCLUDES "" CACHE STRING "Include folders for FlatBuffers and others, if not inside ROOST_TFLM_DIR")
set(ROOST_TFLM_DEFINITIONS "TF_LITE_STATIC_MEMORY" CACHE STRING "The definitions that TFLM was compiled with")

# The flags for a source that includes TFLM's headers.
function(roost_uses_tflm target)
  set_target_properties(${target} PROPERTIES CXX_STANDARD 17 CXX_EXTENSIONS ON)
  target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics)
  target_compile_definitions(${target} PRIVATE ${ROOST_TFLM_DEFINITIONS})
  target_include_directories(${target} SYSTEM PRIVATE "${ROOST_TFLM_DIR}" ${ROOST_TFLM_INCLUDES})
  # Where TFLM's own makefile, its tree generator and its Arduino form keep what they need.
  foreach(folder tensorflow/lite/micro/tools/make/downloads third_party src/third_party)
    foreach(library flatbuffers/include gemmlowp ruy)
      if(EXISTS "${ROOST_TFLM_DIR}/${folder}/${library}")
        target_include_directories(${target} SYSTEM PRIVATE "${ROOST_TFLM_DIR}/${folder}/${library}")
      endif()
    endforeach()
  endforeach()
endfunction()

function(roost_tflm_session name source_folder)
  add_library(${name} STATIC "${source_folder}/device/ports/tflm/tflm_session.cc")
  target_include_directories(${name} PRIVATE "${source_folder}")
  roost_uses_tflm(${name})
  target_link_libraries(${name} PUBLIC ${ROOST_TFLM_LIBRARY})
endfunction()
