// A small DNS server on loopback, UDP and TCP on one port: answers what a test says, also badly. Its encoder shares nothing
// with the client's decoder.

import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';

/** One record of an answer: its type, its data as text, and its TTL in seconds. */
export type DnsRecord =
  | readonly [type: 'A' | 'AAAA' | 'CNAME', data: string, ttl?: number, owner?: string]
  | readonly [type: 'SRV', data: readonly [priority: number, weight: number, port: number, target: string], ttl?: number, owner?: string];

/** What a question gets: records, an error, no answer, an answer by TCP alone, or any bytes made of the question. */
export type DnsReply =
  | readonly DnsRecord[]
  | 'nxdomain'
  | 'servfail'
  | 'silent'
  | { readonly byTcp: readonly DnsRecord[] }
  | ((question: Buffer) => readonly Buffer[]);

/** A running server. */
export interface DnsServerStage {
  readonly port: number;
  /** As `--dns-server` takes it. */
  readonly address: string;
  /** Sets what a question gets, such as `api.test A`; what is not set does not exist. */
  set(question: string, reply: DnsReply): void;
  /** The questions so far: `api.test A`, by TCP with ` tcp`. */
  readonly questions: string[];
}

const TYPES = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const;
const DEFAULT_TTL = 30;

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number): Buffer => Buffer.concat([u16(Math.floor(value / 65_536)), u16(value % 65_536)]);

/** A name on the wire, not compressed. */
export function wireName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);
}

function dataOf(record: DnsRecord): Buffer {
  switch (record[0]) {
    case 'A':
      return Buffer.from(record[1].split('.').map(Number));
    case 'AAAA': {
      const [head = '', tail = ''] = record[1].split('::');
      const parts = (text: string): string[] => (text === '' ? [] : text.split(':'));
      const missing = record[1].includes('::') ? 8 - parts(head).length - parts(tail).length : 0;
      const groups = [...parts(head), ...Array<string>(missing).fill('0'), ...parts(tail)];
      return Buffer.concat(groups.map((group) => u16(Number.parseInt(group, 16))));
    }
    case 'CNAME':
      return wireName(record[1]);
    case 'SRV': {
      const [priority, weight, port, target] = record[1];
      return Buffer.concat([u16(priority), u16(weight), u16(port), wireName(target)]);
    }
  }
}

/** The answer to a question with these records; an owner of its own is written out, otherwise it points to the question. */
export function answerTo(question: Buffer, records: readonly DnsRecord[], flags = 0x8180): Buffer {
  const encoded = records.map((record) => {
    const data = dataOf(record);
    const owner = record[3] === undefined ? Buffer.from([0xc0, 12]) : wireName(record[3]);
    return Buffer.concat([owner, u16(TYPES[record[0]]), u16(1), u32(record[2] ?? DEFAULT_TTL), u16(data.length), data]);
  });
  return Buffer.concat([question.subarray(0, 2), u16(flags), u16(1), u16(records.length), u32(0), question.subarray(12), ...encoded]);
}

/** What was asked: `api.test A`. */
function questionOf(message: Buffer): string {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] as number; length > 0; length = message[at] as number) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = Object.entries(TYPES).find(([, code]) => code === message.readUInt16BE(at + 1))?.[0];
  return `${labels.join('.')} ${type}`;
}

/** Starts a server, hands it out, and closes it. */
export async function withDnsServer<T>(fn: (server: DnsServerStage) => Promise<T>): Promise<T> {
  const replies = new Map<string, DnsReply>();
  const questions: string[] = [];
  const answersTo = (message: Buffer, isTcp: boolean): readonly Buffer[] => {
    const question = questionOf(message);
    questions.push(`${question}${isTcp ? ' tcp' : ''}`);
    const reply = replies.get(question) ?? 'nxdomain';
    if (reply === 'silent') return [];
    if (typeof reply === 'function') return reply(message);
    if (reply === 'nxdomain') return [answerTo(message, [], 0x8183)];
    if (reply === 'servfail') return [answerTo(message, [], 0x8182)];
    if (!('byTcp' in reply)) return [answerTo(message, reply)];
    return [isTcp ? answerTo(message, reply.byTcp) : answerTo(message, [], 0x8380)];
  };
  const udp = createSocket('udp4');
  udp.on('message', (message, { port, address }) => {
    for (const answer of answersTo(message, false)) udp.send(answer, port, address);
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      for (const answer of answersTo(bytes.subarray(2), true)) {
        // In two parts, as a network may deliver it.
        socket.write(Buffer.concat([u16(answer.length), answer.subarray(0, 5)]));
        setImmediate(() => socket.write(answer.subarray(5)));
      }
    });
  });
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as AddressInfo;
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(port, '127.0.0.1', resolve));
  try {
    return await fn({ port, address: `127.0.0.1:${port}`, set: (question, reply) => void replies.set(question, reply), questions });
  } finally {
    await new Promise<void>((resolve) => udp.close(resolve));
    await new Promise((resolve) => tcp.close(resolve));
  }
}
