// How the console's server answers by itself, and the header fields that every answer of the console has.

import type { ServerResponse } from 'node:http';

/** For browsers: what an answer may load and do, and who may show it. Nothing comes from another origin. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { ...SECURITY_HEADERS, 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** Answers with a stable code and a sentence for people. */
export function answerRefusal(response: ServerResponse, status: number, error: string, message: string): void {
  answerJson(response, status, { error, message });
}

/** Answers that it is no time for this: soon it may be. */
export function unavailable(response: ServerResponse, message: string): void {
  response.setHeader('Retry-After', '1');
  answerRefusal(response, 503, 'MEERCAT_CONSOLE_UNAVAILABLE', message);
}
