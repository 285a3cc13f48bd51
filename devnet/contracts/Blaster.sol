// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Emits many Transfer logs cheaply, for load tests. Only logs: no balance moves.
contract Blaster {
    uint8 public constant decimals = 6;
    string public constant symbol = "BLAST";
    address[] public watched;

    event Transfer(address indexed from, address indexed to, uint256 value);

    /// Adds addresses that `blast` pays now and then.
    function watch(address[] calldata accounts) external {
        for (uint256 i = 0; i < accounts.length; i++) watched.push(accounts[i]);
    }

    function watchedCount() external view returns (uint256) {
        return watched.length;
    }

    /// `count` logs of 1 to 1,000,000 units. Every `period`-th goes to a pseudo-random watched address (0: none
    /// does), the others to strangers. The same seed gives the same logs.
    function blast(uint256 count, uint256 seed, uint256 period) external {
        uint256 n = watched.length;
        for (uint256 i = 0; i < count; i++) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            bool hit = period != 0 && n != 0 && i % period == 0;
            address to = hit ? watched[random % n] : address(uint160(random));
            emit Transfer(msg.sender, to, 1 + (random >> 200) % 1_000_000);
        }
    }
}
