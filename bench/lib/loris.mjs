// Clients that never finish a request: each sends one more header every second, and comes again when it is put out.
import { connect } from 'node:net';
import { sleep } from '../../devnet/lib/process.mjs';

const FIRST = 'POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\n';
const ONE_MORE = 'X-More: 1\r\n';

export class Loris {
    #sockets = new Set();
    #closed = false;
    #timer;
    #tally = { loris: 0, lorisOpenAtLeast: Infinity, lorisPutOut: 0 };

    /** Resolves when `count` connections are open: one after the other, or all would be put out at one moment. */
    static async open(port, count) {
        const loris = new Loris();
        loris.#tally.loris = count;
        for (let i = 0; i < count; i += 1) {
            if (i % 20 === 0) await sleep(100);
            await loris.#come(port);
        }
        loris.#timer = setInterval(() => loris.#goOn(), 1_000);
        return loris;
    }

    /** How many there are, how many were open at the worst of the looks that were taken every second, how often one was put out. */
    tally() { return { ...this.#tally }; }

    close() {
        this.#closed = true;
        clearInterval(this.#timer);
        for (const socket of this.#sockets) socket.destroy();
    }

    #come(port) {
        return new Promise((open) => {
            const socket = connect(port, '127.0.0.1', () => {
                this.#sockets.add(socket);
                socket.write(FIRST);
                open();
            });
            // A reset is one way to be put out; 'close' follows.
            socket.on('error', () => {});
            socket.on('data', () => {});
            socket.on('close', () => {
                this.#sockets.delete(socket);
                if (this.#closed) return;
                this.#tally.lorisPutOut += 1;
                this.#come(port).then(open);
            });
        });
    }

    #goOn() {
        this.#tally.lorisOpenAtLeast = Math.min(this.#tally.lorisOpenAtLeast, this.#sockets.size);
        for (const socket of this.#sockets) socket.write(ONE_MORE);
    }
}
