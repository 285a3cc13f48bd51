// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import "./TokenCalls.sol";

/// Dies while it is being created and leaves its coins to `heir`: a payment without any call to the heir.
contract Bequest {
    constructor(address payable heir) payable {
        selfdestruct(heir);
    }
}

/// Pays in the ways that are hard to see from outside: many recipients in one transaction, by internal calls,
/// by self-destruction, and payments that are undone before the transaction ends successfully.
contract Payer {
    /// Native coin to many recipients, all by internal calls. What is left goes back to the caller.
    function payNative(address[] calldata to, uint256[] calldata values) external payable {
        require(to.length == values.length, "lengths differ");
        for (uint256 i = 0; i < to.length; i++) _sendNative(to[i], values[i]);
        if (address(this).balance > 0) _sendNative(msg.sender, address(this).balance);
    }

    /// Several transfers of one token in one transaction; the same recipient may be named twice.
    function payToken(address token, address[] calldata to, uint256[] calldata values) external {
        require(to.length == values.length, "lengths differ");
        for (uint256 i = 0; i < to.length; i++) TokenCalls.pull(token, msg.sender, to[i], values[i]);
    }

    /// Native coin that arrives without the recipient being called and without a call in its favour.
    function payNativeBySelfDestruct(address payable to) external payable {
        new Bequest{value: msg.value}(to);
    }

    /// Fake deposit: an inner frame pays `to` and reverts, this frame swallows it. The transaction succeeds, a
    /// careless trace shows the payment, and nothing has moved.
    function payNativeAndUndo(address to) external payable {
        try this.payNativeThenRevert{value: msg.value}(to) {} catch {}
        _sendNative(msg.sender, address(this).balance);
    }

    /// The same for a token; the Transfer log of the inner frame is gone with it.
    function payTokenAndUndo(address token, address to, uint256 value) external {
        try this.payTokenThenRevert(token, msg.sender, to, value) {} catch {}
    }

    function payNativeThenRevert(address to) external payable {
        _sendNative(to, msg.value);
        revert("undone");
    }

    function payTokenThenRevert(address token, address from, address to, uint256 value) external {
        TokenCalls.pull(token, from, to, value);
        revert("undone");
    }

    function _sendNative(address to, uint256 value) private {
        (bool ok,) = to.call{value: value}("");
        require(ok, "recipient refused");
    }
}
