// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./Token.sol";

/// Behaves like USDT on Ethereum: transfer, transferFrom and approve return nothing, an allowance must be set
/// to zero before it can change, only the sender is checked against the block list, there is no permit, the
/// issuer can destroy a blocked balance and switch a fee on later, and refusals carry no text.
contract TetherLike is Token {
    bool public paused;
    uint256 public basisPointsRate;
    uint256 public maximumFee;
    address public immutable owner;
    mapping(address => bool) public isBlackListed;

    event AddedBlackList(address account);
    event RemovedBlackList(address account);
    event DestroyedBlackFunds(address account, uint256 balance);
    event Params(uint256 feeBasisPoints, uint256 maxFee);

    constructor(string memory name_, string memory symbol_, uint8 decimals_) Token(name_, symbol_, decimals_) {
        owner = msg.sender;
    }

    function transfer(address to, uint256 value) external {
        require(!paused && !isBlackListed[msg.sender]);
        _pay(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        require(!paused && !isBlackListed[from]);
        require(allowance[from][msg.sender] >= value);
        _spend(from, msg.sender, value);
        _pay(from, to, value);
    }

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0);
        _approve(msg.sender, spender, value);
    }

    function addBlackList(address account) external {
        isBlackListed[account] = true;
        emit AddedBlackList(account);
    }

    function removeBlackList(address account) external {
        isBlackListed[account] = false;
        emit RemovedBlackList(account);
    }

    /// Takes a blocked balance away without a Transfer log, as the original does.
    function destroyBlackFunds(address account) external {
        require(isBlackListed[account]);
        uint256 balance = balanceOf[account];
        balanceOf[account] = 0;
        totalSupply -= balance;
        emit DestroyedBlackFunds(account, balance);
    }

    function setParams(uint256 feeBasisPoints, uint256 maxFee) external {
        require(feeBasisPoints < 20 && maxFee < 50);
        basisPointsRate = feeBasisPoints;
        maximumFee = maxFee * 10 ** decimals;
        emit Params(basisPointsRate, maximumFee);
    }

    function pause() external {
        paused = true;
    }

    function unpause() external {
        paused = false;
    }

    function _pay(address from, address to, uint256 value) private {
        require(balanceOf[from] >= value);
        uint256 fee = (value * basisPointsRate) / 10_000;
        if (fee > maximumFee) fee = maximumFee;
        _move(from, to, value - fee);
        if (fee > 0) _move(from, owner, fee);
    }
}
