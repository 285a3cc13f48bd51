#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>
#include <bit>

namespace chains::evm::impl {
namespace {

//! Of the last eight heads that were looked for: a reorg takes one now and then.
constexpr int kHeadsNotThereMax = 4;
constexpr unsigned kFinalsAheadMax = 3;
constexpr core::Millis kCompareMin{2'000};
constexpr core::Millis kCompareMax{15'000};
constexpr core::Millis kCompareTimeout{2'000};
constexpr core::Millis kAskFinalAgain{1'000};

}  // namespace

core::Task<core::Expected<Heads>> EvmReader::heads() {
    co_await compare_heads();
    for (std::size_t turn = 1;; ++turn) {
        const auto blames = gate_.blames();
        auto heads = co_await heads_of_one();
        if (heads || !may_try_again(blames, turn)) co_return heads;
    }
}

core::Task<core::Expected<Heads>> EvmReader::heads_of_one() {
    std::vector<net::RpcCall> calls;
    calls.push_back(call_chain_id());
    calls.push_back(call_block("latest", false));
    if (wants_finalized_) calls.push_back(call_block("finalized", false));
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    if (auto right = gate_.judge_chain_id((*replies)[0]); !right) co_return right.error();

    const auto latest_json = (*replies)[1].result();
    if (!latest_json) co_return latest_json.error();
    const auto latest = decoder_.head(*latest_json);
    if (!latest) co_return unusable((*replies)[1], latest.error());
    if (auto good = accept(*latest, (*replies)[1]); !good) co_return good.error();
    Heads heads;
    heads.latest = latest->ref;
    if (!wants_finalized_) co_return heads;

    const net::RpcReply& reply = (*replies)[2];
    if (!reply.ok()) {
        // A node without the tag, or without a finalized block yet, says so with an error. Busy or
        // broken ones are no evidence of either.
        if (reply.code() == core::Errc::kRateLimited || reply.code() == core::Errc::kUnauthorized) {
            co_return reply.result().error();
        }
        co_return heads;
    }
    const auto finalized = decoder_.head(*reply.result());
    if (!finalized && finalized.error().code == core::Errc::kNotReady) co_return heads;
    if (!finalized) co_return unusable(reply, finalized.error());
    if (auto good = accept(*finalized, reply); !good) co_return good.error();
    // Behind a load balancer the two may come from different nodes: only what is not ahead counts.
    if (finalized->ref.height > heads.latest.height) co_return heads;
    heads.finalized = co_await agreed_final(finalized->ref, heads.latest);
    if (heads.finalized != finalized->ref) heads.final_waits_for = final_waits_for_;
    co_return heads;
}

// What one endpoint calls final would be read in bulk and, once recorded, could not be taken back
// without a halt: with a tier of several endpoints it takes as many.
core::Task<std::optional<core::BlockRef>> EvmReader::agreed_final(core::BlockRef claimed,
                                                                   core::BlockRef latest) {
    const auto quorum = std::min<std::size_t>(final_quorum_, gate_.pool().size());
    // At or below what was agreed on one endpoint may speak: a reorg there is for the watcher to see.
    const bool known = final_agreed_ && claimed.height <= final_agreed_->height;
    if (quorum < 2 || known) {
        final_waits_for_.clear();
        co_return claimed;
    }
    const core::Tick now = clock_.tick();
    if (final_asked_ && now - *final_asked_ < kAskFinalAgain) co_return final_agreed_;
    final_asked_ = now;
    const auto claims = co_await survey_heads("finalized");
    judge_finals(claims, latest);
    final_waits_for_.clear();
    if (claims.size() < quorum) {
        final_waits_for_ = std::to_string(quorum) + " endpoints that tell a final block; " +
                           std::to_string(claims.size()) + " did";
        co_return final_agreed_;
    }
    const core::BlockRef& enough = claims[quorum - 1].ref;
    if (final_agreed_ && enough.height <= final_agreed_->height) co_return final_agreed_;
    const auto on_chain = co_await stands(enough, static_cast<unsigned>(quorum));
    if (on_chain) {
        final_agreed_ = enough;
    } else {
        final_waits_for_ = "endpoints that agree on final block " + std::to_string(enough.height);
    }
    co_return final_agreed_;
}

core::Task<std::vector<EvmReader::Claim>> EvmReader::survey_heads(std::string_view tag) {
    const auto answers = co_await gate_.pool().survey(call_block(tag, false), kCompareTimeout);
    std::vector<Claim> claims;
    for (const net::BroadcastAnswer& answer : answers) {
        if (!answer.reply || !answer.reply->ok()) continue;
        const auto head = decoder_.head(*answer.reply->result());
        if (!head || !accept(*head, *answer.reply)) continue;
        claims.push_back({answer.endpoint, head->ref});
    }
    std::sort(claims.begin(), claims.end(),
              [](const Claim& a, const Claim& b) { return a.ref.height > b.ref.height; });
    co_return claims;
}

// An endpoint that has stopped following the chain gives good answers, only old ones. From time to
// time all are asked where they are [F01][F28].
core::Task<void> EvmReader::compare_heads() {
    if (gate_.pool().size() < 2) co_return;
    const core::Millis every =
        std::clamp(core::Millis{2 * static_cast<std::int64_t>(info_.block_ms)}, kCompareMin,
                   kCompareMax);
    if (compared_ && clock_.tick() - *compared_ < every) co_return;
    compared_ = clock_.tick();
    const auto claims = co_await survey_heads("latest");
    if (claims.size() < 2) co_return;
    // Two say so; of two endpoints one may be right alone, and is more often than not.
    const std::uint64_t reference = claims[claims.size() > 2 ? 1 : 0].ref.height;
    const std::uint64_t apart = blocks_apart(info_);
    for (const Claim& claim : claims) {
        const std::uint64_t height = claim.ref.height;
        const std::string text =
            "head " + std::to_string(height) + ", others at " + std::to_string(reference);
        if (height + apart < reference) gate_.pool().doubt(claim.endpoint, "behind", text);
        if (height > reference + apart) gate_.pool().doubt(claim.endpoint, "ahead", text);
    }
    co_await judge_lone_heads(reference);
    keep_lone_heads(claims, reference);
    if (reference <= apart) co_return;
    const net::Normaliser hash_of = [this](std::string_view json) -> core::Expected<std::string> {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        return head->ref.hash.hex0x();
    };
    (void)co_await gate_.agree(call_block(hex_number(reference - apart), false), 2, hash_of);
}

void EvmReader::keep_lone_heads(const std::vector<Claim>& claims, std::uint64_t reference) {
    for (const Claim& claim : claims) {
        const bool is_shared = std::any_of(claims.begin(), claims.end(), [&](const Claim& other) {
            return other.endpoint != claim.endpoint && other.ref == claim.ref;
        });
        if (is_shared) note_head(claim.endpoint, true, claim.ref);
        // Whoever is a little behind is looked for by nobody.
        if (is_shared || claim.ref.height < reference) continue;
        lone_heads_.emplace(claim.endpoint, claim.ref);
    }
}

core::Task<void> EvmReader::judge_lone_heads(std::uint64_t reference) {
    const net::Normaliser hash_of = [this](std::string_view json) -> core::Expected<std::string> {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        return head->ref.hash.hex0x();
    };
    net::CallOptions options;
    options.doubt_outvoted = false;
    const auto lone = lone_heads_;
    for (const auto& [endpoint, ref] : lone) {
        if (ref.height + blocks_apart(info_) > reference) continue;
        lone_heads_.erase(endpoint);
        const auto agreed =
            co_await gate_.agree(call_block(hex_number(ref.height), false), 2, hash_of, options);
        if (!agreed) continue;
        const auto hash = hash_of(*agreed->reply.result());
        if (hash) note_head(endpoint, *hash == ref.hash.hex0x(), ref);
    }
}

void EvmReader::note_head(std::size_t endpoint, bool was_there, const core::BlockRef& head) {
    std::uint8_t& last = heads_not_there_[endpoint];
    last = static_cast<std::uint8_t>(last << 1 | (was_there ? 0 : 1));
    if (std::popcount(last) < kHeadsNotThereMax) return;
    last = 0;
    gate_.pool().doubt(endpoint, "ahead",
                       "again and again a head that never became part of the chain, as " +
                           std::to_string(head.height) + " " + head.hash.hex0x());
}

// Only against two others: of two endpoints the one whose finality stands still is the odd one.
void EvmReader::judge_finals(const std::vector<Claim>& claims, const core::BlockRef& latest) {
    if (claims.size() < 3) return;
    const std::uint64_t apart = blocks_apart(info_);
    const Claim& first = claims.front();
    const std::uint64_t others = claims[1].ref.height;
    const bool is_ahead =
        first.ref.height + apart >= latest.height && first.ref.height > others + 2 * apart;
    const unsigned in_a_row = is_ahead ? finals_ahead_[first.endpoint] + 1 : 0;
    finals_ahead_.clear();
    if (in_a_row == 0) return;
    finals_ahead_[first.endpoint] = in_a_row % kFinalsAheadMax;
    if (in_a_row < kFinalsAheadMax) return;
    gate_.pool().doubt(first.endpoint, "ahead",
                       "calls block " + std::to_string(first.ref.height) + " final, others " +
                           std::to_string(others));
}

}  // namespace chains::evm::impl
