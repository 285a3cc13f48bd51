#include "tests/simulation/execution.hpp"

#include "chains/crypto/keccak.hpp"
#include "chains/evm/abi.hpp"

#include <algorithm>
#include <optional>

namespace simulation {
namespace {

using chains::evm::AbiReader;
using chains::evm::AbiValue;
using chains::evm::Bytes32;

constexpr std::uint64_t kCreationGas = 53'000;
constexpr std::uint64_t kRevertGas = 28'000;
constexpr std::uint64_t kDataGas = 16;

enum class Method {
    kTransfer,
    kTransferFrom,
    kApprove,
    kBalanceOf,
    kAllowance,
    kDecimals,
    kSymbol,
    kName,
};

std::optional<Method> method_of(core::ByteView data) {
    static const std::map<chains::evm::Selector, Method> kMethods{
        {chains::evm::selector("transfer(address,uint256)"), Method::kTransfer},
        {chains::evm::selector("transferFrom(address,address,uint256)"), Method::kTransferFrom},
        {chains::evm::selector("approve(address,uint256)"), Method::kApprove},
        {chains::evm::selector("balanceOf(address)"), Method::kBalanceOf},
        {chains::evm::selector("allowance(address,address)"), Method::kAllowance},
        {chains::evm::selector("decimals()"), Method::kDecimals},
        {chains::evm::selector("symbol()"), Method::kSymbol},
        {chains::evm::selector("name()"), Method::kName}};
    if (data.size() < 4) return std::nullopt;
    chains::evm::Selector selector;
    std::copy_n(data.begin(), 4, selector.begin());
    const auto found = kMethods.find(selector);
    if (found == kMethods.end()) return std::nullopt;
    return found->second;
}

Effects failed(std::string reason, std::uint64_t gas = kRevertGas) {
    Effects out;
    out.success = false;
    out.reason = std::move(reason);
    out.gas = gas;
    return out;
}

core::Bytes word_bytes(const U256& number) {
    const auto word = core::Units{number}.big_endian();
    return {word.begin(), word.end()};
}

core::Bytes text_bytes(const std::string& text) {
    std::vector<AbiValue> values;
    values.push_back(AbiValue::string(text));
    return chains::evm::encode_arguments(values);
}

//! One call of one token.
class TokenCall {
  public:
    TokenCall(const Token& token, Asset asset, const Call& call, const StateSource& state)
        : token_{token},
          asset_{asset},
          call_{call},
          state_{state},
          arguments_{call.data.subspan(4)} {}

    Effects run(Method method) {
        switch (method) {
            case Method::kTransfer: return transfer();
            case Method::kTransferFrom: return transfer_from();
            case Method::kApprove: return approve();
            case Method::kBalanceOf: {
                const auto owner = arguments_.address(0);
                if (!owner) return failed({});
                return view(word_bytes(state_.get(StateKey::balance(asset_, *owner))));
            }
            case Method::kAllowance: {
                const auto owner = arguments_.address(0);
                const auto spender = arguments_.address(1);
                if (!owner || !spender) return failed({});
                return view(word_bytes(state_.get(StateKey::allowance(asset_, *owner, *spender))));
            }
            case Method::kDecimals: return view(word_bytes(U256{token_.decimals}));
            case Method::kSymbol:
            case Method::kName: return view(text_bytes(token_.symbol));
        }
        return failed({});
    }

  private:
    static Effects view(core::Bytes returned) {
        Effects out;
        out.gas = kTransferGas + 3'000;
        out.returned = std::move(returned);
        return out;
    }
    Effects transfer() {
        const auto to = arguments_.address(0);
        const auto units = arguments_.units(1);
        if (!to || !units) return failed({});
        return move(call_.from, *to, units->raw());
    }
    Effects transfer_from() {
        const auto from = arguments_.address(0);
        const auto to = arguments_.address(1);
        const auto units = arguments_.units(2);
        if (!from || !to || !units) return failed({});
        const StateKey key = StateKey::allowance(asset_, *from, call_.from);
        const U256 allowed = state_.get(key);
        if (allowed < units->raw()) return failed("ERC20: insufficient allowance");
        Effects out = move(*from, *to, units->raw());
        if (!out.success || out.moves.empty()) return out;
        out.allowances.push_back({key, allowed - units->raw()});
        out.gas += 10'000;
        return out;
    }
    Effects approve() {
        const auto spender = arguments_.address(0);
        const auto units = arguments_.units(1);
        if (!spender || !units) return failed({});
        Effects out;
        out.gas = 46'000;
        out.allowances.push_back({StateKey::allowance(asset_, call_.from, *spender), units->raw()});
        out.logs.push_back({token_.contract, call_.from, *spender, units->raw(), true});
        if (!token_.behaviour.returns_nothing) out.returned = word_bytes(U256{1U});
        return out;
    }
    Effects move(const core::Address& from, const core::Address& to, const U256& units) {
        const TokenBehaviour& behaviour = token_.behaviour;
        if (behaviour.paused) return failed("Pausable: paused");
        if (behaviour.blocked.contains(from) || behaviour.blocked.contains(to) ||
            behaviour.blocked.contains(call_.from)) {
            return failed("Blacklistable: account is blacklisted");
        }
        Effects out;
        out.gas = kTokenGas;
        if (behaviour.returns_false) {
            out.returned = word_bytes(U256{0U});
            return out;
        }
        if (to.is_zero()) return failed("ERC20: transfer to the zero address");
        if (state_.get(StateKey::balance(asset_, from)) < units) {
            return failed("ERC20: transfer amount exceeds balance");
        }
        out.moves.push_back({asset_, from, to, units});
        out.logs.push_back({token_.contract, from, to, units, false});
        if (!behaviour.returns_nothing) out.returned = word_bytes(U256{1U});
        return out;
    }

    const Token& token_;
    Asset asset_;
    const Call& call_;
    const StateSource& state_;
    AbiReader arguments_;
};

core::Address coin_recipient(const Contracts& contracts, const Call& call) {
    const auto code = contracts.others.find(call.to);
    if (code == contracts.others.end() || !code->second.hands_on) return call.to;
    const auto named = core::Address::from_bytes(call.data);
    return named ? *named : call.to;
}

}  // namespace

Asset Contracts::asset_at(const core::Address& contract) const {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].contract == contract) return static_cast<Asset>(i + 1);
    }
    return kNative;
}

Effects run(const Contracts& contracts, const Call& call, const StateSource& state) {
    if (call.to.empty()) return failed({}, kCreationGas);
    if (const Asset asset = contracts.asset_at(call.to); asset != kNative) {
        const auto method = method_of(call.data);
        if (!method || call.value != 0) return failed({});
        return TokenCall{contracts.token(asset), asset, call, state}.run(*method);
    }
    Effects out;
    out.gas = kTransferGas + kDataGas * call.data.size();
    if (const auto code = contracts.others.find(call.to); code != contracts.others.end()) {
        if (code->second.refuses) return failed({});
        out.gas += code->second.gas_extra;
    }
    if (call.value != 0) {
        out.moves.push_back({kNative, call.from, coin_recipient(contracts, call), call.value});
    }
    return out;
}

std::optional<Move> intent_of(const Contracts& contracts, const Call& call) {
    const Asset asset = contracts.asset_at(call.to);
    if (asset == kNative) {
        if (call.value == 0) return std::nullopt;
        return Move{kNative, call.from, coin_recipient(contracts, call), call.value};
    }
    const auto method = method_of(call.data);
    if (!method || (*method != Method::kTransfer && *method != Method::kTransferFrom)) {
        return std::nullopt;
    }
    const AbiReader arguments{call.data.subspan(4)};
    const bool is_direct = *method == Method::kTransfer;
    const auto from = is_direct ? core::Expected<core::Address>{call.from} : arguments.address(0);
    const auto to = arguments.address(is_direct ? 0 : 1);
    const auto units = arguments.units(is_direct ? 1 : 2);
    if (!from || !to || !units) return std::nullopt;
    return Move{asset, *from, *to, units->raw()};
}

core::Bytes revert_data(std::string_view reason) {
    if (reason.empty()) return {};
    std::vector<AbiValue> values;
    values.push_back(AbiValue::string(reason));
    return chains::evm::encode_call("Error(string)", values);
}

const Bytes32& topic_of(const LogRecord& log) {
    static const Bytes32 kTransfer{
        chains::crypto::keccak256(core::bytes_of("Transfer(address,address,uint256)")).bytes};
    static const Bytes32 kApproval{
        chains::crypto::keccak256(core::bytes_of("Approval(address,address,uint256)")).bytes};
    return log.approval ? kApproval : kTransfer;
}

Bytes32 word_of(const U256& number) { return Bytes32{core::Units{number}.big_endian()}; }

}  // namespace simulation
