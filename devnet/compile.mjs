#!/usr/bin/env node
// Compiles contracts/*.sol into out/contracts.json: { Name: { abi, bytecode } }.
// Nothing is done when neither the sources nor the compiler have changed.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMain } from './lib/process.mjs';

const here = new URL('.', import.meta.url);
const sourceDir = fileURLToPath(new URL('contracts/', here));
const outDir = fileURLToPath(new URL('out/', here));
const outFile = fileURLToPath(new URL('out/contracts.json', here));

const settings = {
    viaIR: true,
    optimizer: { enabled: true, runs: 200 },
    evmVersion: 'cancun',
    metadata: { bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
};

function readSources() {
    const names = readdirSync(sourceDir).filter((name) => name.endsWith('.sol')).sort();
    return Object.fromEntries(names.map((name) => [name, { content: readFileSync(sourceDir + name, 'utf8') }]));
}

function fingerprint(sources) {
    const lock = readFileSync(new URL('package-lock.json', here));
    return createHash('sha256').update(JSON.stringify([sources, settings])).update(lock).digest('hex');
}

function compile(sources) {
    // The compiler is a 9 MB module that takes a second to load: only when it is needed.
    const solc = createRequire(import.meta.url)('solc');
    const input = { language: 'Solidity', sources, settings };
    const output = JSON.parse(solc.compile(JSON.stringify(input)));
    const errors = (output.errors ?? []).filter((e) => e.severity === 'error');
    if (errors.length > 0) throw new Error(errors.map((e) => e.formattedMessage).join('\n'));

    const contracts = {};
    for (const file of Object.values(output.contracts)) {
        for (const [name, { abi, evm }] of Object.entries(file)) {
            if (evm.bytecode.object) contracts[name] = { abi, bytecode: `0x${evm.bytecode.object}` };
        }
    }
    return contracts;
}

/** The compiled contracts, compiled first when they are missing or stale. */
export function loadContracts({ force = false, onCompile = () => {} } = {}) {
    const sources = readSources();
    const hash = fingerprint(sources);
    if (!force && existsSync(outFile)) {
        const saved = JSON.parse(readFileSync(outFile, 'utf8'));
        if (saved.hash === hash) return saved.contracts;
    }
    onCompile();
    const contracts = compile(sources);
    mkdirSync(outDir, { recursive: true });
    // Tests run side by side may compile at once: the file is replaced as a whole.
    const draft = `${outFile}.${process.pid}`;
    writeFileSync(draft, JSON.stringify({ hash, contracts }));
    renameSync(draft, outFile);
    return contracts;
}

if (isMain(import.meta.url)) {
    if (process.argv.includes('--help')) {
        console.log('usage: node compile.mjs [--force]');
        console.log('Compiles contracts/*.sol into out/contracts.json when they changed.');
    } else {
        let compiled = false;
        const contracts = loadContracts({
            force: process.argv.includes('--force'),
            onCompile: () => { compiled = true; },
        });
        console.log(`${compiled ? 'compiled' : 'up to date'}: ${Object.keys(contracts).join(', ')}`);
    }
}
