#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace api::impl {

//! Text that browsers read as markup. There are two ways in: escaped, or written by us.
class Html {
  public:
    Html() = default;
    //! Whatever it is, it is shown as it stands, between tags and inside a quoted attribute.
    static Html text(std::string_view anything);
    //! Only for what this program wrote itself.
    static Html markup(std::string ours) { return Html{std::move(ours)}; }

    Html& operator+=(const Html& more) {
        text_ += more.text_;
        return *this;
    }
    friend Html operator+(Html a, const Html& b) { return a += b; }
    const std::string& str() const { return text_; }
    bool empty() const { return text_.empty(); }

  private:
    explicit Html(std::string text) : text_{std::move(text)} {}
    std::string text_;
};

//! Puts values into "{{name}}". A name without a value is our bug.
std::string fill_page(std::string_view page, const std::map<std::string_view, Html>& values);

}  // namespace api::impl
