// The JSON Schema of site documents, for editors. It comes from the shapes that the reader reads by; what depends on
// several keys, such as a reference to a pool, only the reader checks.

import { SITE_SHAPE } from './document-shape.js';
import type { Schema } from './shapes.js';

/** The schema (draft 2020-12) of a whole document. */
export function siteSchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A site of Meercat: the pools and routes of a whole fleet',
    ...SITE_SHAPE.schema,
  };
}
