// The configuration of a balancer: what it means, its defaults, and the relations that must hold. Flags
// come before the environment, and the environment before the defaults; commander sees to that order.

import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { MINUTE, SECOND } from '../clock.js';
import { MeercatError } from '../errors.js';
import { LOG_LEVELS, type LogLevel } from '../log.js';
import { ALGORITHMS, type Algorithm, type StaticHost } from '../model.js';
import { parseRedisAddress } from '../redis/address.js';
import { isName, NAME_RULE, originOf } from '../redis/names.js';
import { readRedisTls } from '../redis/tls.js';
import { MIN_MEMORY_LIMIT_BYTES, type StatusRange, TRAFFIC_DEFAULTS, type TrafficConfig } from './traffic-config.js';

/** Everything that one balancer is told. */
export interface BalancerConfig extends TrafficConfig {
  /** Redis addresses; several (an odd number) are independent servers for Redlock's quorum, the first also carries the data. */
  readonly redis: readonly string[];
  /** The first part of every key and channel; balancers and agents of one fleet share it. */
  readonly namespace: string;
  /** Where clients connect. 0 takes any free port. */
  readonly port: number;
  readonly bind: string;
  /** How many processes serve the port, each a balancer of its own. What starts one balancer starts one of them. */
  readonly processes: number;
  /** Other processes serve the port at this moment: it is listened on only when requests can be served. */
  readonly isPortShared: boolean;
  /** Where the console listens. 0 takes any free port. */
  readonly consolePort: number;
  /** The address that the console listens on. Beyond loopback every page but the health pages needs the token. */
  readonly consoleBind: string;
  /** The token of the console, from the environment; empty when it is not set. Never logged. At most one of this and `consoleTokenFile` is set. */
  readonly consoleToken: string;
  /** A file with the token; empty for none. */
  readonly consoleTokenFile: string;
  /** This balancer's name; must differ within the fleet. Empty: the machine's name and the port. */
  readonly name: string;
  readonly algorithm: Algorithm;
  /** Hosts without an agent. They are routed to even while Redis is away. */
  readonly statics: readonly StaticHost[];
  /** How long the lease outlives a dead master; it is renewed three times as often. */
  readonly leaseTtlMs: number;
  /** How long the balancer goes on accepting once it is told to stop: what is in front sees that it is not ready before it sees refused connections. */
  readonly drainDelayMs: number;
  /** How long requests in flight may take to finish after that. */
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
}

/** The defaults; `name` follows from machine and port, `consolePort` from the port. */
export const DEFAULTS = {
  redis: ['redis://127.0.0.1:6379'],
  namespace: 'meercat',
  port: 8080,
  bind: '0.0.0.0',
  processes: 1,
  isPortShared: false,
  consoleBind: '127.0.0.1',
  consoleToken: '',
  consoleTokenFile: '',
  algorithm: 'adaptive',
  leaseTtlMs: 1500,
  drainDelayMs: 0,
  drainTimeoutMs: 30 * SECOND,
  logLevel: 'info',
  ...TRAFFIC_DEFAULTS,
} as const satisfies Partial<BalancerConfig>;

/** The variable with the console's token; it has no flag, since every user of a machine can read the arguments of its processes. */
export const CONSOLE_TOKEN_VARIABLE = 'MEERCAT_CONSOLE_TOKEN';

/** The console listens so much above the clients' port unless told otherwise. */
export const CONSOLE_PORT_OFFSET = 1000;

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** Checks what one field alone can't say; gives the configuration back. */
export function checkBalancerConfig(config: BalancerConfig): BalancerConfig {
  checkFleet(config.redis, config.namespace);
  if (config.redis.length === 0) refuse('--redis: no address is given');
  if (config.redis.length % 2 === 0) {
    refuse(`--redis: ${config.redis.length} servers can split into equal halves; give one, or an odd number`);
  }
  if (config.port !== 0 && config.port === config.consolePort) refuse('--console-port must differ from --port');
  if (config.consoleToken !== '' && config.consoleTokenFile !== '')
    refuse(
      `--console-token-file and ${CONSOLE_TOKEN_VARIABLE} are both set: leave one of them out, so that it is clear which token counts`,
    );
  if (config.name !== '' && !isName(config.name)) refuse(`--name: ${NAME_RULE}`);
  checkHostNames(config.statics);
  checkTraffic(config);
  return config;
}

/** Checks what belongs together in the traffic plane's part. */
function checkTraffic(config: TrafficConfig): void {
  const { tlsCerts, tlsKeys, hostCa, isHostInsecure, isProxyAccepted, trust } = config;
  if (tlsCerts.length !== tlsKeys.length)
    refuse(
      `--tls-key: there are ${tlsCerts.length} of --tls-cert and ${tlsKeys.length} of --tls-key: give one --tls-key for each --tls-cert, in the same order`,
    );
  if (hostCa !== '' && isHostInsecure) refuse('--host-ca means nothing with --host-insecure: leave one of them out');
  if (isProxyAccepted && trust.length === 0)
    refuse('--accept-proxy needs --trust CIDR: only peers that are trusted may say who their client is');
  if (config.memoryLimit !== 0 && config.memoryLimit < MIN_MEMORY_LIMIT_BYTES)
    refuse(
      `--memory-limit: at least ${formatSize(MIN_MEMORY_LIMIT_BYTES)}, since a balancer without any request takes most of that, not ${formatSize(config.memoryLimit)}; 0: what the container or machine has`,
    );
  if (config.maxUrlSize > config.maxHeaderSize) refuse('--max-url-size is a part of --max-header-size: it must not be larger');
  if (config.ejectTimeMs > config.ejectMaxTimeMs) refuse('--eject-time must not be longer than --eject-max-time');
  if (config.healthTimeoutMs > config.healthIntervalMs * 10) refuse('--health-timeout must not be longer than ten times --health-interval');
  // A TCP connection has neither a Host header nor a status: the check would ask for less than it seems to.
  if (config.healthHost !== '' && config.healthPath === '') refuse('--health-host needs --health-path');
  if (formatStatuses(config.healthExpect) !== formatStatuses(DEFAULTS.healthExpect) && config.healthPath === '')
    refuse('--health-expect needs --health-path');
  if (config.accessLogFile !== '' && config.accessLog === 'off') refuse('--access-log-file needs --access-log common or json');
}

/** Checks that no two static hosts share a name. */
export function checkHostNames(statics: readonly StaticHost[]): void {
  const names = new Set<string>();
  for (const { name } of statics) {
    if (names.has(name)) refuse(`--host: two hosts have the name ${name}; give each its own with --host URL,name=NAME`);
    names.add(name);
  }
}

/** Checks what balancers, agents and status share. */
export function checkFleet(redis: readonly string[], namespace: string): void {
  const addresses = redis.map(parseRedisAddress);
  for (const address of addresses) readRedisTls(address);
  if (!/^[\x21-\x7e]{1,64}$/.test(namespace)) refuse('--namespace: 1 to 64 printable ASCII characters without spaces');
  if (addresses.some(({ kind }) => kind === 'cluster') && !/^[^{]*\{[^}]+\}/.test(namespace)) {
    refuse("--namespace: on Redis Cluster all keys must lie in one slot: write it with braces, such as '{meercat}'");
  }
}

/** This machine's name as a part of a host's or balancer's name. */
export function machineName(): string {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return name === '' ? 'machine' : name;
}

/** The address that others reach a listener at: "all addresses" is none, and becomes the machine's name. */
export function reachableAddress(bind: string): string {
  if (bind === '0.0.0.0' || bind === '::' || bind === '') return machineName();
  return bind.includes(':') ? `[${bind}]` : bind;
}

/** Reads `--host URL[,name=NAME]`; the name follows from the URL when none is given. */
export function parseStaticHost(text: string): StaticHost {
  const [urlText = '', ...options] = text.split(',');
  const url = originOf(urlText.trim());
  if (url === null) refuse(`--host: ${quote(urlText)} is not http://host:port or https://host:port`);
  let name = defaultHostName(url);
  for (const option of options) {
    const [key, value = ''] = option.trim().split('=', 2);
    if (key !== 'name') refuse(`--host: after the URL only name=NAME is understood, not ${quote(option)}`);
    name = value;
  }
  if (!isName(name)) refuse(`--host: name ${quote(name)}: ${NAME_RULE}`);
  return { name, url };
}

/** The name of a host for which none was given: its host name and port. */
export function defaultHostName(origin: string): string {
  const { host, hostname: name, port, protocol } = new URL(origin);
  const text = port === '' ? `${name}-${protocol === 'https:' ? 443 : 80}` : host.replace(/:(\d+)$/, '-$1');
  return text
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 128);
}

/** Reads the URL of a host: an origin. */
export function parseOrigin(flag: string, text: string): string {
  return originOf(text.trim()) ?? refuse(`${flag}: ${quote(text)} is not http://host:port or https://host:port`);
}

/** Reads a port; 0 means any free one. */
export function parsePort(flag: string, text: string): number {
  return parseInteger(flag, text, 0, 65535);
}

/** Reads a whole number within bounds. */
export function parseInteger(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) refuse(`${flag}: a whole number from ${min} to ${max}, not ${quote(text)}`);
  return value;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: SECOND, m: MINUTE };

/** Reads a duration such as `500ms`, `2s` or `1m`, in milliseconds; a bare number is milliseconds. */
export function parseDuration(flag: string, text: string, minMs: number, maxMs: number): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m)?$/.exec(text.trim()) ?? [];
  const ms = digits === '' ? Number.NaN : Math.round(Number(digits) * (UNITS[unit] as number));
  if (!(ms >= minMs && ms <= maxMs)) {
    refuse(`${flag}: a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 500ms, 2s or 1m, not ${quote(text)}`);
  }
  return ms;
}

/** A duration as a person writes it: `1500ms`, `2s`, `1m`. */
export function formatDuration(ms: number): string {
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
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]{0,3})$/.exec(text.trim().toLowerCase()) ?? [];
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

/** Reads a path that hosts are asked for: it begins with a slash and has no spaces. */
export function parsePath(flag: string, text: string): string {
  return /^\/[\x21-\x7e]{0,1000}$/.test(text) ? text : refuse(`${flag}: a path such as /health, not ${quote(text)}`);
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
