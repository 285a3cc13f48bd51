// Spoils one place of a JSON value, chosen by `random`, in the ways that broken nodes and middlemen do.
const GARBAGE = [
    null, true, '', '0x', '0xzz', '0x0', '-1', `0x${'f'.repeat(64)}`, `0x${'f'.repeat(65)}`, 0, -1, 1.5, 1e300, [], {},
    [[]], 'null', 'latest', '0x10000000000000000',
];

const pick = (list, random) => list[Math.floor(random() * list.length)];

/** Every place in `value` as a list of keys, the value itself included. */
function places(value, path = []) {
    if (value === null || typeof value !== 'object') return [path];
    return [path, ...Object.keys(value).flatMap((key) => places(value[key], [...path, key]))];
}

function spoil(value, random) {
    const ways = [() => pick(GARBAGE, random)];
    if (typeof value === 'string' && value.length > 3) {
        ways.push(
            () => value.slice(0, -1), () => `${value}0`, () => value.slice(2), () => value.toUpperCase(),
            () => flip(value, random),
        );
    }
    if (Array.isArray(value) && value.length > 0) {
        ways.push(() => value.slice(1), () => [...value, value[0]], () => value.slice().reverse());
    }
    return pick(ways, random)();
}

/** Another digit in one place: still well-formed, and wrong. */
function flip(text, random) {
    const at = 2 + Math.floor(random() * (text.length - 2));
    const digit = text[at] === '1' ? '2' : '1';
    return text.slice(0, at) + digit + text.slice(at + 1);
}

export function mutate(value, random) {
    const path = pick(places(value), random);
    if (path.length === 0) return spoil(value, random);
    const copy = structuredClone(value);
    const parent = path.slice(0, -1).reduce((at, key) => at[key], copy);
    const last = path.at(-1);
    if (!Array.isArray(parent) && random() < 0.2) delete parent[last];
    else parent[last] = spoil(parent[last], random);
    return copy;
}
