#include "db/sqlite/coverage.hpp"
#include "db/sqlite/factories.hpp"

#include <algorithm>

namespace db::sqlite {
namespace {

constexpr char kTip[] = "SELECT height, hash, parent, mined_at FROM chain_tips WHERE chain = ?";
constexpr char kTips[] =
    "SELECT chain, height, hash, parent, mined_at FROM chain_tips ORDER BY chain";
constexpr char kSetTip[] =
    "INSERT INTO chain_tips (chain, height, hash, parent, mined_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chain) DO UPDATE SET height = excluded.height,"
    " hash = excluded.hash, parent = excluded.parent, mined_at = excluded.mined_at,"
    " updated_at = excluded.updated_at";
constexpr char kAt[] =
    "SELECT height, hash, parent, mined_at FROM blocks"
    " WHERE chain = ? AND height = ? AND status = 1";
constexpr char kInsert[] =
    "INSERT INTO blocks (chain, height, hash, parent, mined_at, status, log_count, tx_count)"
    " VALUES (?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (chain, height, hash) DO UPDATE SET status = 1,"
    " mined_at = excluded.mined_at, log_count = excluded.log_count, tx_count = excluded.tx_count";
constexpr char kDate[] =
    "UPDATE blocks SET mined_at = ?4 WHERE chain = ?1 AND height = ?2 AND hash = ?3";
constexpr char kOrphan[] =
    "UPDATE blocks SET status = 2 WHERE chain = ? AND height > ? AND status = 1";
constexpr char kPrune[] =
    "DELETE FROM blocks WHERE (chain, height, hash) IN ("
    " SELECT b.chain, b.height, b.hash FROM blocks b WHERE b.chain = ?1 AND b.height < ?2"
    " AND b.height < (SELECT f.height FROM chain_finals f WHERE f.chain = ?1)"
    " AND b.height < (SELECT t.height FROM chain_tips t WHERE t.chain = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM deposits d WHERE d.chain = ?1 AND d.height = b.height"
    "  AND d.status <> 3 AND d.block = b.hash)"
    " AND NOT EXISTS (SELECT 1 FROM own_txs o WHERE o.chain = ?1 AND o.height = b.height"
    "  AND o.status <> 3 AND o.block = b.hash)"
    " ORDER BY b.height LIMIT ?3)";

constexpr char kFinal[] = "SELECT height, hash, parent, mined_at FROM chain_finals WHERE chain = ?";
constexpr char kSetFinal[] =
    "INSERT INTO chain_finals (chain, height, hash, parent, mined_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (chain) DO UPDATE SET height = excluded.height, hash = excluded.hash,"
    " parent = excluded.parent, mined_at = excluded.mined_at";

constexpr char kNativeRead[] =
    "SELECT height, hash, parent, mined_at FROM native_reads WHERE chain = ?";
constexpr char kSetNativeRead[] =
    "INSERT INTO native_reads (chain, height, hash, parent, mined_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (chain) DO UPDATE SET height = excluded.height, hash = excluded.hash,"
    " parent = excluded.parent, mined_at = excluded.mined_at";
constexpr char kAgreed[] =
    "SELECT height, hash, parent, mined_at FROM agreed_blocks WHERE chain = ?";
constexpr char kSetAgreed[] =
    "INSERT INTO agreed_blocks (chain, height, hash, parent, mined_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (chain) DO UPDATE SET height = excluded.height, hash = excluded.hash,"
    " parent = excluded.parent, mined_at = excluded.mined_at";
constexpr char kFirstAfter[] =
    "SELECT height, hash, parent, mined_at FROM blocks"
    " WHERE chain = ? AND height >= ? AND mined_at > ? AND status = 1 ORDER BY height LIMIT 1";
constexpr char kSecond[] = "SELECT height, endpoint, read_at FROM second_readings WHERE chain = ?";
constexpr char kSetSecond[] =
    "INSERT INTO second_readings (chain, height, endpoint, read_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (chain) DO UPDATE SET height = excluded.height, endpoint = excluded.endpoint,"
    " read_at = excluded.read_at";
constexpr char kCutSecond[] = "UPDATE second_readings SET height = ?2 WHERE chain = ?1 AND height > ?2";

constexpr char kHalt[] =
    "INSERT INTO halts (chain, reason, since) VALUES (?, ?, ?)"
    " ON CONFLICT (chain, reason) WHERE acknowledged_at IS NULL DO NOTHING";
constexpr char kAcknowledge[] =
    "UPDATE halts SET acknowledged_by = ?, acknowledged_at = ?"
    " WHERE chain = ? AND acknowledged_at IS NULL";
constexpr char kAcknowledged[] =
    "SELECT DISTINCT reason FROM halts"
    " WHERE chain = ? AND acknowledged_at IS NOT NULL AND lapsed_at IS NULL";
constexpr char kLapse[] =
    "UPDATE halts SET lapsed_at = ?"
    " WHERE chain = ? AND reason = ? AND acknowledged_at IS NOT NULL AND lapsed_at IS NULL";
constexpr char kHalts[] =
    "SELECT chain, reason, since, acknowledged_at, acknowledged_by FROM halts"
    " WHERE acknowledged_at IS NULL ORDER BY chain, id";

void read_ref(Query& query, core::BlockRef& out) {
    query.read(out.height, out.hash, out.parent, out.mined_at);
}

class SqliteBlocks final : public Blocks {
  public:
    explicit SqliteBlocks(Connection& connection) : connection_{connection}, coverage_{connection} {}

    Expected<std::optional<core::BlockRef>> tip(const core::ChainId& chain) override {
        return ref(kTip, chain);
    }

    Expected<std::optional<core::BlockRef>> at(const core::ChainId& chain,
                                               std::uint64_t height) override {
        return ref(kAt, chain, height);
    }

    Expected<Done> start(const core::ChainId& chain, const core::BlockRef& origin,
                         core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            auto known = tip(chain);
            if (!known) return known.error();
            if (*known) return Error{Errc::kConflict, chain.text() + " was started before"};
            Query{connection_, kInsert}
                .bind(chain, origin.height, origin.hash, origin.parent, origin.mined_at, 0, 0)
                .run();
            set_tip(chain, origin, at);
            if (auto done = set_agreed_to(chain, origin); !done) return done;
            return set_native_read_to(chain, origin);
        });
    }

    Expected<Done> append(const core::ChainId& chain, const std::vector<ReadBlock>& blocks,
                          std::int64_t watch_revision, core::Instant at) override {
        if (blocks.empty()) return Done{};
        return guarded(connection_, [&]() -> Expected<Done> {
            auto last = tip(chain);
            if (!last) return last.error();
            if (!*last) return Error{Errc::kConflict, chain.text() + " was not started"};
            if (auto linked = is_linked(**last, blocks); !linked) return linked;
            {
                Query query{connection_, kInsert};
                for (const ReadBlock& block : blocks) {
                    query.again();
                    query.bind(chain, block.ref.height, block.ref.hash, block.ref.parent,
                               block.ref.mined_at, block.log_count, block.tx_count);
                    query.run();
                }
            }
            coverage_.append(chain, **last, blocks, watch_revision, at);
            set_tip(chain, blocks.back().ref, at);
            return Done{};
        });
    }

    Expected<Done> rewind(const core::ChainId& chain, std::uint64_t height,
                          core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            auto last = tip(chain);
            if (!last) return last.error();
            auto target = this->at(chain, height);
            if (!target) return target.error();
            if (!*last || !*target) {
                return Error{Errc::kNotFound, chain.text() + ": block " + std::to_string(height) +
                                                  " is not kept"};
            }
            coverage_.cut(chain, **target);
            Query{connection_, kOrphan}.bind(chain, height).run();
            set_tip(chain, **target, at);
            Query{connection_, kCutSecond}.bind(chain, height).run();
            auto agreed = agreed_to(chain);
            if (!agreed) return agreed.error();
            if (*agreed && (**agreed).height > height) {
                // One endpoint told the target's time; it was not mined after its descendant.
                (**target).mined_at = std::min((**target).mined_at, (**agreed).mined_at);
                if (auto done = set_agreed_to(chain, **target); !done) return done;
            }
            auto native = native_read_to(chain);
            if (!native) return native.error();
            if (!*native || (**native).height <= height) return Done{};
            return set_native_read_to(chain, **target);
        });
    }

    Expected<std::optional<core::BlockRef>> final_block(const core::ChainId& chain) override {
        return ref(kFinal, chain);
    }

    Expected<Done> set_final(const core::ChainId& chain, const core::BlockRef& block) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kSetFinal};
            query.bind(chain, block.height, block.hash, block.parent, block.mined_at).run();
            return Done{};
        });
    }

    Expected<std::optional<core::BlockRef>> native_read_to(const core::ChainId& chain) override {
        return ref(kNativeRead, chain);
    }

    Expected<Done> set_native_read_to(const core::ChainId& chain,
                                      const core::BlockRef& block) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kSetNativeRead};
            query.bind(chain, block.height, block.hash, block.parent, block.mined_at).run();
            return Done{};
        });
    }

    Expected<std::optional<core::BlockRef>> agreed_to(const core::ChainId& chain) override {
        return ref(kAgreed, chain);
    }

    Expected<Done> set_agreed_to(const core::ChainId& chain,
                                 const core::BlockRef& block) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kSetAgreed};
            query.bind(chain, block.height, block.hash, block.parent, block.mined_at).run();
            Query{connection_, kDate}
                .bind(chain, block.height, block.hash, block.mined_at)
                .run();
            return Done{};
        });
    }

    Expected<std::optional<core::BlockRef>> first_after(const core::ChainId& chain,
                                                        std::uint64_t from_height,
                                                        core::Instant moment) override {
        return ref(kFirstAfter, chain, from_height, moment);
    }

    Expected<std::optional<SecondReading>> second_reading(const core::ChainId& chain) override {
        return guarded(connection_, [&]() -> Expected<std::optional<SecondReading>> {
            std::optional<SecondReading> out;
            Query query{connection_, kSecond};
            if (query.bind(chain).step()) {
                SecondReading& reading = out.emplace();
                query.read(reading.height, reading.endpoint, reading.at);
            }
            return out;
        });
    }

    Expected<Done> set_second_reading(const core::ChainId& chain,
                                      const SecondReading& reading) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kSetSecond};
            query.bind(chain, reading.height, reading.endpoint, reading.at).run();
            return Done{};
        });
    }

    Expected<Done> prune(const core::ChainId& chain, std::uint64_t below_height,
                         std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query{connection_, kPrune}.bind(chain, below_height, limit).run();
            return Done{};
        });
    }

    Expected<std::vector<CoverageRow>> coverage(const core::ChainId& chain, std::uint64_t from,
                                                std::uint64_t to) override {
        return guarded(connection_, [&]() -> Expected<std::vector<CoverageRow>> {
            return coverage_.between(chain, from, to);
        });
    }

    Expected<Done> compact_coverage(const core::ChainId& chain, std::uint64_t below_height,
                                    std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            coverage_.compact(chain, below_height, limit);
            return Done{};
        });
    }

    Expected<std::vector<std::pair<core::ChainId, core::BlockRef>>> tips() override {
        using Tips = std::vector<std::pair<core::ChainId, core::BlockRef>>;
        return guarded(connection_, [&]() -> Expected<Tips> {
            Tips out;
            Query query{connection_, kTips};
            while (query.step()) {
                auto& [chain, block] = out.emplace_back();
                query.read(chain);
                read_ref(query, block);
            }
            return out;
        });
    }

    Expected<Done> halt(const core::ChainId& chain, std::string_view reason,
                        core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query{connection_, kHalt}.bind(chain, reason, at).run();
            return Done{};
        });
    }

    Expected<Done> acknowledge_halts(const core::ChainId& chain, std::string_view by,
                                     core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query{connection_, kAcknowledge}.bind(by, at, chain).run();
            return Done{};
        });
    }

    Expected<std::vector<std::string>> acknowledged(const core::ChainId& chain) override {
        return guarded(connection_, [&]() -> Expected<std::vector<std::string>> {
            std::vector<std::string> out;
            Query query{connection_, kAcknowledged};
            query.bind(chain);
            while (query.step()) query.read(out.emplace_back());
            return out;
        });
    }

    Expected<Done> lapse(const core::ChainId& chain, std::string_view reason,
                         core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query{connection_, kLapse}.bind(at, chain, reason).run();
            return Done{};
        });
    }

    Expected<std::vector<Halt>> open_halts() override {
        return guarded(connection_, [&]() -> Expected<std::vector<Halt>> {
            std::vector<Halt> out;
            Query query{connection_, kHalts};
            while (query.step()) {
                Halt& halt = out.emplace_back();
                query.read(halt.chain, halt.reason, halt.since, halt.acknowledged_at,
                           halt.acknowledged_by);
            }
            return out;
        });
    }

  private:
    template <class... A>
    Expected<std::optional<core::BlockRef>> ref(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::optional<core::BlockRef>> {
            std::optional<core::BlockRef> out;
            Query query{connection_, sql};
            if (query.bind(keys...).step()) read_ref(query, out.emplace());
            return out;
        });
    }

    //! Heights may jump (a chain's empty slots): the parent's hash is the proof that nothing is missing.
    static Expected<Done> is_linked(const core::BlockRef& tip,
                                    const std::vector<ReadBlock>& blocks) {
        const core::BlockRef* before = &tip;
        for (const ReadBlock& block : blocks) {
            if (block.ref.parent != before->hash || block.ref.height <= before->height) {
                return Error{Errc::kConflict, "block " + std::to_string(block.ref.height) +
                                                  " does not follow block " +
                                                  std::to_string(before->height)};
            }
            before = &block.ref;
        }
        return Done{};
    }

    void set_tip(const core::ChainId& chain, const core::BlockRef& block, core::Instant at) {
        Query{connection_, kSetTip}
            .bind(chain, block.height, block.hash, block.parent, block.mined_at, at)
            .run();
    }

    Connection& connection_;
    Coverage coverage_;
};

}  // namespace

std::unique_ptr<Blocks> make_blocks(Connection& connection) {
    return std::make_unique<SqliteBlocks>(connection);
}

}  // namespace db::sqlite
