// Where spans are exported to: the endpoint of --otlp-endpoint, and the headers of its variable, which are a secret and
// stand in no message.

import { MeercatError } from '../errors.js';
import { readDecimal } from './values.js';

/** The variable with the headers of exports; it has no flag, since every user of a machine can read the arguments of its processes. */
export const OTLP_HEADERS_VARIABLE = 'MEERCAT_OTLP_HEADERS';

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^[!-~](?:[ -~]{0,4094}[!-~])?$/;
const MAX_HEADERS = 32;

/** What the export writes itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'connection', 'content-type', 'content-length', 'transfer-encoding']);

/**
 * Reads the URL of a collector; without a path it gets `/v1/traces`
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Throws MEERCAT_BAD_CONFIG.
 */
export function parseOtlpEndpoint(flag: string, text: string): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    throw wrong(flag, `put credentials into ${OTLP_HEADERS_VARIABLE}: every user of a machine can read the arguments of its processes`);
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hash !== '')
    throw wrong(flag, `the URL of an OpenTelemetry collector, such as http://127.0.0.1:4318, not ${JSON.stringify(text.slice(0, 80))}`);
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.href;
}

/** Reads the share of requests that are traced, `1%` or `0.1%`, as a percentage. Throws MEERCAT_BAD_CONFIG. */
export function parsePercent(flag: string, text: string): number {
  const percent = readDecimal(text.trim().replace(/ ?%$/, ''));
  if (percent >= 0 && percent <= 100) return percent;
  throw wrong(flag, `a percentage from 0% to 100%, such as 1% or 0.1%, not ${JSON.stringify(text.slice(0, 80))}`);
}

/** Reads `key=value,key=value`, values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS is. Throws MEERCAT_BAD_CONFIG. */
export function readOtlpHeaders(text: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals)).trim();
    const value = decoded(part.slice(equals + 1).trim());
    if (!HEADER_NAME.test(name) || OWN_HEADERS.has(name.toLowerCase()) || value === undefined || !HEADER_VALUE.test(value))
      throw wrong(OTLP_HEADERS_VARIABLE, 'headers as name=value, separated by commas, with % , and spaces as %25 %2C %20');
    headers[name] = value;
  }
  if (Object.keys(headers).length > MAX_HEADERS) throw wrong(OTLP_HEADERS_VARIABLE, `at most ${MAX_HEADERS} headers`);
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function wrong(source: string, says: string): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', `${source}: ${says}`);
}
