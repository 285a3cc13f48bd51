// A table in the terminal that is drawn again in place, or line by line where there is no terminal.

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Text in a colour, or as it is where colours are not wanted. */
export function paint(style, text, { stream = process.stdout, env = process.env } = {}) {
    const wanted = stream.isTTY && !env.NO_COLOR && env.TERM !== 'dumb';
    return wanted ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

const fit = (text, width) => {
    const flat = String(text ?? '').replace(/\s+/g, ' ');
    return (flat.length > width ? `${flat.slice(0, Math.max(0, width - 1))}…` : flat).padEnd(width);
};

/** `columns` is a list of { key, title, width, style?(row) }; the last column takes what is left of the line. */
export class LiveTable {
    #columns;
    #stream;
    #drawn = 0;
    #told = new Map();

    constructor(columns, stream = process.stdout) {
        this.#columns = columns;
        this.#stream = stream;
    }

    /** Shows the rows as they are now; `footer` is a line below, shown in terminals only. */
    show(rows, footer = '') {
        if (!this.#stream.isTTY) return this.#append(rows);
        const lines = [this.#line(), ...rows.map((row) => this.#line(row)), paint('dim', fit(footer, this.#room()))];
        const back = this.#drawn ? `\x1b[${this.#drawn}A` : '';
        this.#stream.write(back + lines.map((line) => `\x1b[2K${line}\n`).join(''));
        this.#drawn = lines.length;
        return undefined;
    }

    #append(rows) {
        if (this.#told.size === 0) this.#stream.write(`${this.#line()}\n`);
        for (const row of rows) {
            const line = this.#line(row);
            if (this.#told.get(row.key) === line) continue;
            this.#told.set(row.key, line);
            this.#stream.write(`${line.trimEnd()}\n`);
        }
    }

    #room() {
        return this.#stream.isTTY ? (this.#stream.columns || 100) - 1 : 160;
    }

    #line(row) {
        const fixed = this.#columns.slice(0, -1).reduce((total, { width }) => total + width + 2, 0);
        const rest = Math.max(10, this.#room() - fixed);
        return this.#columns.map(({ key, title, width, style }, index) => {
            const text = fit(row ? row[key] : title, index === this.#columns.length - 1 ? rest : width);
            const look = row ? style?.(row) : 'bold';
            return look ? paint(look, text) : text;
        }).join('  ');
    }
}
