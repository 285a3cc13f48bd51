// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./Token.sol";

/// Keeps 3 % of every transfer, so that what arrives is less than what was sent.
contract FeeToken is Token {
    uint256 public constant FEE_PERCENT = 3;
    address public immutable collector;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) Token(name_, symbol_, decimals_) {
        collector = msg.sender;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _payWithFee(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _spend(from, msg.sender, value);
        _payWithFee(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _approve(msg.sender, spender, value);
        return true;
    }

    function _payWithFee(address from, address to, uint256 value) private {
        uint256 fee = (value * FEE_PERCENT) / 100;
        _move(from, to, value - fee);
        _move(from, collector, fee);
    }
}
