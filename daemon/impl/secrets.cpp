#include "daemon/secrets.hpp"

#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace depositd {

namespace {

constexpr std::size_t kSecretSizeMax = 4096;

struct Descriptor {
    int fd = -1;
    explicit Descriptor(int value) : fd{value} {}
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
};

//! Both ends resolved, so that neither ".." nor a link leads out of the folder unnoticed.
bool lies_in(const std::string& path, const std::string& folder) {
    std::error_code failed;
    const auto inner = std::filesystem::canonical(path, failed);
    if (failed) return false;
    const auto outer = std::filesystem::canonical(folder, failed);
    if (failed) return false;
    return inner.string().starts_with(outer.string() + "/");
}

bool is_space(std::uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

core::Error refused(const std::string& path, const std::string& why) {
    return {core::Errc::kUnauthorized, path + ": " + why};
}

}  // namespace

core::Expected<chains::crypto::SecretBytes> read_secret_file(const std::string& path,
                                                             const SecretFileRules& rules) {
    const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) {
        return core::Error{core::Errc::kNotFound, path + ": " + std::strerror(errno)};
    }
    struct stat info {};
    if (fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return core::invalid(path + ": is not a file");
    }
    const bool is_credential =
        rules.credentials_directory && lies_in(path, *rules.credentials_directory);
    if (rules.credential_required && !is_credential) {
        return refused(path, "a plain file is refused on a mainnet chain; hand it over with systemd's "
                             "LoadCredential or LoadCredentialEncrypted");
    }
    // Of a credential the group bits are the mask of systemd's ACL for the one user it is meant for.
    const mode_t forbidden = is_credential ? 0007 : 0077;
    if ((info.st_mode & forbidden) != 0) {
        return refused(path, "others than its owner may read it; run chmod 600 on it");
    }
    chains::crypto::SecretBytes buffer{kSecretSizeMax + 1};
    std::size_t size = 0;
    while (size < buffer.size()) {
        const ssize_t got =
            read(file.fd, buffer.writable().data() + size, buffer.size() - size);
        if (got < 0) return core::Error{core::Errc::kStorage, path + ": cannot be read"};
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kSecretSizeMax) return core::invalid(path + ": is too long to be a secret");
    std::size_t start = 0;
    while (start < size && is_space(buffer.view()[start])) ++start;
    while (size > start && is_space(buffer.view()[size - 1])) --size;
    if (start == size) return core::invalid(path + ": is empty");
    return chains::crypto::SecretBytes::copy_of(buffer.view().subspan(start, size - start));
}

}  // namespace depositd
