// A block that was never mined and yet hashes to its hash.
import { keccak256, toHex, toRlp } from 'viem';

const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';

const FIELDS = [
    'parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom', 'difficulty',
    'number', 'gasLimit', 'gasUsed', 'timestamp', 'extraData', 'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot',
    'blobGasUsed', 'excessBlobGas', 'parentBeaconBlockRoot', 'requestsHash',
];
const NUMBERS = new Set([
    'difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas', 'blobGasUsed', 'excessBlobGas',
]);

function item(header, field) {
    if (!NUMBERS.has(field)) return header[field];
    const number = BigInt(header[field]);
    return number === 0n ? '0x' : toHex(number);
}

/** The hash of a header as JSON-RPC gives it (Ethereum's rules, up to Prague). */
export function headerHash(header) {
    const fields = FIELDS.filter((field) => header[field] !== undefined && header[field] !== null);
    return keccak256(toRlp(fields.map((field) => item(header, field))));
}

/** An empty block with `parent` below it, as eth_getBlockByNumber gives one. */
export function emptyBlockOn(parent) {
    const block = {
        ...parent, parentHash: parent.hash, number: toHex(Number(parent.number) + 1),
        timestamp: toHex(Number(parent.timestamp) + 1), transactions: [], uncles: [], gasUsed: '0x0',
        transactionsRoot: EMPTY_ROOT, receiptsRoot: EMPTY_ROOT, logsBloom: `0x${'0'.repeat(512)}`,
    };
    return { ...block, hash: headerHash(block) };
}
