#include <algorithm>
#include <map>

#include "core/check.hpp"
#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

constexpr char kPosted[] = "SELECT 1 FROM postings WHERE key = ?";
constexpr char kPost[] =
    "INSERT INTO postings (environment_id, key, text, at)"
    " VALUES ((SELECT environment_id FROM sessions WHERE id = ?), ?, ?, ?) RETURNING id";
constexpr char kLine[] =
    "INSERT INTO ledger_lines (posting_id, ordinal, account, asset, debit, units)"
    " VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kBalance[] = "SELECT debit, units FROM balances WHERE account = ? AND asset = ?";
constexpr char kSetBalance[] =
    "INSERT INTO balances (account, asset, debit, units) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (account, asset) DO UPDATE SET debit = excluded.debit, units = excluded.units";
constexpr char kBalances[] =
    "SELECT account, asset, debit, units FROM balances"
    " WHERE units <> '0' AND account >= ? AND account < ? ORDER BY account, asset";
constexpr char kBalancesOfChain[] =
    "SELECT account, asset, debit, units FROM balances"
    " WHERE units <> '0' AND substr(asset, 1, instr(asset, '/') - 1) = ?1 AND account IN"
    " (SELECT DISTINCT account FROM balances"
    "  WHERE units <> '0' AND substr(asset, 1, instr(asset, '/') - 1) = ?1"
    "  AND account > ?2 AND account < ?3 ORDER BY account LIMIT ?4)"
    " ORDER BY account, asset";
constexpr char kLinesOf[] =
    "SELECT l.account, l.asset, l.debit, l.units FROM ledger_lines l"
    " JOIN postings p ON p.id = l.posting_id WHERE p.key = ? ORDER BY l.ordinal";
constexpr char kAllBalances[] = "SELECT account, asset, debit, units FROM balances";
constexpr char kAllLines[] = "SELECT account, asset, debit, units FROM ledger_lines";

// Above every character of an account's name.
constexpr char kAfterAll = '\x7f';
constexpr std::string_view kSessionHead = "session:";

using Place = std::pair<std::string, core::AssetId>;
struct Sides {
    core::Units debit;
    core::Units credit;
};

Expected<Done> add(Sides& sides, bool debit, const core::Units& units) {
    core::Units& side = debit ? sides.debit : sides.credit;
    auto sum = side.plus(units);
    if (!sum) return sum.error();
    side = *sum;
    return Done{};
}

//! What is left when both sides are set off. Zero stands on the debit side.
AccountBalance net(const Place& place, const Sides& sides) {
    const bool debit = sides.debit >= sides.credit;
    auto units = debit ? sides.debit.minus(sides.credit) : sides.credit.minus(sides.debit);
    CHECK(units.has_value());
    return AccountBalance{place.first, place.second, debit, *units};
}

//! A key that was taken back and posted again has a number; each of these may be taken back once.
std::string numbered(std::string_view key, int time) {
    return time == 1 ? std::string{key} : std::string{key} + "#" + std::to_string(time);
}
std::string taken_back(const std::string& key) { return key + " taken back"; }

AccountBalance read_balance(Query& query) {
    AccountBalance out;
    query.read(out.account, out.asset, out.debit, out.units);
    return out;
}

class SqliteLedger final : public Ledger {
  public:
    explicit SqliteLedger(Connection& connection) : connection_{connection} {}

    Expected<Done> post(const Posting& posting) override {
        CHECK(!posting.lines.empty(), posting.key);
        return guarded(connection_, [&]() -> Expected<Done> {
            const int times = times_posted(posting.key);
            if (stands(posting.key, times)) {
                return Error{Errc::kConflict, posting.key + " was posted before"};
            }
            Posting next = posting;
            next.key = numbered(posting.key, times + 1);
            return write(next);
        });
    }

    Expected<bool> posted(std::string_view key) override {
        return guarded(connection_,
                       [&]() -> Expected<bool> { return stands(key, times_posted(key)); });
    }

    Expected<Done> take_back(std::string_view key, core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            const int times = times_posted(key);
            if (!stands(key, times)) return Done{};
            const std::string newest = numbered(key, times);
            Posting opposite{taken_back(newest), "the chain took it back", {}, at};
            {
                Query query{connection_, kLinesOf};
                query.bind(newest);
                while (query.step()) {
                    LedgerLine& line = opposite.lines.emplace_back();
                    query.read(line.account, line.asset, line.debit, line.units);
                    line.debit = !line.debit;
                }
            }
            return write(opposite);
        });
    }

    Expected<AccountBalance> balance(std::string_view account,
                                     const core::AssetId& asset) override {
        return guarded(connection_, [&]() -> Expected<AccountBalance> {
            AccountBalance out{std::string{account}, asset, true, {}};
            Query query{connection_, kBalance};
            if (query.bind(account, asset).step()) query.read(out.debit, out.units);
            return out;
        });
    }

    Expected<std::vector<AccountBalance>> balances(std::string_view head) override {
        return guarded(connection_, [&]() -> Expected<std::vector<AccountBalance>> {
            std::vector<AccountBalance> out;
            Query query{connection_, kBalances};
            query.bind(head, std::string{head} + kAfterAll);
            while (query.step()) out.push_back(read_balance(query));
            return out;
        });
    }

    Expected<std::vector<AccountBalance>> balances_of_chain(const core::ChainId& chain,
                                                            std::string_view head,
                                                            std::string_view after,
                                                            std::size_t accounts_max) override {
        return guarded(connection_, [&]() -> Expected<std::vector<AccountBalance>> {
            constexpr std::int64_t kNoLimit = -1;
            const std::int64_t limit =
                accounts_max == 0 ? kNoLimit : static_cast<std::int64_t>(accounts_max);
            std::vector<AccountBalance> out;
            Query query{connection_, kBalancesOfChain};
            query.bind(chain, std::max(head, after), std::string{head} + kAfterAll, limit);
            while (query.step()) out.push_back(read_balance(query));
            return out;
        });
    }

    Expected<Done> verify() override {
        return guarded(connection_, [&]() -> Expected<Done> {
            std::map<Place, Sides> sums;
            std::map<core::AssetId, Sides> assets;
            {
                Query query{connection_, kAllLines};
                while (query.step()) {
                    const AccountBalance line = read_balance(query);
                    Sides& account = sums[{line.account, line.asset}];
                    if (auto r = add(account, line.debit, line.units); !r) return r;
                    set_off(account);
                    Sides& asset = assets[line.asset];
                    if (auto r = add(asset, line.debit, line.units); !r) return r;
                    set_off(asset);
                }
            }
            for (const auto& [asset, sides] : assets) {
                if (sides.debit != sides.credit) {
                    return Error{Errc::kStorage, "the books of " + asset.text() + " do not balance"};
                }
            }
            return compare(sums);
        });
    }

  private:
    bool has(std::string_view key) {
        Query query{connection_, kPosted};
        return query.bind(key).step();
    }
    int times_posted(std::string_view key) {
        int times = 0;
        while (has(numbered(key, times + 1))) ++times;
        return times;
    }
    bool stands(std::string_view key, int times) {
        return times > 0 && !has(taken_back(numbered(key, times)));
    }

    Expected<Done> write(const Posting& posting) {
        // All sums before the first write: an overflow leaves nothing behind.
        auto changes = new_balances(posting);
        if (!changes) return changes.error();
        write_lines(posting);
        for (const AccountBalance& balance : *changes) write_balance(balance);
        return Done{};
    }

    //! Keeps the sums of a long history inside 256 bits.
    static void set_off(Sides& sides) {
        const AccountBalance left = net({}, sides);
        sides = left.debit ? Sides{left.units, {}} : Sides{{}, left.units};
    }

    Expected<std::vector<AccountBalance>> new_balances(const Posting& posting) {
        std::map<Place, Sides> accounts;
        std::map<core::AssetId, Sides> assets;
        for (const LedgerLine& line : posting.lines) {
            if (auto r = add(assets[line.asset], line.debit, line.units); !r) return r.error();
            if (auto r = add(accounts[{line.account, line.asset}], line.debit, line.units); !r) {
                return r.error();
            }
        }
        for (const auto& [asset, sides] : assets) {
            CHECK(sides.debit == sides.credit, posting.key);
        }
        std::vector<AccountBalance> out;
        for (auto& [place, sides] : accounts) {
            auto old = balance(place.first, place.second);
            if (!old) return old.error();
            set_off(sides);
            if (auto r = add(sides, old->debit, old->units); !r) return r.error();
            out.push_back(net(place, sides));
        }
        return out;
    }

    void write_lines(const Posting& posting) {
        std::optional<std::string> session;
        for (const LedgerLine& line : posting.lines) {
            if (!session && line.account.starts_with(kSessionHead)) {
                session = line.account.substr(kSessionHead.size());
            }
        }
        std::int64_t id = 0;
        {
            Query query{connection_, kPost};
            query.bind(session, posting.key, posting.text, posting.at);
            if (query.step()) query.read(id);
        }
        Query query{connection_, kLine};
        int ordinal = 0;
        for (const LedgerLine& line : posting.lines) {
            query.again();
            query.bind(id, ordinal++, line.account, line.asset, line.debit, line.units);
            query.run();
        }
    }

    void write_balance(const AccountBalance& balance) {
        Query query{connection_, kSetBalance};
        query.bind(balance.account, balance.asset, balance.debit, balance.units);
        query.run();
    }

    Expected<Done> compare(std::map<Place, Sides>& sums) {
        Query query{connection_, kAllBalances};
        while (query.step()) {
            const AccountBalance stored = read_balance(query);
            const auto sum = sums.extract({stored.account, stored.asset});
            const Sides sides = sum.empty() ? Sides{} : sum.mapped();
            const AccountBalance right = net({stored.account, stored.asset}, sides);
            if (right.units != stored.units || right.debit != stored.debit) {
                return difference(right, stored);
            }
        }
        for (const auto& [place, sides] : sums) return difference(net(place, sides), {});
        return Done{};
    }

    static Error difference(const AccountBalance& right, const AccountBalance& stored) {
        const auto text = [](const AccountBalance& b) {
            return (b.debit ? "debit " : "credit ") + b.units.decimal();
        };
        return Error{Errc::kStorage, "balance of " + right.account + " in " + right.asset.text() +
                                         ": the lines say " + text(right) + ", the row says " +
                                         text(stored)};
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Ledger> make_ledger(Connection& connection) {
    return std::make_unique<SqliteLedger>(connection);
}

}  // namespace db::sqlite
