#include "tests/support/ram_disk.hpp"

#include "core/check.hpp"
#include "tests/support/ram_disk_impl.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace support {

namespace {

std::uint64_t mix(std::uint64_t value) {
    value ^= value >> 30U;
    value *= 0xbf58476d1ce4e5b9U;
    value ^= value >> 27U;
    value *= 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

std::uint64_t digest_of(std::uint64_t so_far, std::span<const std::uint8_t> data) {
    so_far = mix(so_far ^ data.size());
    while (!data.empty()) {
        std::uint64_t word = 0;
        const std::size_t size = std::min(sizeof word, data.size());
        std::memcpy(&word, data.data(), size);
        so_far = (so_far ^ word) * 0x9e3779b97f4a7c15U;
        so_far ^= so_far >> 32U;
        data = data.subspan(size);
    }
    return so_far;
}

std::string unique_name() {
    static std::atomic<int> count{0};
    return "depositd-ram-" + std::to_string(++count);
}

}  // namespace

std::uint64_t Disk::Impl::draw() { return mix(++draws_ * 0x9e3779b97f4a7c15U + seed_); }

void Disk::Impl::seed_sqlite() {
    // 0 would mean the machine's entropy.
    const auto seed = static_cast<int>(draw() & 0x7fffffffU) | 1;
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, nullptr);
}

Fate Disk::Impl::before(DiskEvent::Kind kind, const OpenFile& file, std::size_t size) {
    if (!alive(file)) return Fate::kDead;
    tell(kind, file.name, size);
    if (!alive(file)) return Fate::kDead;
    const bool syncs = kind == DiskEvent::Kind::kSync;
    (syncs ? counts_.syncs : counts_.writes) += 1;
    counts_.bytes += kind == DiskEvent::Kind::kWrite ? size : 0;
    if (fail_in_ == 0 || syncs != (how_ == DiskFailure::kSyncError)) return Fate::kDone;
    if (fail_in_ > 1) {
        --fail_in_;
        return Fate::kDone;
    }
    switch (how_) {
        case DiskFailure::kFull: return Fate::kFull;
        case DiskFailure::kTorn: return Fate::kHalf;
        case DiskFailure::kWriteError:
        case DiskFailure::kSyncError: break;
    }
    return Fate::kRefused;
}

void Disk::Impl::tell(DiskEvent::Kind kind, const std::string& file, std::size_t size) {
    ++counts_.events;
    // A copy: the hook may set another.
    if (const auto hook = hook_) hook({kind, file, counts_.events, size});
}

std::unique_ptr<OpenFile> Disk::Impl::open(const char* name, int flags) {
    auto file = std::make_unique<OpenFile>(OpenFile{*this, nullptr, name ? name : "", life_});
    file->read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    file->temporary = name == nullptr;
    file->delete_at_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    if (const auto known = nodes_.find(file->name); known != nodes_.end()) {
        if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) return nullptr;
        file->node = known->second;
    } else {
        if ((flags & SQLITE_OPEN_CREATE) == 0) return nullptr;
        constexpr int kLogs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
        file->node = std::make_shared<Node>();
        file->node->syncs_folder = (flags & kLogs) != 0;
        if (!file->temporary) nodes_[file->name] = file->node;
    }
    file->node->open.push_back(file.get());
    ++open_files_;
    return file;
}

void Disk::Impl::close(OpenFile& file) {
    std::erase(file.node->open, &file);
    --open_files_;
    if (file.delete_at_close && !file.temporary && alive(file)) nodes_.erase(file.name);
}

int Disk::Impl::remove(const std::string& name, bool and_sync) {
    if (dead_) return SQLITE_IOERR_DELETE;
    if (!has(name)) return SQLITE_IOERR_DELETE_NOENT;
    tell(DiskEvent::Kind::kDelete, name, 0);
    if (dead_) return SQLITE_IOERR_DELETE;
    const auto found = nodes_.find(name);
    if (found->second->named) gone_[name] = found->second;
    nodes_.erase(found);
    if (and_sync) sync_folder();
    return SQLITE_OK;
}

int Disk::Impl::write(OpenFile& file, std::uint64_t at, std::span<const std::uint8_t> data) {
    switch (before(DiskEvent::Kind::kWrite, file, data.size())) {
        case Fate::kDone: break;
        case Fate::kFull: return SQLITE_FULL;
        case Fate::kHalf:
            count_harm();
            file.node->file.write(at, data.first(data.size() / 2));
            [[fallthrough]];
        case Fate::kRefused:
        case Fate::kDead: return SQLITE_IOERR_WRITE;
    }
    file.node->file.write(at, data);
    // Nothing of it is to survive.
    if (file.temporary) file.node->file.sync();
    return SQLITE_OK;
}

int Disk::Impl::truncate(OpenFile& file, std::uint64_t size) {
    if (before(DiskEvent::Kind::kTruncate, file, 0) != Fate::kDone) return SQLITE_IOERR_TRUNCATE;
    file.node->file.truncate(size);
    return SQLITE_OK;
}

int Disk::Impl::sync(OpenFile& file) {
    const Fate fate = before(DiskEvent::Kind::kSync, file, 0);
    if (fate == Fate::kRefused) {
        count_harm();
        file.node->file.sync_failed();
    }
    if (fate != Fate::kDone) return SQLITE_IOERR_FSYNC;
    file.node->file.sync();
    if (std::exchange(file.node->syncs_folder, false)) sync_folder();
    return SQLITE_OK;
}

void Disk::Impl::sync_folder() {
    gone_.clear();
    for (auto& [name, node] : nodes_) node->named = true;
}

void Disk::Impl::die() {
    if (dead_) return;
    dead_ = true;
    ++life_;
    for (auto& [name, node] : nodes_) {
        node->open.clear();
        node->memory = std::make_shared<SharedMemory>();
    }
}

void Disk::Impl::lose_power(core::Rng& rng) {
    die();
    ++counts_.harm;
    for (auto& [name, node] : gone_) {
        if (nodes_.contains(name) && nodes_[name]->named) continue;
        if (rng.next_u64() % 2 == 0) nodes_[name] = node;
    }
    gone_.clear();
    for (auto it = nodes_.begin(); it != nodes_.end();) {
        Node& node = *it->second;
        node.file.lose_power(rng);
        const bool lost = !node.named && rng.next_u64() % 2 == 0;
        node.named = true;
        it = lost ? nodes_.erase(it) : std::next(it);
    }
}

std::uint64_t Disk::Impl::digest() const {
    std::uint64_t out = 0;
    for (const auto& [name, node] : nodes_) {
        const std::vector<std::uint8_t> text{name.begin(), name.end()};
        out = digest_of(digest_of(out, text), node->file.content());
    }
    return out;
}

Disk::Impl::Impl(std::uint64_t seed, std::string name)
    : seed_{mix(seed + 1)}, name_{std::move(name)}, vfs_{ram_disk_calls(*this)} {
    CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

Disk::Impl::~Impl() {
    sqlite3_vfs_unregister(&vfs_);
    CHECK(open_files_ == 0, "the disk goes while files are open");
}

Disk::Disk(std::uint64_t seed) : impl_{std::make_unique<Impl>(seed, unique_name())} {}

Disk::~Disk() = default;

const std::string& Disk::vfs() const { return impl_->name(); }

void Disk::fail_from(std::uint64_t nth, DiskFailure how) { impl_->fail_from(nth, how); }
void Disk::heal() { impl_->fail_from(0, DiskFailure::kFull); }
void Disk::on_event(std::function<void(const DiskEvent&)> hook) { impl_->hook(std::move(hook)); }

void Disk::die() { impl_->die(); }
void Disk::restart() {
    impl_->die();
    impl_->revive();
}
void Disk::lose_power(core::Rng& rng) { impl_->lose_power(rng); }

std::uint64_t Disk::events() const { return impl_->counts().events; }
std::uint64_t Disk::writes() const { return impl_->counts().writes; }
std::uint64_t Disk::syncs() const { return impl_->counts().syncs; }
std::uint64_t Disk::bytes() const { return impl_->counts().bytes; }
std::uint64_t Disk::harm() const { return impl_->counts().harm; }
std::uint64_t Disk::digest() const { return impl_->digest(); }

}  // namespace support
