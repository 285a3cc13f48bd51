#include "chains/evm/profiles.hpp"

#include "chains/evm/impl/quirks.hpp"
#include "chains/evm/word.hpp"
#include "core/check.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

namespace chains::evm {
namespace {

constexpr auto kNone = GaslessKind::kNone;
constexpr auto k3009 = GaslessKind::kEip3009;

//! `weight` is TokenInfo::tier_weight.
struct TokenRow {
    std::string_view symbol;
    unsigned decimals;
    std::string_view contract;  //!< empty: the native coin
    std::uint64_t weight = 1;
    GaslessKind gasless = kNone;
    bool is_native = false;  //!< a contract that *is* the native coin (Celo)
};

constexpr std::uint64_t kEth = 5'000;
constexpr std::uint64_t kBtc = 150'000;
constexpr std::uint64_t kEuro = 2;

//! Small deposits are credited on depth alone up to this many weighed tokens (about dollars).
constexpr std::uint64_t kSmall = 1'000;

constexpr TokenRow kArbitrum[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0x82aF49447D8a07e3bd95BD0d56f35241523fBab1", kEth},
    {"USDC", 6, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", 1, k3009},
    {"DAI", 18, "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1"},
    {"USDT0", 6, "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9"},
    {"USDCe", 6, "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8"},
};
constexpr TokenRow kBase[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0x4200000000000000000000000000000000000006", kEth},
    {"USDC", 6, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", 1, k3009},
    {"CADC", 18, "0x043eB4B75d0805c43D7C834902E335621983Cf03"},
    {"EURC", 6, "0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42", kEuro, k3009},
    {"USDbC", 6, "0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA"},
    {"DAI", 18, "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb"},
    {"USDT", 6, "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2"},
    {"wARS", 18, "0x0DC4F92879B7670e5f4e4e6e3c801D229129D90D"},
};
constexpr TokenRow kBsc[] = {
    {"BNB", 18, "", 1'500},
    {"WBNB", 18, "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c", 1'500},
    {"USDC", 18, "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d"},
    {"USDT", 18, "0x55d398326f99059fF775485246999027B3197955"},
};
constexpr TokenRow kCelo[] = {
    {"CELO", 18, "0x471EcE3750Da237f93B8E339c536989b8978a438", 1, kNone, true},
    {"USDC", 6, "0xcebA9300f2b948710d2653dD7B07f33A8B32118C", 1, k3009},
    {"USDT", 6, "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e"},
    {"cUSD", 18, "0x765DE816845861e75A25fCA122bb6898B8B1282a"},
};
constexpr TokenRow kEthereum[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", kEth},
    {"USDC", 6, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", 1, k3009},
    {"EURC", 6, "0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c", kEuro, k3009},
    {"DAI", 18, "0x6B175474E89094C44Da98b954EedeAC495271d0F"},
    {"USDT", 6, "0xdAC17F958D2ee523a2206206994597C13D831ec7"},
};
constexpr TokenRow kGnosis[] = {
    {"XDAI", 18, ""},
    {"USDCe", 6, "0x2a22f9c3b484c3629090FeED35F17Ff8F88f76F0"},
    {"EURe", 18, "0x420CA0f9B9b604cE0fd9C18EF134C705e5Fa3430", kEuro},
};
constexpr TokenRow kHyperEvm[] = {
    {"HYPE", 18, "", 100},
    {"WHYPE", 18, "0x5555555555555555555555555555555555555555", 100},
    {"USDC", 6, "0xb88339CB7199b77E23DB6E890353E22632Ba630f", 1, k3009},
    {"USDT0", 6, "0xB8CE59FC3717ada4C02eaDF9682A9e934F625ebb"},
};
constexpr TokenRow kLinea[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0xe5D7C2a44FfDDf6b295A15c148167daaAf5Cf34f", kEth},
    {"USDC", 6, "0x176211869cA2b568f2A7D4EE941E073a821EE1ff", 1, k3009},
    {"DAI", 18, "0x4AF15ec2A0BD43Db75dd04E62FAA3B8EF36b00d5"},
};
constexpr TokenRow kMegaEth[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0x4200000000000000000000000000000000000006", kEth},
    {"USDT0", 6, "0xB8CE59FC3717ada4C02eaDF9682A9e934F625ebb"},
    {"USDm", 18, "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7"},
};
constexpr TokenRow kMonad[] = {
    {"MON", 18, ""},
    {"WMON", 18, "0x3bd359C1119dA7Da1D913D1C4D2B7c461115433A"},
    {"USDC", 6, "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", 1, k3009},
    {"USDT0", 6, "0xe7cd86e13AC4309349F30B3435a9d337750fC82D"},
};
constexpr TokenRow kOptimism[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0x4200000000000000000000000000000000000006", kEth},
    {"USDC", 6, "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85", 1, k3009},
    {"DAI", 18, "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1"},
    {"USDT", 6, "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58"},
    {"USDT0", 6, "0x01bFF41798a0BcF287b996046Ca68b395DbC1071"},
    {"USDCe", 6, "0x7F5c764cBc14f9669B88837ca1490cCa17c31607"},
};
constexpr TokenRow kPolygon[] = {
    {"POL", 18, ""},
    {"WPOL", 18, "0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"},
    {"WETH", 18, "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619", kEth},
    {"USDC", 6, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", 1, k3009},
    {"DAI", 18, "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063"},
    {"USDT0", 6, "0xc2132D05D31c914a87C6611C10748AEb04B58e8F"},
    {"USDCe", 6, "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"},
    {"JPYC", 18, "0xE7C3D8C9a439feDe00D2600032D5dB0Be71C3c29"},
};
constexpr TokenRow kTempo[] = {
    {"pathUSD", 6, "0x20C0000000000000000000000000000000000000"},
    {"USDCe", 6, "0x20C000000000000000000000b9537d11c60E8b50"},
    {"USDT0", 6, "0x20C00000000000000000000014f22CA97301EB73"},
};
constexpr TokenRow kWorldchain[] = {
    {"ETH", 18, "", kEth},
    {"WETH", 18, "0x4200000000000000000000000000000000000006", kEth},
    {"WBTC", 8, "0x03C7054BCB39f7b2e5B2c7AcB37583e32D70Cfa3", kBtc},
    {"USDC", 6, "0x79A02482A880bCE3F13e09Da970dC34db4CD24d1", 1, k3009},
    {"wARS", 18, "0x0DC4F92879B7670e5f4e4e6e3c801D229129D90D"},
    {"WLD", 18, "0x2cFc85d8E48F8EAB294be644d9E25C3030863003", 10},
};

//! `small_depth`: blocks on top of a small deposit, without the tag. `large_depth`: beside the tag.
struct ChainRow {
    std::uint64_t number;
    std::string_view name;
    std::string_view native;
    std::string_view explorer_url;
    unsigned slip44;
    std::uint64_t block_ms;
    std::uint64_t small_depth;
    std::uint64_t large_depth;
    std::span<const TokenRow> tokens;
    impl::Quirks quirks;
};

constexpr impl::Quirks kStandard{.is_standard = true};
constexpr impl::Quirks kOpStack{.has_l1_fee = true};
constexpr impl::Quirks kStandardOpStack{.is_standard = true, .has_l1_fee = true};
constexpr impl::Quirks kPartialBloom{.bloom_is_partial = true};
constexpr impl::Quirks kTokenFees{.fees_in_token = true};

// Depths are seconds in disguise: about seven minutes for sequencers that can take their unsafe
// head back (200 blocks of an OP stack), 160 and 500 blocks on Polygon whose tag was violated in
// the past, two and a half minutes on BSC where the fast finality falls back when votes stop.
const ChainRow kChains[] = {
    {1, "Ethereum", "ETH", "https://etherscan.io", 60, 12'000, 12, 0, kEthereum, kStandard},
    {10, "Optimism", "ETH", "https://optimistic.etherscan.io",
     60, 2'000, 200, 0, kOptimism, kStandardOpStack},
    {56, "BNB Smart Chain", "BNB", "https://bscscan.com", 714, 450, 167, 333, kBsc, {}},
    {100, "Gnosis", "XDAI", "https://gnosisscan.io", 700, 5'000, 24, 0, kGnosis, {}},
    {137, "Polygon", "POL", "https://polygonscan.com",
     966, 2'000, 160, 500, kPolygon, kPartialBloom},
    {143, "Monad", "MON", "", 60, 400, 10, 10, kMonad, {}},
    {480, "Worldchain", "ETH", "https://worldscan.org", 60, 2'000, 200, 0, kWorldchain, kOpStack},
    {999, "HyperEVM", "HYPE", "", 60, 1'000, 10, 10, kHyperEvm, {}},
    {4217, "Tempo", "USD", "", 60, 500, 10, 10, kTempo, kTokenFees},
    {4326, "MegaETH", "ETH", "", 60, 1'000, 400, 0, kMegaEth, kOpStack},
    {8453, "Base", "ETH", "https://basescan.org", 60, 2'000, 200, 0, kBase, kStandardOpStack},
    {42161, "Arbitrum", "ETH", "https://arbiscan.io", 60, 250, 1'600, 0, kArbitrum, {}},
    {42220, "Celo", "CELO", "https://celoscan.io", 52752, 1'000, 400, 0, kCelo, kOpStack},
    {59144, "Linea", "ETH", "https://lineascan.build", 60, 2'000, 200, 0, kLinea, {}},
};

const ChainRow* find_row(std::uint64_t number) {
    const auto* row = std::find_if(std::begin(kChains), std::end(kChains),
                                   [&](const ChainRow& r) { return r.number == number; });
    return row == std::end(kChains) ? nullptr : row;
}

core::AssetId slip44_asset(const core::ChainId& chain, unsigned coin) {
    return core::AssetId{chain.text() + "/slip44:" + std::to_string(coin)};
}

//! About a dollar: one whole token through its weight.
core::Units stray_minimum(unsigned decimals, std::uint64_t weight) {
    auto units = core::Units{1};
    for (unsigned i = 0; i < decimals; ++i) {
        const auto next = units.times(10);
        CHECK(next.has_value(), "no token has that many decimals");
        units = *next;
    }
    const auto least = units.mul_ratio_ceil(1, weight);
    CHECK(least.has_value());
    return *least;
}

TokenInfo native_token(const ChainInfo& chain, std::uint64_t weight) {
    return {.asset = chain.native_asset,
            .symbol = chain.native_symbol,
            .decimals = chain.native_decimals,
            .contract = {},
            .gasless = kNone,
            .stray_min = stray_minimum(chain.native_decimals, weight),
            .tier_weight = weight};
}

TokenInfo token_of(const ChainInfo& chain, const TokenRow& row) {
    if (row.contract.empty()) return native_token(chain, row.weight);
    const auto contract = core::Address::from_hex(row.contract);
    CHECK(contract.has_value(), "the token table holds addresses");
    return {.asset = row.is_native ? chain.native_asset : erc20_asset(chain.id, *contract),
            .symbol = std::string{row.symbol},
            .decimals = row.decimals,
            .contract = *contract,
            .gasless = row.gasless,
            .stray_min = stray_minimum(row.decimals, row.weight),
            .tier_weight = row.weight};
}

bool is_local(std::uint64_t number) { return number == 31337 || number == 1337; }

}  // namespace

impl::Quirks impl::quirks_of(std::uint64_t chain_number) {
    const ChainRow* row = find_row(chain_number);
    if (row != nullptr) return row->quirks;
    return is_local(chain_number) ? kStandard : Quirks{};
}

core::AssetId erc20_asset(const core::ChainId& chain, const core::Address& contract) {
    return core::AssetId{chain.text() + "/erc20:" + contract.hex0x()};
}

core::Expected<std::uint64_t> chain_number(const core::ChainId& chain) {
    if (chain.name_space() != "eip155") return core::invalid("not an EVM chain: " + chain.text());
    const std::string_view digits = chain.reference();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool canonical = digits == "0" || !digits.starts_with('0');
    if (error != std::errc{} || end != digits.data() + digits.size() || !canonical) {
        return core::invalid("not an EIP-155 chain number: " + chain.text());
    }
    return number;
}

std::vector<std::uint64_t> profile_numbers() {
    std::vector<std::uint64_t> numbers;
    for (const ChainRow& row : kChains) numbers.push_back(row.number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

std::optional<ChainInfo> find_profile(std::uint64_t number) {
    const ChainRow* row = find_row(number);
    if (row == nullptr) return std::nullopt;
    ChainInfo chain;
    chain.id = core::ChainId::eip155(number);
    chain.name = std::string{row->name};
    chain.native_symbol = std::string{row->native};
    chain.explorer_url = std::string{row->explorer_url};
    chain.native_asset = slip44_asset(chain.id, row->slip44);
    chain.is_mainnet = true;
    chain.scan_native = !row->quirks.fees_in_token;
    chain.block_ms = row->block_ms;
    for (const TokenRow& token : row->tokens) chain.tokens.push_back(token_of(chain, token));
    chain.credit = {
        {.whole_tokens_max = kSmall,
         .depth = row->small_depth,
         .finalized_tag = false,
         .endpoints = 1},
        {.whole_tokens_max = {}, .depth = row->large_depth, .finalized_tag = true, .endpoints = 2},
    };
    chain.payout_final = chain.credit.back();
    return chain;
}

ChainInfo generic_profile(std::uint64_t number, std::string name) {
    ChainInfo chain;
    chain.id = core::ChainId::eip155(number);
    chain.name = std::move(name);
    chain.native_symbol = "ETH";
    chain.native_asset = slip44_asset(chain.id, 60);
    chain.is_mainnet = !is_local(number);
    chain.block_ms = is_local(number) ? 1'000 : 12'000;
    chain.tokens.push_back(native_token(chain, kEth));
    const CreditTier only =
        is_local(number)
            ? CreditTier{.whole_tokens_max = {}, .depth = 2, .finalized_tag = false, .endpoints = 1}
            : CreditTier{
                  .whole_tokens_max = {}, .depth = 12, .finalized_tag = true, .endpoints = 2};
    chain.credit = {only};
    chain.payout_final = only;
    return chain;
}

void add_token(ChainInfo& chain, std::string symbol, unsigned decimals, core::Address contract,
               GaslessKind gasless) {
    CHECK(contract.view().size() == kAddressSize, "a contract has 20 bytes");
    chain.tokens.push_back({.asset = erc20_asset(chain.id, contract),
                            .symbol = std::move(symbol),
                            .decimals = decimals,
                            .contract = contract,
                            .gasless = gasless,
                            .stray_min = stray_minimum(decimals, 1),
                            .tier_weight = 1});
}

}  // namespace chains::evm
