#include "daemon/secrets.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

namespace depositd {

namespace {

namespace fs = std::filesystem;

struct Folder {
    fs::path path;
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "depositd-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Folder() { fs::remove_all(path); }
    std::string file(const std::string& name, const std::string& content, fs::perms mode) const {
        std::ofstream{path / name} << content;
        fs::permissions(path / name, mode);
        return (path / name).string();
    }
};

constexpr auto kOwner = fs::perms::owner_read | fs::perms::owner_write;

std::string text(const chains::crypto::SecretBytes& secret) {
    return {reinterpret_cast<const char*>(secret.view().data()), secret.size()};
}

}  // namespace

TEST_CASE("secret file: readable by others -> refused, content not in the error") {
    const Folder folder;
    for (const auto mode : {fs::perms::others_read, fs::perms::group_read}) {
        const auto secret = read_secret_file(folder.file("s", "CANARY", kOwner | mode), {});
        REQUIRE_FALSE(secret.has_value());
        CHECK(secret.error().code == core::Errc::kUnauthorized);
        CHECK(secret.error().message.find("CANARY") == std::string::npos);
    }
}

TEST_CASE("secret file: plain file on a mainnet -> refused; a credential -> read") {
    const Folder folder;
    fs::create_directory(folder.path / "credentials");
    const std::string plain = folder.file("s", "words", kOwner);
    const std::string credential = folder.file("credentials/s", "words\n", fs::perms::owner_read);
    const SecretFileRules rules{(folder.path / "credentials").string(), true};
    CHECK(read_secret_file(plain, rules).error().code == core::Errc::kUnauthorized);
    CHECK(read_secret_file(plain, {std::nullopt, true}).error().code == core::Errc::kUnauthorized);
    const auto secret = read_secret_file(credential, rules);
    REQUIRE(secret.has_value());
    CHECK(text(*secret) == "words");
    const std::string detour = (folder.path / "credentials/../s").string();
    CHECK(read_secret_file(detour, rules).error().code == core::Errc::kUnauthorized);
}

TEST_CASE("secret file: a link out of the credentials -> refused on a mainnet") {
    const Folder folder;
    fs::create_directory(folder.path / "credentials");
    fs::create_symlink(folder.file("s", "words", kOwner), folder.path / "credentials/link");
    const SecretFileRules rules{(folder.path / "credentials").string(), true};
    CHECK_FALSE(read_secret_file((folder.path / "credentials/link").string(), rules).has_value());
}

TEST_CASE("secret file: white space around -> dropped; empty, missing, folder -> error") {
    const Folder folder;
    const auto secret = read_secret_file(folder.file("s", " \n a b \n", kOwner), {});
    REQUIRE(secret.has_value());
    CHECK(text(*secret) == "a b");
    CHECK(read_secret_file(folder.file("e", " \n", kOwner), {}).error().code == core::Errc::kInvalid);
    CHECK(read_secret_file((folder.path / "none").string(), {}).error().code == core::Errc::kNotFound);
    CHECK_FALSE(read_secret_file(folder.path.string(), {}).has_value());
}

}  // namespace depositd
