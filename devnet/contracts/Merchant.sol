// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./TokenCalls.sol";

interface IAllowance {
    function allowance(address owner, address spender) external view returns (uint256);
}

/// A contract as destination: the payer approves it and calls `pay(order)`, and it pulls what was approved.
contract Merchant {
    enum Mode {
        Accept,
        Revert,
        RevertWithoutReason,
        TakeHalf,
        TakeNothing,
        BurnAllGas,
        GiveHalfBack
    }

    address public immutable token;
    Mode public mode;
    mapping(bytes32 => uint256) public paid;

    event Paid(bytes32 indexed order, address indexed payer, uint256 value);

    constructor(address token_) {
        token = token_;
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// Takes the whole allowance of the caller; reverts when there is none.
    function pay(bytes32 order) external {
        uint256 value = IAllowance(token).allowance(msg.sender, address(this));
        require(value > 0, "Merchant: nothing approved");
        require(mode != Mode.Revert, "Merchant: order refused");
        if (mode == Mode.RevertWithoutReason) revert();
        if (mode == Mode.BurnAllGas) assembly { invalid() }
        if (mode == Mode.TakeHalf) value /= 2;
        if (mode == Mode.TakeNothing) value = 0;
        if (value > 0) TokenCalls.pull(token, msg.sender, address(this), value);
        if (mode == Mode.GiveHalfBack) TokenCalls.push(token, msg.sender, value / 2);
        paid[order] += value;
        emit Paid(order, msg.sender, value);
    }

    /// Takes what `owner` approved without being called by him.
    function grab(address owner) external {
        uint256 value = IAllowance(token).allowance(owner, address(this));
        TokenCalls.pull(token, owner, address(this), value);
    }

    /// The same for native coin.
    function payNative(bytes32 order) external payable {
        require(mode != Mode.Revert, "Merchant: order refused");
        if (mode == Mode.RevertWithoutReason) revert();
        if (mode == Mode.GiveHalfBack) {
            (bool ok,) = msg.sender.call{value: msg.value / 2}("");
            require(ok, "Merchant: the coin does not go back");
        }
        paid[order] += msg.value;
        emit Paid(order, msg.sender, msg.value);
    }
}
