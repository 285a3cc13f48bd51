// What the payers of the demo do, and what must have come of it in the end.
import { NATIVE, parseEther, viem } from '../chain.mjs';
import { sleep, until } from '../process.mjs';

const usd = (text) => viem.parseUnits(text, 6);

/**
 * Each scene has a `name`, what is `asked` for, an optional `prepare` before and a `play` after its address is known,
 * the `status` it ends with, and who has `got` what at the end. `stage` is what scene and daemon share.
 */
export const SCENES = [
    {
        key: 'paid', name: 'paid', asked: '25', paid: '25 USDC', status: 'succeeded',
        play: (stage, { receiver }) => stage.payUsdc(receiver, '25'),
        got: { destination: usd('25'), refund: 0n },
    },
    {
        key: 'refused', name: 'destination refuses', asked: '25', paid: '25 USDC', status: 'bounced',
        prepare: (stage, { destination }) => stage.chain.setBlacklisted(stage.usdc, destination),
        play: (stage, { receiver }) => stage.payUsdc(receiver, '25'),
        got: { destination: 0n, refund: usd('25') },
    },
    {
        key: 'over', name: 'paid too much', asked: '25', paid: '30 USDC', status: 'succeeded',
        play: (stage, { receiver }) => stage.payUsdc(receiver, '30'),
        got: { destination: usd('25'), refund: usd('5') },
    },
    {
        key: 'parts', name: 'paid in two parts', asked: '25', paid: '10 + 15 USDC', status: 'succeeded',
        play: async (stage, { receiver }) => {
            await stage.payUsdc(receiver, '10');
            await stage.payUsdc(receiver, '15');
        },
        got: { destination: usd('25'), refund: 0n },
    },
    {
        key: 'native', name: 'coin from a contract', token: NATIVE, asked: '0.5', paid: '0.5 ETH', status: 'succeeded',
        play: (stage, { receiver }) => stage.payByContract(receiver, parseEther('0.5')),
        got: { destination: parseEther('0.5'), refund: 0n },
    },
    {
        key: 'crash', name: 'kill -9 while paying', asked: '25', paid: '25 USDC', status: 'succeeded',
        play: async (stage, order) => {
            await stage.payUsdc(order.receiver, '25');
            const began = () => /deliver/.test(order.reasonCode ?? '');
            await until(began, { timeoutMs: 30_000, what: 'the delivery to begin' });
            await stage.killDaemon();
        },
        got: { destination: usd('25'), refund: 0n },
    },
    {
        key: 'under', name: 'paid too little', asked: '25', paid: '10 USDC', status: 'bounced',
        play: (stage, { receiver }) => stage.payUsdc(receiver, '10'),
        got: { destination: 0n, refund: usd('10') },
    },
    {
        key: 'late', name: 'paid too late', asked: '25', paid: 'nothing yet', status: 'expired',
        play: async (stage, order) => {
            while (order.status !== 'expired') await sleep(200);
            await stage.payUsdc(order.receiver, '25');
            order.paid = '25 USDC, late';
        },
        got: { destination: 0n, refund: usd('25') },
    },
];
