// Parser of the PROXY protocol, versions 1 and 2: a header in which a proxy names its client, before the client's own
// bytes. Strict: anything that is not exactly a header is refused as early as possible, since its sender is then not
// the proxy we expect. Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { plainAddress } from './trusted.js';

/**
 * What the first bytes of a connection are. `done`: a header of `length` bytes, followed by the client's own bytes;
 * `source` is undefined for the proxy's own connections (LOCAL) and for clients without an IP address.
 */
export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'done'; readonly length: number; readonly source: ProxiedClient | undefined };

/** The client that a header names. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
  /** The port of the proxy that the client connected to. */
  readonly toPort: number;
}

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const INVALID: ProxyHeader = { kind: 'invalid' };

/** The longest version 1 header, CRLF included. */
const MAX_LINE = 107;
/** A version 2 header's fixed part: signature, version and command, family and protocol, length. */
const FIXED = 16;
/** The longest addresses (two Unix paths of 108 bytes), and 4 KiB of TLVs: more than any proxy sends. */
const MAX_BODY = 216 + 4096;

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const CRC32C_TLV = 0x03;

/**
 * Reads the PROXY header at the start of `bytes`, which are all bytes of the connection so far.
 * Returns `invalid` mostly at the first byte that no header can have there, at the latest when the header is complete.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return INCOMPLETE;
  return bytes[0] === SIGNATURE[0] ? readBinary(bytes) : readLine(bytes);
}

const PORT = /^(?:0|[1-9]\d{0,4})$/;
const isPort = (text: string) => PORT.test(text) && Number(text) <= 65_535;

/** The address of each protocol: when it is valid, and what a prefix of it looks like. */
const FIELDS = {
  TCP4: { isAddress: isIPv4, part: /^[\d.]{0,15}$/ },
  // No zone ids: they have no meaning on another machine.
  TCP6: { isAddress: (text: string) => isIPv6(text) && !text.includes('%'), part: /^[\da-fA-F:.]{0,45}$/ },
} as const;

const PORT_PART = /^(?:0|[1-9]\d{0,4})?$/;

function readLine(bytes: Buffer): ProxyHeader {
  const text = bytes.toString('latin1', 0, MAX_LINE);
  const end = text.search(/[\r\n]/);
  if (end < 0) return text.length < MAX_LINE && couldBecomeLine(text) ? INCOMPLETE : INVALID;
  const line = text.slice(0, end);
  const read = readWholeLine(line, end + 2);
  if (read.kind === 'invalid' || text.startsWith('\r\n', end)) return read;
  return text.slice(end) === '\r' && text.length < MAX_LINE ? INCOMPLETE : INVALID;
}

function readWholeLine(line: string, length: number): ProxyHeader {
  if (/^PROXY UNKNOWN(?: [ -~]*)?$/.test(line)) return { kind: 'done', length, source: undefined };
  const [word, protocol, from, to, fromPort, toPort, ...rest] = line.split(' ');
  if (word !== 'PROXY' || (protocol !== 'TCP4' && protocol !== 'TCP6') || rest.length > 0) return INVALID;
  if (from === undefined || to === undefined || fromPort === undefined || toPort === undefined) return INVALID;
  const { isAddress } = FIELDS[protocol];
  if (!isAddress(from) || !isAddress(to) || !isPort(fromPort) || !isPort(toPort)) return INVALID;
  return {
    kind: 'done',
    length,
    source: { address: protocol === 'TCP4' ? from : canonical(from), port: Number(fromPort), toPort: Number(toPort) },
  };
}

/** Whether this can still become a line: all fields except the last are complete. */
function couldBecomeLine(text: string): boolean {
  const [word = '', protocol, ...fields] = text.split(' ');
  if (protocol === undefined) return 'PROXY'.startsWith(word);
  if (word !== 'PROXY') return false;
  if (protocol === 'UNKNOWN') return /^[ -~]*$/.test(text);
  if (fields.length === 0) return ['TCP4', 'TCP6', 'UNKNOWN'].some((name) => name.startsWith(protocol));
  if ((protocol !== 'TCP4' && protocol !== 'TCP6') || fields.length > 4) return false;
  const { isAddress, part } = FIELDS[protocol];
  return fields.every((field, at) => {
    const isWhole = at < fields.length - 1;
    if (at < 2) return isWhole ? isAddress(field) : part.test(field);
    return isWhole ? isPort(field) : PORT_PART.test(field) && Number(field) <= 65_535;
  });
}

/** An IPv6 address in the form that Node's sockets use, so that each client has only one spelling. */
const canonical = (address: string) => plainAddress(new SocketAddress({ address, family: 'ipv6' }).address);

/** Length of the addresses (bytes) for each family with a stream protocol; 0: no addresses. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);

/** Families with datagrams: defined, but never valid for a TCP connection. */
const DATAGRAMS: ReadonlySet<number> = new Set([0x12, 0x22, 0x32]);

function readBinary(bytes: Buffer): ProxyHeader {
  const seen = Math.min(bytes.length, SIGNATURE.length);
  if (bytes.compare(SIGNATURE, 0, seen, 0, seen) !== 0) return INVALID;
  if (bytes.length > 12 && bytes[12] !== 0x20 && bytes[12] !== 0x21) return INVALID;
  if (bytes.length < 14) return INCOMPLETE;
  const isLocal = bytes[12] === 0x20;
  const family = bytes[13] as number;
  const addressBytes = ADDRESS_BYTES.get(family);
  // LOCAL may have any defined family: it is ignored together with the addresses.
  if (addressBytes === undefined && !(isLocal && DATAGRAMS.has(family))) return INVALID;
  if (bytes.length < FIXED) return INCOMPLETE;
  const bodyLength = bytes.readUInt16BE(14);
  if (bodyLength > MAX_BODY || (!isLocal && bodyLength < (addressBytes as number))) return INVALID;
  const length = FIXED + bodyLength;
  if (bytes.length < length) return INCOMPLETE;
  if (isLocal || family === 0x00) return { kind: 'done', length, source: undefined };
  const header = bytes.subarray(0, length);
  if (!hasSoundTlvs(header, FIXED + (addressBytes as number))) return INVALID;
  return { kind: 'done', length, source: sourceOf(header, family) };
}

function sourceOf(header: Buffer, family: number): ProxiedClient | undefined {
  if (family === 0x11)
    return { address: header.subarray(16, 20).join('.'), port: header.readUInt16BE(24), toPort: header.readUInt16BE(26) };
  if (family !== 0x21) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => header.readUInt16BE(16 + 2 * i).toString(16));
  return { address: canonical(groups.join(':')), port: header.readUInt16BE(48), toPort: header.readUInt16BE(50) };
}

/** Whether the addresses are followed by complete TLVs only, with at most one checksum, which must match. */
function hasSoundTlvs(header: Buffer, start: number): boolean {
  let checksumAt: number | undefined;
  let at = start;
  while (at < header.length) {
    if (at + 3 > header.length) return false;
    const valueLength = header.readUInt16BE(at + 1);
    const next = at + 3 + valueLength;
    if (next > header.length) return false;
    if (header[at] === CRC32C_TLV) {
      if (valueLength !== 4 || checksumAt !== undefined) return false;
      checksumAt = at + 3;
    }
    at = next;
  }
  return checksumAt === undefined || header.readUInt32BE(checksumAt) === checksumOf(header, checksumAt);
}

/** The CRC32c (RFC 4960, appendix B) of a header, with its own four checksum bytes as zeros. */
function checksumOf(header: Buffer, checksumAt: number): number {
  let crc = 0xffffffff;
  for (let at = 0; at < header.length; at++) {
    crc ^= at >= checksumAt && at < checksumAt + 4 ? 0 : (header[at] as number);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
