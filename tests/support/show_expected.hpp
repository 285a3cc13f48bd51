#pragma once

#include <string>

#include "core/expected.hpp"

#include <catch2/catch.hpp>

//! Lets Catch print an Expected of any type; its own attempt needs the value to be streamable.
template <class T>
struct Catch::StringMaker<core::Expected<T>> {
    static std::string convert(const core::Expected<T>& expected) {
        if (expected) return "a value";
        return "error " + std::string{core::to_string(expected.error().code)} + ": " +
               expected.error().message;
    }
};
