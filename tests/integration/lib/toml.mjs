// Writes the little TOML that configuration files need: strings, numbers, booleans, lists of those, tables and
// lists of tables.

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTableList = (value) => Array.isArray(value) && value.length > 0 && value.every(isTable);

function scalar(value) {
    if (Array.isArray(value)) return `[${value.map(scalar).join(', ')}]`;
    if (typeof value === 'string') return JSON.stringify(value);
    if (['number', 'boolean', 'bigint'].includes(typeof value)) return String(value);
    throw new TypeError(`cannot be written as TOML: ${value}`);
}

/** The text of a table; entries that are undefined are left out. */
export function toToml(table, path = []) {
    const entries = Object.entries(table).filter(([, value]) => value !== undefined);
    const lines = [];
    for (const [key, value] of entries) {
        if (!isTable(value) && !isTableList(value)) lines.push(`${key} = ${scalar(value)}`);
    }
    for (const [key, value] of entries) {
        const name = [...path, key].join('.');
        if (isTable(value)) lines.push('', `[${name}]`, toToml(value, [...path, key]));
        if (!isTableList(value)) continue;
        for (const item of value) lines.push('', `[[${name}]]`, toToml(item, [...path, key]));
    }
    return lines.join('\n').trim();
}
