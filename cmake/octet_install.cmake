# cmake --install: the programs with their network, and the libraries for find_package(octet): octet::engine, octet::onnx …

set(LIBRARIES octet_flags octet_base octet_kernels octet_graph octet_onnx_schema octet_onnx octet_engine octet_frontends
    octet_vision octet_yolop octet_quantizer octet_compare)
foreach(LIBRARY ${LIBRARIES})
    string(REPLACE "octet_" "" EXPORT_NAME ${LIBRARY})
    set_target_properties(${LIBRARY} PROPERTIES EXPORT_NAME ${EXPORT_NAME})
endforeach()
install(TARGETS ${LIBRARIES} EXPORT octet ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT octet NAMESPACE octet:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
install(FILES ${CMAKE_SOURCE_DIR}/cmake/octet-config.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
install(DIRECTORY base kernels graph frontends engine vision yolop quantizer compare DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/octet
    FILES_MATCHING PATTERN "*.h" PATTERN "reference" EXCLUDE PATTERN "x86_*" EXCLUDE PATTERN "arm_*" EXCLUDE)

install(TARGETS yolop-run octet-run octet-eval octet-quantize octet-inspect octet-bench octet-dump octet-compare
    octet-vectors
    DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET octet_video)
    install(TARGETS octet_video DESTINATION ${CMAKE_INSTALL_LIBDIR}/octet)
endif()
install(DIRECTORY engine/npu_emu/profiles DESTINATION ${CMAKE_INSTALL_DATADIR}/octet)
install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_DATADIR}/octet)
