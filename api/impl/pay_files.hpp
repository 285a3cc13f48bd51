#pragma once

#include <string_view>

// The files of api/pay, which are a part of the binary.
namespace api {

std::string_view pay_page_html();
std::string_view pay_problem_html();
std::string_view pay_page_css();
std::string_view pay_page_js();

}  // namespace api
