// What an account has and has sent, by the word of several endpoints.
#include "chains/evm/abi.hpp"
#include "chains/evm/impl/evm_sender.hpp"

#include <algorithm>
#include <map>

namespace chains::evm::impl {
namespace {

constexpr core::Millis kOpinionTimeout{4'000};
constexpr core::Millis kCompareEvery{15'000};

}  // namespace

core::Task<core::Expected<std::uint64_t>> EvmSender::final_height() {
    std::vector<net::RpcCall> calls;
    calls.push_back(call_block("latest", false));
    if (info_.payout_final.finalized_tag) calls.push_back(call_block("finalized", false));
    const auto replies = co_await gate_.call_batch(std::move(calls));
    if (!replies) co_return replies.error();
    std::vector<std::uint64_t> heights;
    for (const net::RpcReply& reply : *replies) {
        const auto json = reply.result();
        if (!json) co_return json.error();
        const auto head = decoder_.head(*json);
        if (!head) co_return head.error();
        heights.push_back(head->ref.height);
    }
    const std::uint64_t depth = info_.payout_final.depth;
    const std::uint64_t deep = heights.front() > depth ? heights.front() - depth : 0;
    co_return std::min(deep, heights.back());
}

core::Task<core::Expected<std::uint64_t>> EvmSender::nonce_final(core::Address sender) {
    const auto height = co_await final_height();
    if (!height) co_return height.error();
    const net::Normaliser as_number = [](std::string_view json) -> core::Expected<std::string> {
        const auto units = Decoder{}.quantity(json);
        if (!units) return units.error();
        return units->decimal();
    };
    const std::string at = at_tag(hex_number(*height));
    const auto agreed = co_await gate_.agree(call_nonce(sender, at), quorum(), as_number);
    if (!agreed && (agreed.error().code == core::Errc::kNotReady ||
                    agreed.error().code == core::Errc::kNoQuorum)) {
        co_return co_await count_without_history(sender, at, agreed.error());
    }
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    const auto units = decoder_.quantity(*json);
    if (!units) co_return units.error();
    co_return units->to_u64();
}

core::Task<core::Expected<std::uint64_t>> EvmSender::count_at(core::Address sender, std::string at,
                                                              std::size_t endpoint) {
    net::CallOptions options;
    options.endpoint = endpoint;
    const auto reply = co_await gate_.call(call_nonce(sender, at), options);
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    const auto units = decoder_.quantity(*json);
    if (!units) co_return units.error();
    co_return units->to_u64();
}

// Nodes without an archive forget old states. The lowest of their latest counts then takes the
// place of the final one. Whoever reserves a nonce takes the higher of this and his own
// reservations, so that a node which is behind can't make us use a nonce twice. It may also be too
// high, by what was sent with our key from elsewhere and is undone later: that leaves a gap before
// our transaction, which waits, and is never paid twice.
core::Task<core::Expected<std::uint64_t>> EvmSender::count_without_history(core::Address sender,
                                                                           std::string at,
                                                                           core::Error why) {
    std::optional<std::uint64_t> told;
    std::optional<std::uint64_t> lowest;
    unsigned answers = 0;
    bool is_forgotten = false;
    for (const std::size_t endpoint : endpoints()) {
        const auto final_count = co_await count_at(sender, at, endpoint);
        if (!final_count && final_count.error().code == core::Errc::kNotReady) is_forgotten = true;
        if (final_count && told.value_or(*final_count) != *final_count) co_return why;
        if (final_count) told = *final_count;
        const auto latest = co_await count_at(sender, at_tag("latest"), endpoint);
        if (!latest) continue;
        ++answers;
        lowest = std::min(lowest.value_or(*latest), *latest);
    }
    if (!is_forgotten || answers < quorum()) co_return why;
    co_return *lowest;
}

core::Task<core::Expected<core::Units>> EvmSender::quantity_of(net::RpcCall call) {
    const auto reply = co_await gate_.call(std::move(call));
    if (!reply) co_return reply.error();
    const auto json = reply->result();
    if (!json) co_return json.error();
    co_return decoder_.quantity(*json);
}

core::Task<core::Expected<std::uint64_t>> EvmSender::nonce_latest(core::Address sender) {
    const auto units = co_await quantity_of(call_nonce(sender, at_tag("latest")));
    if (!units) co_return units.error();
    co_return units->to_u64();
}

// Too little stops payouts, too much sends them to their failure: the middle one of three, the
// lower one of two.
core::Task<core::Expected<core::Units>> EvmSender::native_balance(core::Address owner) {
    const auto answers =
        co_await gate_.pool().survey(call_balance(owner, at_tag("latest")), kOpinionTimeout);
    std::vector<core::Units> held;
    for (const net::BroadcastAnswer& answer : answers) {
        if (!answer.reply || !answer.reply->ok()) continue;
        if (auto units = decoder_.quantity(*answer.reply->result())) held.push_back(*units);
    }
    if (held.empty()) co_return co_await quantity_of(call_balance(owner, at_tag("latest")));
    std::sort(held.begin(), held.end());
    if (held.front() != held.back()) co_await compare_balances(owner);
    co_return held[(held.size() - 1) / 2];
}

// At the head honest ones differ while they take in a block; where all of them have been they
// can't.
core::Task<void> EvmSender::compare_balances(core::Address owner) {
    const bool is_early = balances_compared_ && clock_.tick() - *balances_compared_ < kCompareEvery;
    if (is_early || gate_.pool().size() < 3) co_return;
    balances_compared_ = clock_.tick();
    net::RpcCall height_call{"eth_blockNumber", "[]"};
    const auto head = co_await quantity_of(std::move(height_call));
    const auto height = head ? head->to_u64() : core::Expected<std::uint64_t>{head.error()};
    const std::uint64_t below = 2 * blocks_apart(info_);
    if (!height || *height < below) co_return;
    const std::string at = at_tag(hex_number(*height - below));
    const auto answers = co_await gate_.pool().survey(call_balance(owner, at), kOpinionTimeout);
    std::map<core::Units, std::vector<std::size_t>> camps;
    for (const net::BroadcastAnswer& answer : answers) {
        if (!answer.reply || !answer.reply->ok()) continue;
        const auto units = decoder_.quantity(*answer.reply->result());
        if (units) camps[*units].push_back(answer.endpoint);
    }
    if (camps.size() != 2) co_return;
    const auto& [low, lower] = *camps.begin();
    const auto& [high, higher] = *camps.rbegin();
    if (std::max(lower.size(), higher.size()) < 2 || lower.size() == higher.size()) co_return;
    for (const std::size_t odd : lower.size() < higher.size() ? lower : higher) {
        gate_.pool().doubt(odd, "outvoted",
                           "eth_getBalance at " + std::to_string(*height - below) + ": " +
                               low.decimal() + " against " + high.decimal());
    }
}

core::Task<core::Expected<core::Units>> EvmSender::word_at(core::Address contract, core::Bytes data,
                                                           core::BlockRef at) {
    const net::Normaliser as_number = [](std::string_view json) -> core::Expected<std::string> {
        const auto word = Decoder{}.data(json);
        if (!word) return word.error();
        if (word->size() != Bytes32::kSize) return core::invalid("not one word");
        const auto units = AbiReader{*word}.units(0);
        if (!units) return units.error();
        return units->decimal();
    };
    const CallShape shape{.from = {}, .to = contract, .value = {}, .data = std::move(data)};
    const auto agreed =
        co_await gate_.agree(call_eth_call(shape, at_block(at.hash)), quorum(), as_number);
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    const auto word = decoder_.data(*json);
    if (!word) co_return word.error();
    co_return AbiReader{*word}.units(0);
}

core::Task<core::Expected<Holding>> EvmSender::holding(core::AssetId asset, core::Address owner,
                                                       core::Address spender, core::BlockRef at) {
    const TokenInfo* token = info_.token(asset);
    if (token == nullptr || token->contract.empty()) {
        co_return core::Error{core::Errc::kUnsupported, "not a listed token: " + asset.text()};
    }
    const core::Address contract = token->contract;
    std::vector<AbiValue> whose;
    whose.push_back(AbiValue::address(owner));
    std::vector<AbiValue> whose_for;
    whose_for.push_back(AbiValue::address(owner));
    whose_for.push_back(AbiValue::address(spender));
    auto balance = co_await word_at(contract, encode_call("balanceOf(address)", whose), at);
    if (!balance) co_return balance.error();
    auto allowance =
        co_await word_at(contract, encode_call("allowance(address,address)", whose_for), at);
    if (!allowance) co_return allowance.error();
    co_return Holding{*balance, *allowance};
}

core::Task<core::Expected<bool>> EvmSender::has_code(core::Address address) {
    const net::Normaliser is_there = [](std::string_view json) -> core::Expected<std::string> {
        const auto code = Decoder{}.data(json);
        if (!code) return code.error();
        return std::string{code->empty() ? "no" : "yes"};
    };
    const auto agreed =
        co_await gate_.agree(call_code(address, at_tag("latest")), quorum(), is_there);
    if (!agreed) co_return agreed.error();
    const auto json = agreed->reply.result();
    if (!json) co_return json.error();
    co_return *is_there(*json) == "yes";
}

}  // namespace chains::evm::impl
