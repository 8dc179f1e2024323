// Decodes the header blocks of one direction of an HTTP/2 connection (RFC 7541). It judges the coding alone: which fields a
// message may have is its reader's to say. Bounded by the table's size, the list's size and the block's length; never throws.

import { decodeHuffman } from './hpack-huffman.js';
import { DynamicTable, FIELD_OVERHEAD, INITIAL_TABLE_SIZE, STATIC_LAST, STATIC_NAMES, STATIC_VALUES } from './hpack-tables.js';

/**
 * Why a block gives no fields. After `COMPRESSION_ERROR` the tables of both sides differ, and the connection must end (RFC
 * 9113, section 4.3); after `LIST_TOO_LARGE` the message is refused, and the next block can be decoded.
 */
export type HpackFailure = 'COMPRESSION_ERROR' | 'LIST_TOO_LARGE';

/** No field. */
const NONE: readonly string[] = [];

/** Bits that an integer may have behind its prefix. 2^28 is more than any length, index or size that we accept. */
const MAX_SHIFT = 28;

/** Up to this length a loop compares and copies faster than a call of native code does: measured, in bytes. */
const SHORT = 32;

/** A block that changed no table, and its fields: the same bytes mean the same while the table stays as it is. */
class KnownBlock {
  generation = -1;
  fields: readonly string[] = NONE;
  sensitive: readonly string[] = NONE;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  is(bytes: Buffer, start: number, end: number): boolean {
    const length = end - start;
    if (length !== this.#length) return false;
    const known = this.#bytes;
    if (length > SHORT) return bytes.compare(known, 0, length, start, end) === 0;
    for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
    return true;
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.#length = end - start;
    if (this.#bytes.length < this.#length) this.#bytes = Buffer.allocUnsafeSlow(this.#length);
    bytes.copy(this.#bytes, 0, start, end);
  }
}

/** Where Huffman codes are decoded to, for all connections: each string is taken out before the next is decoded. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4096);

/** Decodes the blocks of one direction, in order. */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  readonly #maxListSize: number;
  /** What our SETTINGS allow the table to be, in bytes. */
  #tableLimit = INITIAL_TABLE_SIZE;
  #bytes: Buffer = scratch;
  #at = 0;
  #end = 0;
  #listSize = 0;
  #sensitive: string[] | undefined;
  /** The last two blocks: on a connection to a host, heads and trailers alternate. */
  #last = new KnownBlock();
  #lastButOne = new KnownBlock();

  /** The names of fields of the last block that must stay out of any table (section 6.2.3), by their sender's will. */
  sensitiveNames: readonly string[] = NONE;

  /** @param maxListSize the largest sum of name, value and 32 bytes over the fields of a block, in bytes */
  constructor(maxListSize: number) {
    this.#maxListSize = maxListSize;
  }

  /**
   * The peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE, in bytes. If its table is larger, its next block must begin
   * with a smaller size (section 4.2).
   */
  limitTable(size: number): void {
    this.#tableLimit = size;
    this.#table.generation++;
  }

  /**
   * The fields of a complete block, which is `bytes` from `start` to `end`: name, value, name, value, …, a character a byte,
   * in order and unchecked. A block like one of the last two may give the same list, which must not be changed.
   */
  decode(bytes: Buffer, start: number, end: number): readonly string[] | HpackFailure {
    const { generation } = this.#table;
    const last = this.#last;
    if (last.generation === generation && last.is(bytes, start, end)) return this.#known(last);
    const other = this.#lastButOne;
    this.#lastButOne = last;
    this.#last = other;
    if (other.generation === generation && other.is(bytes, start, end)) return this.#known(other);
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#listSize = 0;
    this.#sensitive = undefined;
    const fields: string[] = [];
    const isRead = this.#sizes() && this.#fields(fields);
    this.#bytes = scratch;
    this.sensitiveNames = this.#sensitive ?? NONE;
    if (!isRead) return 'COMPRESSION_ERROR';
    if (this.#listSize > this.#maxListSize) return 'LIST_TOO_LARGE';
    if (this.#table.generation === generation) {
      other.generation = generation;
      other.fields = fields;
      other.sensitive = this.sensitiveNames;
      other.keep(bytes, start, end);
    }
    return fields;
  }

  #known(block: KnownBlock): readonly string[] {
    this.sensitiveNames = block.sensitive;
    return block.fields;
  }

  /** Reads the new sizes of the table, which stand at a block's beginning only; returns whether they are sound. */
  #sizes(): boolean {
    while (this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0xe0) === 0x20) {
      const size = this.#integer(0x1f);
      if (size < 0 || size > this.#tableLimit) return false;
      this.#table.resize(size);
    }
    return this.#table.limit <= this.#tableLimit;
  }

  /** Reads the fields, into `fields` as long as the list is not too large; returns whether they are well coded. */
  #fields(fields: string[]): boolean {
    const table = this.#table;
    while (this.#at < this.#end) {
      const first = this.#bytes[this.#at] as number;
      let name: string;
      let value: string;
      if (first >= 0x80) {
        const index = this.#integer(0x7f);
        if (index <= STATIC_LAST) {
          if (index <= 0) return false;
          name = STATIC_NAMES[index] as string;
          value = STATIC_VALUES[index] as string;
        } else {
          if (!table.has(index - STATIC_LAST)) return false;
          const entry = table.inserted - (index - STATIC_LAST);
          name = table.name(entry);
          value = table.value(entry);
        }
      } else {
        const isAdded = first >= 0x40;
        // A new size, where none may be.
        if (!isAdded && first >= 0x20) return false;
        const index = this.#integer(isAdded ? 0x3f : 0x0f);
        if (index < 0) return false;
        const read = index === 0 ? this.#string() : this.#nameAt(index);
        if (read === undefined) return false;
        const text = this.#string();
        if (text === undefined) return false;
        name = read;
        value = text;
        if (isAdded) table.add(name, value);
        else if (first >= 0x10 && this.#listSize <= this.#maxListSize) (this.#sensitive ??= []).push(name);
      }
      this.#listSize += name.length + value.length + FIELD_OVERHEAD;
      if (this.#listSize <= this.#maxListSize) fields.push(name, value);
    }
    return true;
  }

  #nameAt(index: number): string | undefined {
    if (index <= STATIC_LAST) return STATIC_NAMES[index];
    return this.#table.has(index - STATIC_LAST) ? this.#table.name(this.#table.inserted - (index - STATIC_LAST)) : undefined;
  }

  /** Reads an integer with a prefix (section 5.1); -1 if it is cut off or too large. */
  #integer(prefix: number): number {
    let value = (this.#bytes[this.#at++] as number) & prefix;
    if (value < prefix) return value;
    for (let shift = 0; shift < MAX_SHIFT && this.#at < this.#end; shift += 7) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  /** Reads a string (section 5.2); undefined if it is malformed. */
  #string(): string | undefined {
    if (this.#at >= this.#end) return undefined;
    const isCoded = (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    if (length < 0 || length > this.#end - start) return undefined;
    this.#at = start + length;
    if (!isCoded) return this.#bytes.toString('latin1', start, this.#at);
    if (scratch.length < 2 * length) scratch = Buffer.allocUnsafeSlow(2 * length);
    const decoded = decodeHuffman(this.#bytes, start, this.#at, scratch);
    return decoded < 0 ? undefined : scratch.toString('latin1', 0, decoded);
  }
}
