// Decodes ORCA's load report in protobuf's wire format by hand: three wire types, two levels, no library. Input that is
// not well-formed to the last byte is refused. Pure. https://protobuf.dev/programming-guides/encoding/

import { ORCA_FIGURES, ORCA_MAPS, type OrcaFigure, type OrcaMap, type OrcaReport, OrcaReportBuilder } from './orca.js';

const FIGURES = new Map(Object.entries(ORCA_FIGURES).map(([name, { number }]) => [number, name as OrcaFigure]));
const MAPS = new Map(Object.entries(ORCA_MAPS).map(([name, { number }]) => [number, name as OrcaMap]));

/** Wire types. Groups (3 and 4) are deprecated and refused. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** One field on the wire: `number` is the value of a varint or double; a text spans `start` to `end`. */
interface Field {
  readonly field: number;
  readonly wireType: number;
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Decodes a report. Unknown fields are skipped; a known one of the wrong type, or out of range, refuses the whole.
 * Protobuf omits a figure of 0, which is therefore the same as unknown.
 * @returns undefined when refused
 */
export function readOrcaBinary(bytes: Buffer): OrcaReport | undefined {
  const builder = new OrcaReportBuilder();
  for (let at = 0; at < bytes.length; ) {
    const field = readField(bytes, at, bytes.length);
    if (field === undefined || !takeField(builder, bytes, field)) return undefined;
    at = field.end;
  }
  return builder.build();
}

function takeField(builder: OrcaReportBuilder, bytes: Buffer, { field, wireType, number, start, end }: Field): boolean {
  const figure = FIGURES.get(field);
  if (figure !== undefined) return wireType === (figure === 'rps' ? VARINT : FIXED64) && builder.setFigure(figure, number);
  const map = MAPS.get(field);
  return map === undefined || (wireType === BYTES && takeEntry(builder, map, bytes, start, end));
}

/** A map entry is a message with a key (1) and a value (2). */
function takeEntry(builder: OrcaReportBuilder, map: OrcaMap, bytes: Buffer, start: number, end: number): boolean {
  let key = '';
  let value = 0;
  for (let at = start; at < end; ) {
    const part = readField(bytes, at, end);
    if (part === undefined) return false;
    if (part.field === 1) {
      if (part.wireType !== BYTES) return false;
      key = bytes.toString('latin1', part.start, part.end);
    } else if (part.field === 2) {
      if (part.wireType !== FIXED64) return false;
      value = part.number;
    }
    at = part.end;
  }
  return builder.setEntry(map, key, value);
}

/** The field at `at`; undefined when malformed or longer than `limit`. */
function readField(bytes: Buffer, at: number, limit: number): Field | undefined {
  const tag = readVarint(bytes, at, limit);
  if (tag === undefined || tag.value > 0xffffffff || tag.value < 8) return undefined;
  const field = Math.floor(tag.value / 8);
  const wireType = tag.value % 8;
  const start = tag.end;
  switch (wireType) {
    case VARINT: {
      const varint = readVarint(bytes, start, limit);
      return varint && { field, wireType, number: varint.value, start, end: varint.end };
    }
    case FIXED64:
      return start + 8 > limit ? undefined : { field, wireType, number: bytes.readDoubleLE(start), start, end: start + 8 };
    case FIXED32:
      return start + 4 > limit ? undefined : { field, wireType, number: 0, start, end: start + 4 };
    case BYTES: {
      const length = readVarint(bytes, start, limit);
      if (length === undefined || length.end + length.value > limit) return undefined;
      return { field, wireType, number: 0, start: length.end, end: length.end + length.value };
    }
    default:
      return undefined;
  }
}

/** Decodes a varint of at most ten bytes. Above 2^53 the value is approximate, which is out of range anyway. */
function readVarint(bytes: Buffer, at: number, limit: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10 && at + i < limit; i++) {
    const byte = bytes[at + i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}
