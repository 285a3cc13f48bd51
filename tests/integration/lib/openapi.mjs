// Holds answers of the public API against api/openapi.json: whatever is not described there is a fault.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { schemaValidator } from '../../../devnet/lib/schemas.mjs';

export const DOCUMENT_FILE = fileURLToPath(new URL('../../../api/openapi.json', import.meta.url));
export const document = JSON.parse(readFileSync(DOCUMENT_FILE, 'utf8'));

const BASE = 'openapi.json';
// What the listener says before it knows what is asked for.
const OF_THE_LISTENER = {
    400: 'BadRequest', 413: 'BodyTooLarge', 414: 'AddressTooLong', 429: 'TooManyRequests', 431: 'HeadersTooLarge',
    505: 'HttpVersion',
};

const ajv = schemaValidator();
ajv.addSchema(document, BASE);

const faults = [];
// A caller may take an error for one of those that it expects: the file fails all the same.
process.on('exit', () => {
    if (faults.length === 0) return;
    console.error(`what api/openapi.json does not describe:\n${[...new Set(faults)].join('\n')}`);
    process.exitCode = 1;
});

const pointer = (...names) =>
    `#/${names.map((name) => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

/** The place of a part of the document that may be a reference to another: { part, at }. */
export function follow(at) {
    const names = at.slice(2).split('/').map((name) => decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~'));
    const part = names.reduce((inside, name) => inside?.[name], document);
    return part?.$ref && Object.keys(part).length === 1 ? follow(part.$ref) : { part, at };
}

/** Faults of a value by the schema at this place, as text; undefined when it fits. */
export function schemaFaults(at, value) {
    const validate = ajv.getSchema(BASE + at);
    if (!validate) return `there is no schema at ${at}`;
    return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: '', separator: '; ' });
}

/** The path of the document that fits the path of a request, or undefined. */
export function templateOf(path) {
    const wanted = path.split('/');
    const fits = (template) => {
        const parts = template.split('/');
        return parts.length === wanted.length &&
            parts.every((part, index) => (part.startsWith('{') ? wanted[index] !== '' : part === wanted[index]));
    };
    const found = Object.keys(document.paths).filter(fits);
    // What is spelled out goes before what stands for anything.
    return found.sort((a, b) => a.split('{').length - b.split('{').length)[0];
}

/** Where this answer is described, or undefined. */
function placeOf(method, template, status) {
    if (!template) {
        const name = status === 404 ? 'NothingHere' : OF_THE_LISTENER[status];
        return name && pointer('components', 'responses', name);
    }
    const operation = document.paths[template][method.toLowerCase()];
    if (operation?.responses[status]) return pointer('paths', template, method.toLowerCase(), 'responses', String(status));
    if (operation) return undefined;
    const name = status === 405 ? 'MethodNotAllowed' : OF_THE_LISTENER[status];
    return name && pointer('components', 'responses', name);
}

function headerFaults(place, headers) {
    return Object.keys(place.part.headers ?? {}).flatMap((name) => {
        const header = follow(`${place.at}/headers/${encodeURIComponent(name)}`);
        const text = headers.get(name);
        if (text === null) return header.part.required ? [`the header ${name} is missing`] : [];
        const value = header.part.schema.type === 'integer' ? Number(text) : text;
        const fault = schemaFaults(`${header.at}/schema`, value);
        return fault ? [`the header ${name} is ${text}: ${fault}`] : [];
    });
}

function bodyFaults(place, headers, text) {
    const contents = Object.keys(place.part.content ?? {});
    if (contents.length === 0) return text === '' ? [] : ['a body where none is described'];
    const type = headers.get('content-type');
    if (!contents.includes(type)) return [`the content type ${type}`];
    let value = text;
    if (type === 'application/json') {
        try {
            value = JSON.parse(text);
        } catch {
            return ['a body that is not JSON'];
        }
    }
    const fault = schemaFaults(`${place.at}/content/${encodeURIComponent(type.replaceAll('/', '~1'))}/schema`, value);
    return fault ? [fault] : [];
}

/** What was accepted must be described too: nobody may be told that it would be refused. */
function requestFaults(template, method, requestText) {
    const operation = pointer('paths', template, method.toLowerCase());
    const { requestBody } = follow(operation).part;
    if (!requestBody || (!requestBody.required && !requestText)) return [];
    const at = `${operation}/requestBody/content/${encodeURIComponent('application~1json')}/schema`;
    const fault = schemaFaults(at, JSON.parse(requestText));
    return fault ? [`the request was accepted although ${fault}`] : [];
}

/** All that is wrong with one exchange, as a list of texts. */
export function exchangeFaults({ method, path, requestText, status, headers, text }) {
    if (method === 'OPTIONS') return status === 204 && text === '' ? [] : [`a preflight was answered with ${status}`];
    const template = templateOf(new URL(path, 'http://api').pathname);
    const at = placeOf(method, template, status);
    if (!at) return [template ? 'this status is not described' : 'this address is not described'];
    const place = follow(at);
    const found = [...headerFaults(place, headers), ...(method === 'HEAD' ? [] : bodyFaults(place, headers, text))];
    return status < 300 ? [...found, ...requestFaults(template, method, requestText)] : found;
}

/** Lets the test file fail when the document does not describe what a receiver of webhooks was sent. */
export function noteEvent(headers, event) {
    const signed = '#/webhooks/event/post/parameters/0/schema';
    const found = schemaFaults(signed, headers['daimo-signature']) ??
        schemaFaults('#/webhooks/event/post/requestBody/content/application~1json/schema', event);
    if (found) faults.push(`an event: ${found}\n    ${JSON.stringify(event).slice(0, 2000)}`);
}

/** Throws, and lets the test file fail, when the document does not describe this exchange. */
export function assertDescribed(exchange) {
    const found = exchangeFaults(exchange);
    if (found.length === 0) return;
    const { method, path, status, text } = exchange;
    const fault = `${method} ${path} -> ${status}: ${found.join('; ')}\n    ${text.slice(0, 2000)}`;
    faults.push(fault);
    throw Object.assign(new Error(`not as api/openapi.json says: ${fault}`), { final: true });
}
