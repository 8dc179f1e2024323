// What the HTML pages of the lab share: uPlot, inlined so that a page opens without a network, and escaping. Invariant:
// text from outside never becomes markup or script.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The text of a file of uPlot's distribution, to be inlined. */
export function readUplot(file: 'uPlot.min.css' | 'uPlot.iife.min.js'): string {
  return readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${file}`), 'utf8');
}

/** Escapes text for HTML and XML: as content, and as the value of a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** JSON as the content of a script element: no `<` can end the element or open a comment in it. */
export function embedJson(json: string): string {
  return json.replaceAll('<', String.raw`\u003c`);
}
