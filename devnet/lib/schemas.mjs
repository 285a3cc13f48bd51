// JSON Schema (2020-12) and OpenAPI validators, for tests that hold what is said of an API against what it does.
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

// The top of an OpenAPI document, which holds schemas and is none.
const TOP = [
    'openapi', 'jsonSchemaDialect', 'info', 'servers', 'tags', 'security', 'paths', 'webhooks', 'components', 'externalDocs',
];

/**
 * An Ajv for 2020-12 that knows the usual formats, takes whole OpenAPI documents to refer into, and reports every
 * fault, not only the first.
 */
export function schemaValidator() {
    // A `$ref` beside other keywords, or a part of a type that stands elsewhere, is no mistake.
    const ajv = new Ajv2020.default({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
    addFormats.default(ajv);
    ajv.addVocabulary(TOP);
    return ajv;
}

/** What is wrong with an OpenAPI document, by the schema of its version; undefined when nothing is. */
export async function openApiFaults(document) {
    const { valid, errors } = await new Validator().validate(document);
    return valid ? undefined : errors;
}
