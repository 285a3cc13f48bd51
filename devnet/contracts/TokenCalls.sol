// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Calls tokens that return a bool and tokens that return nothing in the same way.
library TokenCalls {
    function pull(address token, address from, address to, uint256 value) internal {
        (bool ok, bytes memory answer) =
            token.call(abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, value));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "token refused");
    }

    function push(address token, address to, uint256 value) internal {
        (bool ok, bytes memory answer) = token.call(abi.encodeWithSignature("transfer(address,uint256)", to, value));
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), "token refused");
    }
}
