// PROXY headers of both versions: tables of what is and is not one, each cut at every byte, and seeded damage.

import { isIP } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { type ProxiedClient, type ProxyHeader, readProxyHeader } from '../../../lib/traffic/client/proxy-protocol.js';
import { scaled } from '../../support/scale.js';

const test = suite('proxy protocol');

type Source = ProxiedClient | undefined;

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A version 2 header; the length is right unless another is given. */
function binary(command: number, family: number, body: Buffer, length = body.length): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.write(SIGNATURE, 'latin1');
  fixed[12] = command;
  fixed[13] = family;
  fixed.writeUInt16BE(length, 14);
  return Buffer.concat([fixed, body]);
}

const tlv = (type: number, value: Buffer) => Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);

const IPV4 = hex('c0000201 c6336401 d431 01bb');
const IPV6 = hex('20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb');
const MAPPED = hex('00000000000000000000ffffc0000201 00000000000000000000ffffc6336401 d431 01bb');
const UNIX = Buffer.alloc(216, '/run/a.sock\0');
const CLIENT4: Source = { address: '192.0.2.1', port: 54_321, toPort: 443 };
const CLIENT6: Source = { address: '2001:db8::1', port: 54_321, toPort: 443 };

/** A table CRC32c, unlike the one under test, so that both are not wrong in the same way. */
function crc32c(bytes: Buffer): number {
  const table = Array.from({ length: 256 }, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value >>> 0;
  });
  return bytes.reduce((crc, byte) => (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number), 0xffffffff) ^ 0xffffffff;
}

/** A header with a right checksum between two other TLVs. */
function withChecksum(): Buffer {
  const before = tlv(0x04, Buffer.from('noop'));
  const header = binary(0x21, 0x11, Buffer.concat([IPV4, before, tlv(0x03, Buffer.alloc(4)), tlv(0x02, Buffer.from('example.org'))]));
  header.writeUInt32BE(crc32c(header) >>> 0, 16 + IPV4.length + before.length + 3);
  return header;
}

const LINES: readonly [string, Source][] = [
  ['PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\r\n', CLIENT4],
  ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', { address: '255.255.255.255', port: 65_535, toPort: 65_535 }],
  ['PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n', { address: '0.0.0.0', port: 0, toPort: 0 }],
  ['PROXY TCP6 2001:db8::1 2001:db8::2 54321 443\r\n', CLIENT6],
  ['PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 54321 443\r\n', CLIENT6],
  ['PROXY TCP6 ::ffff:192.0.2.1 ::1 54321 443\r\n', CLIENT4],
  [
    'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
    { address: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', port: 65_535, toPort: 65_535 },
  ],
  ['PROXY UNKNOWN\r\n', undefined],
  ['PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n', undefined],
  ['PROXY UNKNOWN what ever it  says\r\n', undefined],
];

const BINARIES: readonly [string, Buffer, Source][] = [
  ['LOCAL', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  ['LOCAL with addresses', binary(0x20, 0x11, IPV4), undefined],
  ['LOCAL of a datagram, with less than its addresses', binary(0x20, 0x12, Buffer.alloc(3)), undefined],
  ['IPv4', binary(0x21, 0x11, IPV4), CLIENT4],
  ['IPv6', binary(0x21, 0x21, IPV6), CLIENT6],
  ['mapped IPv4', binary(0x21, 0x21, MAPPED), CLIENT4],
  ['a UNIX socket', binary(0x21, 0x31, UNIX), undefined],
  ['unspecified', binary(0x21, 0x00, Buffer.from('any thing')), undefined],
  ['IPv4 with TLVs', binary(0x21, 0x11, Buffer.concat([IPV4, tlv(0x01, Buffer.from('h2')), tlv(0xee, Buffer.alloc(0))])), CLIENT4],
  ['4096 bytes of TLVs', binary(0x21, 0x31, Buffer.concat([UNIX, tlv(0x04, Buffer.alloc(4093))])), undefined],
  ['a checksum', withChecksum(), CLIENT4],
];

const INVALID_LINES: readonly string[] = [
  'G',
  'GET / HTTP/1.1\r\n',
  'proxy TCP4',
  'PROXY\r\n',
  'PROXY \r\n',
  'PROXY  TCP4',
  'PROXY\tTCP4',
  ' PROXY',
  'PROXYTCP4',
  'PROXY UDP4',
  'PROXY TCP5',
  'PROXY TCP4\r\n',
  'PROXY TCP46 ',
  'PROXY UNKNOWNS',
  'PROXY UNKNOWN\n',
  'PROXY UNKNOWN a\tb',
  'PROXY UNKNOWN é',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\r\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321 443\rG',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321 443 \r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321 443 1\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 54321\r\n',
  'PROXY TCP4 192.0.2.1  198.51.100.1 54321 443\r\n',
  'PROXY TCP4 192.0.2.01 198.51.100.1 54321 443\r\n',
  'PROXY TCP4 192.0.2.256 198.51.100.1 54321 443\r\n',
  'PROXY TCP4 192.0.2 198.51.100.1 54321 443\r\n',
  'PROXY TCP4 2001:db8::1 2001:db8::2 54321 443\r\n',
  'PROXY TCP6 192.0.2.1 198.51.100.1 54321 443\r\n',
  'PROXY TCP6 fe80::1%eth0 fe80::2 54321 443\r\n',
  'PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 54321 443\r\n',
  'PROXY TCP6 ::1::2 ::1 54321 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 054321 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1e3 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 00 443\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n',
  `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
  `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`.padEnd(107, 'x').replace('\r\n', 'x\r'),
];

const INVALID_BINARIES: readonly [string, Buffer][] = [
  ['a signature with another end', bytesOf('\r\n\r\n\0\r\nQUIT\r')],
  ['two line ends and a request', bytesOf('\r\n\r\nGET')],
  ['version 1', binary(0x11, 0x11, IPV4)],
  ['version 3', binary(0x31, 0x11, IPV4)],
  ['an unknown command', binary(0x22, 0x11, IPV4)],
  ['UDP over IPv4', binary(0x21, 0x12, IPV4)],
  ['UDP over IPv6', binary(0x21, 0x22, IPV6)],
  ['a UNIX datagram', binary(0x21, 0x32, UNIX)],
  ['an unknown family', binary(0x21, 0x41, IPV4)],
  ['an unknown protocol', binary(0x21, 0x13, IPV4)],
  ['a family without a protocol', binary(0x21, 0x10, IPV4)],
  ['a LOCAL with an unknown family', binary(0x20, 0xff, IPV4)],
  ['less than the addresses', binary(0x21, 0x11, IPV4.subarray(1))],
  ['IPv6 with the length of IPv4', binary(0x21, 0x21, IPV4)],
  ['a length beyond the bound', binary(0x21, 0x11, IPV4, 4313)],
  ['a TLV without a length', binary(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([4, 0])]))],
  ['a TLV that is longer than the header', binary(0x21, 0x11, Buffer.concat([IPV4, Buffer.from([4, 0, 2, 0])]))],
  ['a checksum of three bytes', binary(0x21, 0x11, Buffer.concat([IPV4, tlv(0x03, Buffer.alloc(3))]))],
  ['a wrong checksum', binary(0x21, 0x11, Buffer.concat([IPV4, tlv(0x03, Buffer.alloc(4))]))],
];

/** What every cut of a header gives: incomplete up to its last byte. */
function checkCuts(header: Buffer, name: string, source: Source): void {
  for (let length = 0; length < header.length; length++) {
    assert.equal(readProxyHeader(header.subarray(0, length)), { kind: 'incomplete' }, `${name}, ${length} bytes`);
  }
  const done: ProxyHeader = { kind: 'done', length: header.length, source };
  assert.equal(readProxyHeader(header), done, name);
  for (const after of ['G', '\r\n', '\n', 'PROXY', '\0'])
    assert.equal(readProxyHeader(Buffer.concat([header, bytesOf(after)])), done, `${name}, then ${after}`);
}

/** Once invalid, always invalid, whatever follows. */
function checkInvalid(bytes: Buffer, name: string): void {
  const kinds = Array.from({ length: bytes.length + 1 }, (_, length) => readProxyHeader(bytes.subarray(0, length)).kind);
  assert.is(kinds.at(-1), 'invalid', name);
  const first = kinds.indexOf('invalid');
  assert.equal(new Set(kinds.slice(0, first)), new Set(['incomplete']), name);
  assert.equal(new Set(kinds.slice(first)), new Set(['invalid']), name);
}

test("the checksum of this test is that of RFC 3720's example", () => {
  assert.is(crc32c(Buffer.alloc(32)) >>> 0, 0x8a9136aa);
});

for (const [line, source] of LINES) {
  test(`version 1, at every cut: ${line.trim()}`, () => checkCuts(bytesOf(line), line, source));
}

for (const [name, header, source] of BINARIES) {
  test(`version 2, at every cut: ${name}`, () => checkCuts(header, name, source));
}

test('lines that are no header are refused, and stay so', () => {
  for (const line of INVALID_LINES) checkInvalid(bytesOf(line), JSON.stringify(line));
});

for (const [name, header] of INVALID_BINARIES) {
  test(`refused in version 2: ${name}`, () => checkInvalid(header, name));
}

test('one changed bit anywhere breaks a header with a checksum, or makes it another that speaks for nobody', () => {
  const header = withChecksum();
  for (let bit = 0; bit < header.length * 8; bit++) {
    const changed = Buffer.from(header);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    const read = readProxyHeader(changed);
    assert.ok(read.kind !== 'done' || read.source === undefined || read.length !== header.length || !isChecked(changed), `bit ${bit}`);
  }
});

/** Whether the checksum's TLV is still there to be checked. */
const isChecked = (header: Buffer) => header.subarray(16 + IPV4.length + 7, 16 + IPV4.length + 10).equals(Buffer.from([3, 0, 4]));

test('seeded damage never throws, and what is read is sound', () => {
  const random = new Random(5);
  const whole = [...LINES.map(([line]) => bytesOf(line)), ...BINARIES.map(([, header]) => header)];
  for (let round = 0; round < scaled(10_000, 60_000); round++) {
    const bytes = Buffer.from(whole[random.below(whole.length)] as Buffer);
    for (let changes = random.below(4); changes > 0; changes--) bytes[random.below(Math.min(bytes.length, 120))] = random.below(256);
    const read = readProxyHeader(bytes.subarray(0, random.below(bytes.length + 1)));
    if (read.kind !== 'done') continue;
    assert.ok(read.length <= bytes.length && read.length > 0);
    if (read.source === undefined) continue;
    assert.ok(isIP(read.source.address) > 0 && Number.isInteger(read.source.port) && read.source.port >= 0 && read.source.port <= 65_535);
    assert.ok(Number.isInteger(read.source.toPort) && read.source.toPort >= 0 && read.source.toPort <= 65_535);
  }
});

test.run();
