# Flags for our own code only: interface library that every room and test links.
add_library(depositd_warnings INTERFACE)
target_compile_options(depositd_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
    -Wcast-qual -Wformat=2 -Wunused-result -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 reports these falsely inside coroutine frames and inlined Boost code.
    target_compile_options(depositd_warnings INTERFACE
        -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
        -Wno-restrict)
    if(DEPOSITD_SANITIZER OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
        # Seen with the optimiser only: Asio's coroutine frames have a matching pair.
        target_compile_options(depositd_warnings INTERFACE -Wno-mismatched-new-delete)
    endif()
    if(CMAKE_UNITY_BUILD)
        # A unity file includes its sources, so their unnamed namespaces look like a header's.
        target_compile_options(depositd_warnings INTERFACE -Wno-subobject-linkage)
    endif()
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # The API's document, embedded, is longer than what the standard promises; both compilers take it.
    target_compile_options(depositd_warnings INTERFACE -Wno-overlength-strings)
endif()

# Hardening of what is installed.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    add_compile_options(-O2 -g1 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS
                        -fcf-protection)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    add_link_options(-pie -Wl,-z,relro,-z,now)
endif()
