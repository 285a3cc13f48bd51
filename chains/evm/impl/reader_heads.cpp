#include "chains/evm/impl/evm_reader.hpp"
#include "chains/evm/impl/rpc_params.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

//! Endpoints of one chain are a few blocks apart, and further where blocks come fast.
constexpr std::uint64_t kApartMin = 3;
constexpr std::uint64_t kApartMs = 3'000;
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
    heads.finalized = co_await agreed_final(finalized->ref);
    if (heads.finalized != finalized->ref) heads.final_waits_for = final_waits_for_;
    co_return heads;
}

// What one endpoint calls final would be read in bulk and, once recorded, could not be taken back
// without a halt: with a tier of several endpoints it takes as many.
core::Task<std::optional<core::BlockRef>> EvmReader::agreed_final(core::BlockRef claimed) {
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
    const std::uint64_t apart = kApartMin + kApartMs / std::max<std::uint64_t>(1, info_.block_ms);
    for (const Claim& claim : claims) {
        const std::uint64_t height = claim.ref.height;
        const std::string text =
            "head " + std::to_string(height) + ", others at " + std::to_string(reference);
        if (height + apart < reference) gate_.pool().doubt(claim.endpoint, "behind", text);
        if (height > reference + apart) gate_.pool().doubt(claim.endpoint, "ahead", text);
    }
    if (reference <= apart) co_return;
    const net::Normaliser hash_of = [this](std::string_view json) -> core::Expected<std::string> {
        const auto head = decoder_.head(json);
        if (!head) return head.error();
        return head->ref.hash.hex0x();
    };
    (void)co_await gate_.agree(call_block(hex_number(reference - apart), false), 2, hash_of);
}

}  // namespace chains::evm::impl
