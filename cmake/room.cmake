# depositd_room(NAME LINKS other rooms and libraries)
# One static library per room, made of every .cpp below its folder. The links are the only edges the
# room has; tools/rooms_check holds the #includes to the same picture.
function(depositd_room name)
    cmake_parse_arguments(ROOM "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
    if(NOT sources)
        add_library(depositd_${name} INTERFACE)
        target_include_directories(depositd_${name} INTERFACE "${PROJECT_SOURCE_DIR}")
        target_link_libraries(depositd_${name} INTERFACE ${ROOM_LINKS} ${ROOM_PRIVATE_LINKS})
        return()
    endif()
    add_library(depositd_${name} STATIC ${sources})
    target_include_directories(depositd_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(depositd_${name}
        PUBLIC ${ROOM_LINKS}
        PRIVATE depositd_warnings ${ROOM_PRIVATE_LINKS})
endfunction()

# depositd_unit_tests(NAME LINKS …): one Catch2 program from tests/unit/NAME/*.cpp.
function(depositd_unit_tests name)
    cmake_parse_arguments(TEST "" "" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/unit/${name}/*.cpp")
    if(NOT sources)
        return()
    endif()
    add_executable(unit_${name} ${sources})
    target_link_libraries(unit_${name} PRIVATE ${TEST_LINKS} depositd_test_support depositd_warnings
                                               depositd_catch_main)
    target_compile_definitions(unit_${name} PRIVATE
        DEPOSITD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # Where what is tested is optimised, its tests need not be: that would take twice as long to compile.
    target_compile_options(unit_${name} PRIVATE -O0)
    # Test files say the same things in the same words; each is a world of its own.
    set_target_properties(unit_${name} PROPERTIES UNITY_BUILD OFF)
    add_test(NAME unit_${name} COMMAND unit_${name})
endfunction()
