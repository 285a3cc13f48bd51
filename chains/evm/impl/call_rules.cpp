#include "chains/evm/call_rules.hpp"

#include "chains/evm/abi.hpp"

#include <algorithm>
#include <array>

namespace chains::evm {
namespace {

// ERC-20 and what is common beside it, ERC-721 and ERC-1155, ERC-777, ERC-1363.
constexpr std::array<std::string_view, 19> kForbidden{
    "transfer(address,uint256)",
    "transferFrom(address,address,uint256)",
    "approve(address,uint256)",
    "increaseAllowance(address,uint256)",
    "increaseApproval(address,uint256)",
    "safeTransferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
    "safeTransferFrom(address,address,uint256,uint256,bytes)",
    "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
    "setApprovalForAll(address,bool)",
    "send(address,uint256,bytes)",
    "authorizeOperator(address)",
    "approveAndCall(address,uint256)",
    "approveAndCall(address,uint256,bytes)",
    "transferAndCall(address,uint256)",
    "transferAndCall(address,uint256,bytes)",
    "transferFromAndCall(address,address,uint256)",
    "transferFromAndCall(address,address,uint256,bytes)",
    "burn(uint256)",
};

}  // namespace

std::optional<std::string> forbidden_function(core::ByteView data) {
    static const auto selectors = [] {
        std::array<Selector, kForbidden.size()> out{};
        std::transform(kForbidden.begin(), kForbidden.end(), out.begin(), selector);
        return out;
    }();
    if (data.size() < Selector{}.size()) return std::nullopt;
    for (std::size_t i = 0; i < selectors.size(); ++i) {
        if (std::equal(selectors[i].begin(), selectors[i].end(), data.begin())) {
            return std::string{kForbidden[i]};
        }
    }
    return std::nullopt;
}

}  // namespace chains::evm
