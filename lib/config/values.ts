// The values of flags and variables: each function reads one kind of text, and refuses what it can't read under the
// name of its flag, with what is possible. Invariant: a message repeats at most 80 characters of a wrong value.

import { isIP } from 'node:net';
import { MINUTE, SECOND } from '../clock.js';
import { MeercatError } from '../errors.js';
import { LOG_LEVELS, type LogLevel } from '../log.js';
import { ALGORITHMS, type Algorithm, type GivenHost } from '../model.js';
import { ORIGIN_RULE, originOf } from '../host-origin.js';
import { isName, isPoolName, NAME_RULE, POOL_RULE } from '../redis/names.js';
import type { StatusRange } from './traffic-config.js';

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** Reads `--host [dns+|srv+]URL[,name=NAME]`; the name follows from the URL when none is given. */
export function parseStaticHost(text: string): GivenHost {
  const [urlText = '', ...options] = text.split(',');
  const [, discovery, plain = ''] = /^(?:(dns|srv)\+)?(.*)$/s.exec(urlText.trim()) ?? [];
  const url = originOf(plain);
  if (url === null) refuse(`--host: ${quote(urlText)} is not ${ORIGIN_RULE}, nor one of them after dns+ or srv+`);
  const fault = discovery === undefined ? '' : discoveryFault(discovery as 'dns' | 'srv', url);
  if (fault !== '') refuse(`--host: ${quote(urlText)}: ${fault}`);
  let name = defaultHostName(url);
  // A service has no port of its own.
  if (discovery === 'srv') name = name.replace(/-\d+$/, '');
  for (const option of options) {
    const [key, value = ''] = option.trim().split('=', 2);
    if (key !== 'name') refuse(`--host: after the URL only name=NAME is understood, not ${quote(option)}`);
    name = value;
  }
  if (!isName(name)) refuse(`--host: name ${quote(name)}: ${NAME_RULE}`);
  if (discovery === undefined) return { name, url };
  if (name.length > MAX_DISCOVERY_NAME)
    refuse(`--host: name ${quote(name)}: at most ${MAX_DISCOVERY_NAME} characters, since addresses follow`);
  return { name, url, discovery: discovery as 'dns' | 'srv' };
}

/** A host as `--host` has it; the inverse of {@link parseStaticHost}. */
export function formatStaticHost({ name, url, discovery }: GivenHost): string {
  return `${discovery === undefined ? '' : `${discovery}+`}${url},name=${name}`;
}

/** Maximum length of the name of what DNS finds: a dash, an address and a port follow it. */
export const MAX_DISCOVERY_NAME = 80;

/** Why the hosts of this origin can't be found by DNS, as a phrase; empty: they can. */
export function discoveryFault(discovery: 'dns' | 'srv', origin: string): string {
  const { hostname, port } = new URL(origin);
  if (!isDnsName(hostname)) return 'a DNS name is needed, of letters, digits, dashes and underscores';
  return discovery === 'srv' && port !== '' ? 'SRV records have ports: leave it out' : '';
}

/** Whether this is a name that DNS can be asked for: labels of letters, digits, dashes and underscores, at most 253 characters. */
export function isDnsName(name: string): boolean {
  const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
  return (
    name.length <= 253 &&
    isIP(name) === 0 &&
    name
      .replace(/\.$/, '')
      .split('.')
      .every((each) => label.test(each))
  );
}

/** Reads the address of a DNS server: `10.0.0.53`, `10.0.0.53:5353` or `[fd00::53]:5353`. */
export function parseDnsServer(flag: string, text: string): string {
  const address = text.trim();
  return readDnsServer(address) === undefined
    ? refuse(`${flag}: the address of a DNS server, perhaps with a port, such as 10.0.0.53 or [fd00::53]:5353, not ${quote(text)}`)
    : address;
}

/** A DNS server. */
export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

/** The server that a text names; undefined if it names none. */
export function readDnsServer(text: string): DnsServer | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const [, inBrackets, plain, digits = '53'] = /^(?:\[([\dA-Fa-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const [address, port] = [inBrackets ?? plain ?? '', Number(digits)];
  const family = inBrackets === undefined ? 4 : 6;
  return isIP(address) === family && port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

/** The name of a host for which none was given: its host name and port. */
export function defaultHostName(origin: string): string {
  const { host, hostname: name, port, protocol } = new URL(origin);
  const text = port === '' ? `${name}-${protocol === 'https:' || protocol === 'h2+tls:' ? 443 : 80}` : host.replace(/:(\d+)$/, '-$1');
  return text
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 128);
}

/** Reads the URL of a host: an origin. */
export function parseOrigin(flag: string, text: string): string {
  return originOf(text.trim()) ?? refuse(`${flag}: ${quote(text)} is not ${ORIGIN_RULE}`);
}

/** Reads the name of a pool. */
export function parsePool(text: string): string {
  const name = text.trim();
  return isPoolName(name) ? name : refuse(`--pool: ${quote(text)}: ${POOL_RULE}`);
}

/** Reads a port; 0 means any free one. */
export function parsePort(flag: string, text: string): number {
  return parseInteger(flag, text, 0, 65535);
}

/** Reads a whole number within bounds. */
export function parseInteger(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) refuse(`${flag}: a whole number from ${min} to ${max}, not ${quote(text)}`);
  return value;
}

/** Reads a number that may have decimals, without sign, exponent and blanks; NaN for any other text. */
export function readDecimal(text: string): number {
  return /^(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})$/.test(text) ? Number(text) : Number.NaN;
}

/** Reads how many cores a host may use; may be a fraction. */
export function parseCores(text: string): number {
  const cores = readDecimal(text);
  return cores > 0 && cores <= 4096 ? cores : refuse(`--cores: a number above 0, such as 2 or 0.5, not ${quote(text)}`);
}

const HOUR = 60 * MINUTE;

const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: SECOND, m: MINUTE, h: HOUR };

/** Reads a duration such as `500ms`, `2s`, `1m` or `8h`, in milliseconds; a bare number is milliseconds. */
export function parseDuration(flag: string, text: string, minMs: number, maxMs: number): number {
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = digits === '' ? Number.NaN : Math.round(Number(digits) * (UNITS[unit] as number));
  if (!(ms >= minMs && ms <= maxMs)) {
    refuse(`${flag}: a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 500ms, 2s or 1m, not ${quote(text)}`);
  }
  return ms;
}

/** A duration as a person writes it: `1500ms`, `2s`, `1m`; hours from the second on. */
export function formatDuration(ms: number): string {
  if (ms > HOUR && ms % HOUR === 0) return `${ms / HOUR}h`;
  if (ms >= MINUTE && ms % MINUTE === 0) return `${ms / MINUTE}m`;
  return ms >= SECOND && ms % SECOND === 0 ? `${ms / SECOND}s` : `${ms}ms`;
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1 << 10,
  kib: 1 << 10,
  kb: 1000,
  m: 1 << 20,
  mib: 1 << 20,
  mb: 1e6,
  g: 1 << 30,
  gib: 1 << 30,
  gb: 1e9,
};

/** Reads a size such as `16KiB`, `64k` or `1g`, in bytes; a bare number is bytes. */
export function parseSize(flag: string, text: string, min: number, max: number): number {
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([a-z]{0,3})$/.exec(text.toLowerCase()) ?? [];
  const factor = Object.hasOwn(SIZE_UNITS, unit) ? (SIZE_UNITS[unit] as number) : Number.NaN;
  const bytes = digits === '' ? Number.NaN : Math.round(Number(digits) * factor);
  if (!(bytes >= min && bytes <= max))
    refuse(`${flag}: a size from ${formatSize(min)} to ${formatSize(max)}, such as 16KiB, 64k or 1g, not ${quote(text)}`);
  return bytes;
}

/** A size as a person writes it: `16KiB`, `1GiB`, `100`. */
export function formatSize(bytes: number): string {
  const units = [
    ['GiB', 1 << 30],
    ['MiB', 1 << 20],
    ['KiB', 1 << 10],
  ] as const;
  const [unit, factor] = units.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['', 1];
  return `${bytes / factor}${unit}`;
}

/** Reads an address of this machine to listen on; a name could come to stand for another one. */
export function parseAddress(flag: string, text: string): string {
  const address = text.trim();
  return isIP(address) !== 0 ? address : refuse(`${flag}: an address such as 127.0.0.1, 0.0.0.0 or ::1, not ${quote(text)}`);
}

/** Reads an address or a range of addresses (CIDR): `10.0.0.0/8`, `::1`. */
export function parseCidr(flag: string, text: string): string {
  const [address = '', bits, ...more] = text.trim().split('/');
  const most = { 4: 32, 6: 128 }[isIP(address)] ?? 0;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (most === 0 || more.length > 0 || !(length <= most))
    refuse(`${flag}: an address or a range such as 10.0.0.0/8 or fd00::/8, not ${quote(text)}`);
  return `${address}/${length}`;
}

/** Reads a path that hosts are asked for: it begins with a slash, and has no spaces and no fragment (RFC 9112, section 3.2.1). */
export function parsePath(flag: string, text: string): string {
  return /^\/[\x21\x22\x24-\x7e]{0,1000}$/.test(text)
    ? text
    : refuse(`${flag}: a path such as /health, without spaces and #, not ${quote(text)}`);
}

/** Reads the name of a gRPC service, at most 256 characters; `*` is the whole server, which gRPC's health service knows by an empty name. */
export function parseGrpcService(flag: string, text: string): string {
  if (text === '*') return '';
  return /^[\x21-\x29\x2b-\x7e]{1,256}$/.test(text)
    ? text
    : refuse(`${flag}: the name of a gRPC service such as shop.Orders, or * for the whole server, not ${quote(text)}`);
}

const AUTHORITY = /^(?:\[([\dA-Fa-f:.]{2,45})\]|[\w.-]{1,253})(?::(\d{1,5}))?$/;

/** Reads the value of a Host header: a name or an address, and perhaps a port. */
export function parseAuthority(flag: string, text: string): string {
  const [, address, port = '80'] = AUTHORITY.exec(text) ?? [undefined, undefined, ''];
  const isGood = Number(port) >= 1 && Number(port) <= 65_535 && (address === undefined || isIP(address) === 6);
  return isGood
    ? text
    : refuse(`${flag}: a name or an address, perhaps with a port, such as app.example or [::1]:8080, not ${quote(text)}`);
}

/** Reads statuses of HTTP and ranges of them, separated by commas: `200-399,401`. */
export function parseStatuses(flag: string, text: string): StatusRange[] {
  return text.split(',').map((part) => {
    const [, first = '', last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(part.trim()) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (from < 100 || to > 599 || from > to)
      refuse(`${flag}: statuses from 100 to 599 and ranges of them, such as 200-399,401, not ${quote(text)}`);
    return { from, to };
  });
}

/** Statuses as a person writes them: `200-399,401`. */
export function formatStatuses(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** Reads one of a few words. */
export function parseChoice<Choice extends string>(flag: string, text: string, choices: readonly Choice[]): Choice {
  return choices.find((choice) => choice === text) ?? refuse(`${flag}: one of ${choices.join(', ')}, not ${quote(text)}`);
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
};

/** Reads whether a flag without a value is set: `1`, `true`, `yes`, `on` or `0`, `false`, `no`, `off`, in any case. */
export function parseSwitch(flag: string, text: string): boolean {
  const word = text.trim().toLowerCase();
  return Object.hasOwn(SWITCH_WORDS, word)
    ? (SWITCH_WORDS[word] as boolean)
    : refuse(`${flag}: 1, true, yes or on, or else 0, false, no or off, not ${quote(text)}`);
}

/** Reads an algorithm's name. */
export function parseAlgorithm(text: string): Algorithm {
  return parseChoice('--algorithm', text, ALGORITHMS);
}

/** Reads a log level. */
export function parseLogLevel(text: string): LogLevel {
  return parseChoice('--log-level', text, LOG_LEVELS);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
