set(DEPOSITD_SANITIZER "" CACHE STRING "address, undefined, thread, fuzzer or empty")
if(DEPOSITD_SANITIZER STREQUAL "address")
    add_compile_options(-fsanitize=address -fno-omit-frame-pointer -O1)
    add_link_options(-fsanitize=address)
elseif(DEPOSITD_SANITIZER STREQUAL "undefined")
    # Coroutine frames trip the function-type check of clang 14.
    add_compile_options(-fsanitize=undefined -fno-sanitize=function -fno-sanitize-recover=all -O1)
    add_link_options(-fsanitize=undefined)
elseif(DEPOSITD_SANITIZER STREQUAL "thread")
    # Asio uses fences that TSan does not model.
    add_compile_options(-fsanitize=thread -Wno-tsan -O1)
    add_link_options(-fsanitize=thread)
elseif(DEPOSITD_SANITIZER STREQUAL "fuzzer")
    # Line numbers are enough for a stack trace, and a tenth of the disk.
    add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=function
                        -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -gline-tables-only)
    add_link_options(-fsanitize=address,undefined)
elseif(NOT DEPOSITD_SANITIZER STREQUAL "")
    message(FATAL_ERROR "DEPOSITD_SANITIZER is '${DEPOSITD_SANITIZER}', expected address, undefined, thread or fuzzer")
endif()
