// The Authorization header: only one text opens.

#include "api/auth.hpp"
#include "core/check.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/api/fakes.hpp"

#include <cctype>

namespace fuzz_api_auth {

const core::Bytes kPepper(32, 0x5A);
const std::string kGood = "dpk_01234567_" + std::string(64, 'a');
const std::string kRevoked = "dpk_01234567_" + std::string(64, 'b');

//! Two keys that begin alike, the second one revoked.
struct OneTenant final : db::Environments {
    db::Expected<db::Done> insert(const db::Environment&) override { return db::Done{}; }
    db::Expected<std::optional<db::Environment>> by_id(const core::EnvironmentId& id) override {
        db::Environment found;
        found.id = id;
        found.name = "shop";
        return std::optional{found};
    }
    db::Expected<std::optional<db::Environment>> by_name(std::string_view) override {
        return std::optional<db::Environment>{};
    }
    db::Expected<std::vector<db::Environment>> list() override {
        return std::vector<db::Environment>{};
    }
    db::Expected<db::Done> insert_key(const db::ApiKey&) override { return db::Done{}; }
    db::Expected<std::vector<db::ApiKey>> keys_with_prefix(std::string_view prefix) override {
        std::vector<db::ApiKey> rows;
        for (const std::string& text : {kGood, kRevoked}) {
            if (!text.starts_with(prefix)) continue;
            db::ApiKey row;
            row.environment = core::EnvironmentId{"shop"};
            row.prefix = std::string{prefix};
            row.hash = api::hash_api_key(kPepper, text);
            if (text == kRevoked) row.revoked_at = core::Instant{1};
            rows.push_back(std::move(row));
        }
        return rows;
    }
    db::Expected<std::vector<db::ApiKey>> list_keys() override { return std::vector<db::ApiKey>{}; }
    db::Expected<db::Done> revoke_key(std::int64_t, core::Instant) override { return db::Done{}; }
    db::Expected<core::Bytes> key_pepper(const core::Bytes&) override { return kPepper; }
};

struct Work final : db::UnitOfWork {
    OneTenant tenants;
    template <class T>
    [[noreturn]] static T& none() {
        CHECK(false, "only keys are looked up");
    }
    db::Environments& environments() override { return tenants; }
    db::Sessions& sessions() override { return none<db::Sessions>(); }
    db::Receivers& receivers() override { return none<db::Receivers>(); }
    db::Blocks& blocks() override { return none<db::Blocks>(); }
    db::Deposits& deposits() override { return none<db::Deposits>(); }
    db::OwnTxs& own_txs() override { return none<db::OwnTxs>(); }
    db::Facts& facts() override { return none<db::Facts>(); }
    db::Payouts& payouts() override { return none<db::Payouts>(); }
    db::Ledger& ledger() override { return none<db::Ledger>(); }
    db::Webhooks& webhooks() override { return none<db::Webhooks>(); }
};

struct Store final : db::Database {
    Work work;
    core::Task<db::Expected<db::Done>> run_write(Job job) override { co_return job(work); }
    core::Task<db::Expected<db::Done>> run_read(Job job) override { co_return job(work); }
    db::ChangeSignal& changes() override { CHECK(false, "nothing changes"); }
    bool failed() const override { return false; }
    void close() override {}
};

//! "Bearer", any case, spaces, and exactly the key.
bool opens(std::string_view header) {
    constexpr std::string_view kScheme = "bearer ";
    if (header.size() < kScheme.size() || !header.ends_with(kGood)) return false;
    for (std::size_t i = 0; i < header.size() - kGood.size(); ++i) {
        const int c = std::tolower(static_cast<unsigned char>(header[i]));
        if (c != (i < kScheme.size() ? kScheme[i] : ' ')) return false;
    }
    return header.size() >= kScheme.size() + kGood.size();
}

}  // namespace fuzz_api_auth

FUZZ_TARGET(api_auth) {
    using namespace fuzz_api_auth;
    static core::asio::io_context io;
    static Store store;
    api_test::FakeLog log;
    api_test::FakeClock clock;
    api::Authenticator keys{store, kPepper, clock, log};
    std::optional<api::Checked<db::Environment>> found;
    const auto ask = [&]() -> core::Task<int> {
        found = co_await keys.caller(std::string{input});
        co_return 0;
    };
    api_test::run(io, ask());
    MUST(found && static_cast<bool>(*found) == opens(input));
    if (!*found) MUST(found->problem().status == 401);
    MUST(log.text.empty());
}
