// DNS messages (RFC 1035): the question for one type of record, and the answer to it. An answer is hostile input: every
// length is checked, compression pointers only lead backwards, and what is not well-formed is null, never an exception.

/** The types of records that discovery asks for. */
export const DNS_TYPES = { A: 1, AAAA: 28, SRV: 33 } as const;

/** One of these types. */
export type DnsType = keyof typeof DNS_TYPES;

const CNAME = 5;
const CLASS_IN = 1;

/** The outcome codes that mean something here (RFC 1035, section 4.1.1). */
export const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
};

/** Maximum aliases (CNAME) followed from the name that was asked for. */
const MAX_ALIASES = 16;

/** Names are at most 255 bytes on the wire (RFC 1035, section 2.3.4). */
const MAX_NAME_BYTES = 255;

/** A target of an SRV record (RFC 2782). */
export interface ServiceTarget {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** In lower case without a dot at its end; empty: the service is not offered. */
  readonly target: string;
}

/** What a server answered to a question. */
export interface DnsAnswer {
  /** 0: no error; see {@link RCODES}. */
  readonly rcode: number;
  /** The answer did not fit: ask again by TCP. */
  readonly isTruncated: boolean;
  /** Of A and AAAA records. */
  readonly addresses: readonly string[];
  /** Of SRV records. */
  readonly targets: readonly ServiceTarget[];
  /** The shortest TTL of the records used, aliases too; 0 without any. */
  readonly ttlSeconds: number;
}

/** A question; the name has passed `isDnsName`. Recursion is desired. */
export function encodeQuestion(id: number, name: string, type: DnsType): Buffer {
  const labels = name.replace(/\.$/, '').split('.');
  const head = Buffer.from([0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(id, 0);
  const wire = labels.map((label) => String.fromCharCode(label.length) + label).join('');
  return Buffer.concat([head, Buffer.from(wire, 'latin1'), Buffer.from([0, 0, DNS_TYPES[type], 0, CLASS_IN])]);
}

/** Reads an answer to this question; null for anything else: another question, malformed, no answer at all. */
export function decodeDnsAnswer(message: Buffer, id: number, name: string, type: DnsType): DnsAnswer | null {
  if (message.length < 12 || message.readUInt16BE(0) !== id) return null;
  const flags = message.readUInt16BE(2);
  const [isAnswer, opcode] = [(flags & 0x8000) !== 0, (flags >> 11) & 0xf];
  const asked = readName(message, 12);
  if (!isAnswer || opcode !== 0 || message.readUInt16BE(4) !== 1 || asked === null) return null;
  const wanted = name.replace(/\.$/, '').toLowerCase();
  if (asked.name !== wanted || asked.end + 4 > message.length) return null;
  if (message.readUInt16BE(asked.end) !== DNS_TYPES[type] || message.readUInt16BE(asked.end + 2) !== CLASS_IN) return null;
  const rcode = flags & 0xf;
  const isTruncated = (flags & 0x0200) !== 0;
  const empty = { rcode, isTruncated, addresses: [], targets: [], ttlSeconds: 0 };
  if (isTruncated || rcode !== 0) return empty;
  const records = readRecords(message, asked.end + 4, message.readUInt16BE(6));
  if (records === null) return null;
  const { found, ttls } = recordsOf(records, wanted, DNS_TYPES[type]);
  const addresses: string[] = [];
  const targets: ServiceTarget[] = [];
  for (const { at, length } of found) {
    const target = type === 'SRV' ? readTarget(message, at, length) : null;
    const address = type === 'SRV' ? null : addressOf(message.subarray(at, at + length), type);
    if (target === null && address === null) return null;
    if (target !== null) targets.push(target);
    if (address !== null) addresses.push(address);
  }
  return { ...empty, addresses, targets, ttlSeconds: found.length === 0 ? 0 : Math.min(...ttls) };
}

interface WireRecord {
  readonly name: string;
  readonly type: number;
  readonly ttlSeconds: number;
  /** Where its data are in the message. */
  readonly at: number;
  readonly length: number;
  /** The name that an alias stands for; empty for other records. */
  readonly alias: string;
}

function readRecords(message: Buffer, from: number, count: number): WireRecord[] | null {
  const records: WireRecord[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const owner = readName(message, at);
    if (owner === null || owner.end + 10 > message.length) return null;
    const type = message.readUInt16BE(owner.end);
    const ttl = message.readUInt32BE(owner.end + 4);
    const length = message.readUInt16BE(owner.end + 8);
    const start = owner.end + 10;
    at = start + length;
    if (at > message.length) return null;
    if (message.readUInt16BE(owner.end + 2) !== CLASS_IN) continue;
    const alias = type === CNAME ? readName(message, start) : null;
    if (type === CNAME && alias === null) return null;
    // A TTL with its first bit set counts as 0 (RFC 2181, section 8).
    records.push({ name: owner.name, type, ttlSeconds: ttl > 0x7fffffff ? 0 : ttl, at: start, length, alias: alias?.name ?? '' });
  }
  return records;
}

/** The records of a type under the name or what it is an alias of, and the TTLs on the way. */
function recordsOf(records: readonly WireRecord[], name: string, type: number): { found: WireRecord[]; ttls: number[] } {
  const ttls: number[] = [];
  let owner = name;
  for (let i = 0; i <= MAX_ALIASES; i++) {
    const found = records.filter((record) => record.name === owner && record.type === type);
    if (found.length > 0) return { found, ttls: [...ttls, ...found.map(({ ttlSeconds }) => ttlSeconds)] };
    const alias = records.find((record) => record.name === owner && record.type === CNAME);
    if (alias === undefined) break;
    ttls.push(alias.ttlSeconds);
    owner = alias.alias;
  }
  return { found: [], ttls };
}

/** Reads a name in lower case; null if it is malformed. `end` is where what follows it begins. */
function readName(message: Buffer, from: number): { readonly name: string; readonly end: number } | null {
  const labels: string[] = [];
  let [at, end, bytes, before] = [from, -1, 0, from];
  for (let parts = 0; parts < 2 * MAX_NAME_BYTES; parts++) {
    const length = message[at];
    if (length === undefined) return null;
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return null;
      if (end < 0) end = at + 2;
      at = ((length & 0x3f) << 8) | low;
      // Only backwards, so that it ends.
      if (at >= before) return null;
      before = at;
      continue;
    }
    if (length > 63) return null;
    if (length === 0) return { name: labels.join('.'), end: end < 0 ? at + 1 : end };
    bytes += length + 1;
    if (bytes >= MAX_NAME_BYTES || at + 1 + length > message.length) return null;
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return null;
}

function readTarget(message: Buffer, at: number, length: number): ServiceTarget | null {
  if (length < 7) return null;
  const target = readName(message, at + 6);
  if (target === null || target.end !== at + length) return null;
  return {
    priority: message.readUInt16BE(at),
    weight: message.readUInt16BE(at + 2),
    port: message.readUInt16BE(at + 4),
    target: target.name,
  };
}

/** An address as text, IPv6 in its shortest form (RFC 5952). */
function addressOf(bytes: Buffer, type: DnsType): string | null {
  if (type === 'A') return bytes.length === 4 ? bytes.join('.') : null;
  if (bytes.length !== 16) return null;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
