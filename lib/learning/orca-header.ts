// ORCA's load report as a header of an answer, in all ways in which hosts write it:
//   endpoint-load-metrics: TEXT cpu_utilization=0.3, named_metrics.x=1 | JSON {"cpu_utilization":0.3} | BIN <base64>
//   endpoint-load-metrics: cpu_utilization:0.3,…  or  {…}         (older, without a word for the format)
//   endpoint-load-metrics-json: {…}    endpoint-load-metrics-bin: <base64>    (Envoy's older names, gRPC's trailer)
// each also with x- before it. As Envoy reads it (source/common/orca/orca_parser.cc), and stricter: a host may be
// hostile, so a value is bounded, and one wrong part refuses the whole. Pure.

import { type OrcaFigure, ORCA_FIGURES, ORCA_MAPS, type OrcaMap, type OrcaReport, OrcaReportBuilder, readOrcaJson } from './orca.js';
import { readOrcaBinary } from './orca-binary.js';

/** A longer value is refused unread. */
const MAX_LENGTH = 4096;

/** The header names, in lower case. */
const NAMES: ReadonlyMap<string, Format> = new Map([
  ['endpoint-load-metrics', 'tagged'],
  ['endpoint-load-metrics-json', 'json'],
  ['endpoint-load-metrics-bin', 'bin'],
  ['x-endpoint-load-metrics', 'tagged'],
  ['x-endpoint-load-metrics-json', 'json'],
  ['x-endpoint-load-metrics-bin', 'bin'],
]);

type Format = 'tagged' | 'text' | 'json' | 'bin';

/** The lengths of those names, to skip other headers quickly. */
const LENGTHS: readonly boolean[] = Array.from({ length: 32 }, (_, length) => [...NAMES.keys()].some((name) => name.length === length));

/** Whether a header of this name, in any case, carries a load report. */
export function isLoadHeader(name: string): boolean {
  if (LENGTHS[name.length] !== true) return false;
  const first = name.charCodeAt(0) | 0x20;
  return (first === 0x65 || first === 0x78) && NAMES.has(name.toLowerCase());
}

/**
 * Parses the value of a header accepted by {@link isLoadHeader}.
 * @returns undefined when malformed, out of range or too long
 */
export function readLoadHeader(name: string, value: string): OrcaReport | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const format = NAMES.get(name.toLowerCase()) ?? 'tagged';
  return format === 'tagged' ? readTagged(value) : readAs(format, value);
}

/** Parses a value that names its format, or an older one without. */
function readTagged(value: string): OrcaReport | undefined {
  const [, tag = '', rest = ''] = /^(TEXT|JSON|BIN) +(.*)$/.exec(value) ?? [];
  switch (tag) {
    case 'TEXT':
      return readAs('text', rest);
    case 'JSON':
      return readAs('json', rest);
    case 'BIN':
      return readAs('bin', rest);
    default:
      return readAs(value.startsWith('{') ? 'json' : 'text', value);
  }
}

function readAs(format: Exclude<Format, 'tagged'>, value: string): OrcaReport | undefined {
  switch (format) {
    case 'text':
      return readText(value);
    case 'json':
      return readJson(value);
    case 'bin':
      return readBase64(value);
  }
}

function readJson(text: string): OrcaReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return readOrcaJson(value, true);
}

/** gRPC omits the padding, others write it. */
function readBase64(text: string): OrcaReport | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text)) return undefined;
  return readOrcaBinary(Buffer.from(text, 'base64'));
}

const NUMBER = /^[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?$/;

/**
 * Parses `name=value` or `name:value`, separated by commas; map entries are `named_metrics.NAME`. Empty elements are
 * skipped (RFC 9110, section 5.6.1), as are unknown names with a numeric value.
 */
function readText(text: string): OrcaReport | undefined {
  const builder = new OrcaReportBuilder();
  let entries = 0;
  for (const part of text.split(',')) {
    const entry = part.trim();
    if (entry === '') continue;
    entries++;
    const at = entry.search(/[=:]/);
    const value = entry.slice(at + 1).trim();
    if (at < 1 || !NUMBER.test(value) || !takeText(builder, entry.slice(0, at).trim(), Number(value))) return undefined;
  }
  return entries === 0 ? undefined : builder.build();
}

/** False when the name is invalid, or known and repeated or out of range. */
function takeText(builder: OrcaReportBuilder, name: string, value: number): boolean {
  if (!/^[\x21-\x7e]+$/.test(name)) return false;
  if (Object.hasOwn(ORCA_FIGURES, name)) return !builder.hasFigure(name as OrcaFigure) && builder.setFigure(name as OrcaFigure, value);
  const dot = name.indexOf('.');
  const map = name.slice(0, dot);
  if (dot < 0 || !Object.hasOwn(ORCA_MAPS, map)) return Number.isFinite(value);
  const key = name.slice(dot + 1);
  return !builder.hasEntry(map as OrcaMap, key) && builder.setEntry(map as OrcaMap, key, value);
}
