// The health service of gRPC, its one unary call Check, as bytes: pure.
// Sources: https://github.com/grpc/grpc/blob/master/doc/health-checking.md, /doc/PROTOCOL-HTTP2.md, and
// https://protobuf.dev/programming-guides/encoding/ for messages.

import type { Http2Answer } from './http2-question.js';

/** The path of the call. */
export const CHECK_PATH = '/grpc.health.v1.Health/Check';

/** A message's prefix: one byte that says whether it is compressed, four with its length. */
const PREFIX_BYTES = 5;

/** Field 1 of HealthCheckRequest (`service`), of wire type LEN. */
const SERVICE_TAG = 0x0a;

/** Field 1 of HealthCheckResponse (`status`), of wire type VARINT. */
const STATUS_TAG = 0x08;

/** ServingStatus. */
const SERVING = 1;

/** The body of a call of Check about this service, at most 256 bytes of ASCII; empty: the whole server. */
export function checkBody(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = service === '' ? name : Buffer.from([SERVICE_TAG, ...length, ...name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Whether this response says SERVING: a call that succeeded, and one message that is well-formed. */
export function isServing({ status, headers, trailers, body, isCut }: Http2Answer): boolean {
  const isCallGood =
    status === 200 && /^application\/grpc(?:[+;]|$)/i.test(headers['content-type'] ?? '') && trailers['grpc-status'] === '0';
  // Nothing compressed was accepted.
  const isOneMessage = body.length >= PREFIX_BYTES && body[0] === 0 && body.readUInt32BE(1) === body.length - PREFIX_BYTES;
  return isCallGood && !isCut && isOneMessage && readStatus(body.subarray(PREFIX_BYTES)) === SERVING;
}

/** The status of a HealthCheckResponse; 0 (UNKNOWN) when it has none, undefined when it is malformed. */
function readStatus(message: Buffer): number | undefined {
  let status = 0;
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    if (tag === undefined) return undefined;
    const value = readVarint(message, tag.end);
    if (tag.value === STATUS_TAG) {
      if (value === undefined) return undefined;
      status = value.value;
    }
    const end = endOfField(tag.value & 7, tag.end, value);
    if (tag.value < 8 || end === undefined || end > message.length) return undefined;
    at = end;
  }
  return status;
}

/** Where a field ends whose value begins at `at`, by its wire type; undefined for groups, which are long obsolete. */
function endOfField(wireType: number, at: number, varint: Varint | undefined): number | undefined {
  switch (wireType) {
    case 0:
      return varint?.end;
    case 1:
      return at + 8;
    case 2:
      return varint === undefined ? undefined : varint.end + varint.value;
    case 5:
      return at + 4;
    default:
      return undefined;
  }
}

interface Varint {
  /** A number that is exact up to 2^53; larger ones only need to stay larger. */
  readonly value: number;
  readonly end: number;
}

/** The base-128 number that begins at `at`: at most ten bytes; undefined when it does not end. */
function readVarint(bytes: Buffer, at: number): Varint | undefined {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}
