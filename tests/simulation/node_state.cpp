#include "chains/evm/transaction.hpp"
#include "tests/simulation/node.hpp"

#include <algorithm>

namespace simulation {
namespace {

//! How long the daemon's code is that reads balances in one call; the addresses follow it.
constexpr std::size_t kBalancesCode = 43;
constexpr std::array<std::uint8_t, 5> kBalancesStart{0x60, 0x2b, 0x60, 0x20, 0x5b};

class View final : public StateSource {
  public:
    View(const Chain& chain, BlockId at) : chain_{chain}, at_{at} {}
    U256 get(const StateKey& key) const override { return chain_.state(key, at_); }

  private:
    const Chain& chain_;
    BlockId at_;
};

void append_quoted(std::string& out, const U256& number) {
    out += '"';
    append_quantity(out, number);
    out += '"';
}

core::Address address_in(const Json& json) {
    const auto address = core::Address::from_hex(json.text());
    return address ? *address : core::Address{};
}

U256 number_in(const Json& json) {
    const auto units = core::Units::from_hex_quantity(json.text());
    return units ? units->raw() : U256{};
}

}  // namespace

U256 Node::told_balance(Asset asset, const core::Address& owner, BlockId at) const {
    const U256 held = chain_.state(StateKey::balance(asset, owner), at);
    return lies(Lie::kBalance) ? U256{held * 2 + 1} : held;
}

Node::Outcome Node::balance(const Json& params, std::string& out) {
    const auto [at, fault] = state_at(params.item(1));
    if (fault) return fault;
    append_quoted(out, told_balance(kNative, address_in(params.item(0)), *at));
    return std::nullopt;
}

Node::Outcome Node::code(const Json& params, std::string& out) {
    const core::Address who = address_in(params.item(0));
    const Contracts& contracts = chain_.contracts();
    if (contracts.asset_at(who) != kNative) {
        out += "\"0x6080604052\"";
        return std::nullopt;
    }
    const auto found = contracts.others.find(who);
    append_hash(out, found == contracts.others.end() ? core::Bytes{} : found->second.bytes);
    return std::nullopt;
}

Node::Outcome Node::transaction_count(const Json& params, std::string& out) {
    const auto [at, fault] = state_at(params.item(1));
    if (fault) return fault;
    const core::Address who = address_in(params.item(0));
    auto count = static_cast<std::uint64_t>(chain_.state(StateKey::nonce(who), *at));
    if (params.item(1).text() == "pending") {
        const std::uint64_t mined = chain_.nonce(who);
        count = std::max(count, mined + chain_.waiting_from(who, mined));
    }
    if (lies(Lie::kNonceLow) && count > 0) --count;
    if (lies(Lie::kNonceHigh)) count += 5;
    append_quoted(out, U256{count});
    return std::nullopt;
}

Node::Outcome Node::balances(core::ByteView code, BlockId at, std::string& out) const {
    if (code.size() < kBalancesCode || (code.size() - kBalancesCode) % 20 != 0 ||
        !std::equal(kBalancesStart.begin(), kBalancesStart.end(), code.begin())) {
        return Fault{-32000, "execution reverted", "0x"};
    }
    out += "\"0x";
    for (std::size_t i = kBalancesCode; i < code.size(); i += 20) {
        append_word(out,
                    told_balance(kNative, *core::Address::from_bytes(code.subspan(i, 20)), at));
    }
    out += '"';
    return std::nullopt;
}

Node::Outcome Node::run_call(const Json& params, BlockId at, Effects& effects) {
    const Json shape = params.item(0);
    const Json input = shape.field("data").exists() ? shape.field("data") : shape.field("input");
    const auto data = core::from_hex(input.text());
    const Call call{address_in(shape.field("from")), address_in(shape.field("to")),
                    number_in(shape.field("value")),
                    data ? core::ByteView{*data} : core::ByteView{}};
    const View view{chain_, at};
    const U256 held = call.value == 0 ? U256{} : view.get(StateKey::balance(kNative, call.from));
    if (held < call.value) {
        return Fault{-32000, "insufficient funds for gas * price + value: address " +
                                 call.from.hex0x() + " have " + core::Units{held}.decimal() +
                                 " want " + core::Units{call.value}.decimal()};
    }
    effects = run(chain_.contracts(), call, view);
    if (effects.success) return std::nullopt;
    const std::string reason = effects.reason.empty() ? "" : ": " + effects.reason;
    return Fault{3, "execution reverted" + reason, core::to_hex0x(revert_data(effects.reason))};
}

Node::Outcome Node::call(const Json& params, std::string& out) {
    const auto [at, fault] = state_at(params.item(1));
    if (fault) return fault;
    const Json shape = params.item(0);
    if (!shape.field("to").is_string()) {
        const auto code = core::from_hex(shape.field("data").text());
        return balances(code ? core::ByteView{*code} : core::ByteView{}, *at, out);
    }
    Effects effects;
    if (auto failed = run_call(params, *at, effects)) return failed;
    if (lies(Lie::kBalance) && shape.field("data").text().starts_with("0x70a08231")) {
        const U256 held = core::Units::from_big_endian(effects.returned)->raw();
        out += "\"0x";
        append_word(out, U256{held * 2 + 1});
        out += '"';
        return std::nullopt;
    }
    append_hash(out, effects.returned);
    return std::nullopt;
}

Node::Outcome Node::estimate_gas(const Json& params, std::string& out) {
    const auto [at, fault] = state_at(params.item(1));
    if (fault) return fault;
    Effects effects;
    if (auto failed = run_call(params, *at, effects)) return failed;
    append_quoted(out, U256{effects.gas});
    return std::nullopt;
}

Node::Outcome Node::fee_history(const Json& params, std::string& out) {
    const auto asked = params.item(0).quantity();
    const auto newest = at_tag(params.item(1).text());
    if (!asked || !newest) return Fault{-32602, "invalid argument 0: no count"};
    const std::uint64_t top = block(*newest).height;
    const std::uint64_t count = std::min<std::uint64_t>(*asked, top + 1);
    const std::uint64_t first = top + 1 - count;
    const std::size_t percentiles = params.item(2).items().size();
    out += R"({"oldestBlock":")";
    append_quantity(out, first);
    out += R"(","baseFeePerGas":[)";
    std::string ratios;
    std::string rewards;
    for (std::uint64_t height = first; height <= top; ++height) {
        append_quoted(out, U256{told_fee(block(*at_height(height)).base_fee)});
        out += ',';
        if (!ratios.empty()) ratios += ',';
        ratios += "0.5";
        rewards += rewards.empty() ? "[" : ",[";
        for (std::size_t i = 0; i < percentiles; ++i) {
            if (i > 0) rewards += ',';
            append_quoted(rewards, U256{told_fee(chain_.options().tip)});
        }
        rewards += ']';
    }
    append_quoted(out, U256{told_fee(block(*newest).base_fee_next)});
    out += R"(],"gasUsedRatio":[)" + ratios + "]";
    if (percentiles > 0) out += R"(,"reward":[)" + rewards + "]";
    out += '}';
    return std::nullopt;
}

Node::Outcome Node::gas_price(const Json&, std::string& out) {
    append_quoted(out, U256{told_fee(block(told_head()).base_fee_next + chain_.options().tip)});
    return std::nullopt;
}

Node::Outcome Node::priority_fee(const Json&, std::string& out) {
    append_quoted(out, U256{told_fee(chain_.options().tip)});
    return std::nullopt;
}

Node::Outcome Node::send_raw(const Json& params, std::string& out) {
    const auto raw = core::from_hex(params.item(0).text());
    if (!raw || raw->empty()) return Fault{-32602, "invalid argument 0: no bytes"};
    if (lies(Lie::kAlreadyKnown)) return Fault{-32000, "already known"};
    if (lies(Lie::kSwallow)) {
        append_hash(out, chains::evm::tx_id_of(*raw).view());
        return std::nullopt;
    }
    const Chain::Submitted submitted = chain_.submit(*raw, head());
    if (lies(Lie::kRefuse)) {
        return Fault{-32000, "insufficient funds for gas * price + value: balance 0"};
    }
    if (!submitted.error.empty()) return Fault{-32000, submitted.error};
    append_hash(out, submitted.id.view());
    return std::nullopt;
}

}  // namespace simulation
