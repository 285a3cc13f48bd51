// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./Token.sol";

/// Says false instead of reverting when it cannot pay: a sender that ignores the answer believes it has paid.
contract FalseToken is Token {
    bool public refusing;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) Token(name_, symbol_, decimals_) {}

    function transfer(address to, uint256 value) external returns (bool) {
        if (refusing || balanceOf[msg.sender] < value) return false;
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (refusing || balanceOf[from] < value || allowance[from][msg.sender] < value) return false;
        _spend(from, msg.sender, value);
        _move(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _approve(msg.sender, spender, value);
        return true;
    }

    /// While refusing, every transfer is answered with false whatever the balance.
    function setRefusing(bool refusing_) external {
        refusing = refusing_;
    }
}
