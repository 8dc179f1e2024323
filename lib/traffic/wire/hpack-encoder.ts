// Encodes the header blocks of one direction of an HTTP/2 connection (RFC 7541). Strings are written plain: Huffman coding
// costs more time, here and at the peer, than the bytes are worth that the tables have not already saved. Never throws.

import { KNOWN_NAMES, OTHER_NAME } from './hpack-indexing.js';
import { DynamicTable, FIELD_OVERHEAD, INITIAL_TABLE_SIZE, STATIC_LAST, STATIC_NAMES, STATIC_VALUES } from './hpack-tables.js';

const NONE: readonly string[] = [];

/** Bytes of a representation's first byte and its integers: an index or size, and two lengths, of at most five bytes each. */
const FIELD_BYTES = 1 + 3 * 5;

/** Up to this length a loop writes a string faster than a call of native code does: measured, in bytes. */
const SHORT = 16;

/** The first byte of a literal, and the prefix of its index. */
const ADDED = { pattern: 0x40, prefix: 0x3f } as const;
const LITERAL = { pattern: 0x00, prefix: 0x0f } as const;
const NEVER_INDEXED = { pattern: 0x10, prefix: 0x0f } as const;

/** A dynamic table that finds its entries: for each name its newest entry, and for each entry the next older one of its name. */
class SearchableTable extends DynamicTable {
  readonly #newest = new Map<string, number>();
  readonly #older = new Map<number, number>();

  /** The number of the newest entry with a name; -1 if there is none. */
  findName(name: string): number {
    return this.#newest.get(name) ?? -1;
  }

  /** The number of the newest entry with a name and a value; -1 if there is none. @param from the newest one with the name */
  find(from: number, value: string): number {
    let entry = from;
    while (entry >= this.oldest && this.value(entry) !== value) entry = this.#older.get(entry) ?? -1;
    return entry >= this.oldest ? entry : -1;
  }

  override add(name: string, value: string): void {
    super.add(name, value);
    const older = this.findName(name);
    if (older >= 0) this.#older.set(this.inserted - 1, older);
    this.#newest.set(name, this.inserted - 1);
  }

  protected override onEvicted(entry: number, name: string): void {
    if (this.#newest.get(name) === entry) this.#newest.delete(name);
    this.#older.delete(entry);
  }
}

/** An encoded block: the first `length` of `bytes`. */
export interface EncodedBlock {
  readonly bytes: Buffer;
  readonly length: number;
}

/** A block, the list that it was made of, and the table's generation that it holds for. */
class KeptBlock implements EncodedBlock {
  bytes: Buffer = Buffer.allocUnsafeSlow(256);
  length = 0;
  generation = -1;
  fields: readonly string[] | undefined;
  sensitive: readonly string[] = NONE;

  is(fields: readonly string[], sensitive: readonly string[], generation: number): boolean {
    return this.fields === fields && this.generation === generation && this.sensitive === sensitive;
  }

  /** Makes space for so many bytes more. */
  reserve(bytes: number): void {
    if (this.bytes.length - this.length >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + bytes));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Writes an integer with a prefix (section 5.1). @param pattern the bits before the prefix */
  integer(value: number, prefix: number, pattern: number): void {
    if (value < prefix) {
      this.bytes[this.length++] = pattern | value;
      return;
    }
    this.bytes[this.length++] = pattern | prefix;
    let rest = value - prefix;
    for (; rest >= 0x80; rest >>>= 7) this.bytes[this.length++] = (rest & 0x7f) | 0x80;
    this.bytes[this.length++] = rest;
  }

  /** Writes a string (section 5.2). */
  string(text: string): void {
    const { length } = text;
    this.integer(length, 0x7f, 0);
    const at = this.length;
    if (length <= SHORT) for (let i = 0; i < length; i++) this.bytes[at + i] = text.charCodeAt(i);
    else this.bytes.write(text, at, 'latin1');
    this.length = at + length;
  }
}

/** Encodes the blocks of one direction, in order. */
export class HpackEncoder {
  readonly #table = new SearchableTable();
  /** The smallest size of the table since the last block, in bytes; -1 if it has not changed. */
  #smallest = -1;
  /** The last two blocks: on a connection from a client, heads and trailers alternate. */
  #last = new KeptBlock();
  #lastButOne = new KeptBlock();

  /** Changes whenever a block that was encoded before may no longer mean the same. */
  get generation(): number {
    return this.#table.generation;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. More than 4096 bytes are not used. */
  limitTable(size: number): void {
    const limit = Math.min(size, INITIAL_TABLE_SIZE);
    if (limit === this.#table.limit) return;
    this.#table.resize(limit);
    this.#smallest = this.#smallest < 0 ? limit : Math.min(this.#smallest, limit);
  }

  /**
   * Encodes fields: name, value, name, value, …, names in lower case, a character a byte. The block is valid until the next
   * call, and must be sent before any later one. A list that comes again, which must not have been changed, costs next to
   * nothing while the table stays as it is. @param sensitive names of fields that must stay out of any table
   */
  encode(fields: readonly string[], sensitive: readonly string[] = NONE): EncodedBlock {
    const { generation } = this.#table;
    if (this.#last.is(fields, sensitive, generation)) return this.#last;
    const block = this.#lastButOne;
    this.#lastButOne = this.#last;
    this.#last = block;
    if (block.is(fields, sensitive, generation)) return block;
    block.length = 0;
    const hasSizes = this.#smallest >= 0;
    if (hasSizes) this.#sizes(block);
    for (let i = 0; i < fields.length; i += 2) this.#field(block, fields[i] as string, fields[i + 1] as string, sensitive);
    block.generation = hasSizes || this.#table.generation !== generation ? -1 : generation;
    block.fields = fields;
    block.sensitive = sensitive;
    return block;
  }

  /** The new sizes: the smallest since the last block, and the present one (section 4.2). */
  #sizes(block: KeptBlock): void {
    block.reserve(2 * FIELD_BYTES);
    if (this.#smallest < this.#table.limit) block.integer(this.#smallest, 0x1f, 0x20);
    block.integer(this.#table.limit, 0x1f, 0x20);
    this.#smallest = -1;
  }

  #field(block: KeptBlock, name: string, value: string, sensitive: readonly string[]): void {
    block.reserve(name.length + value.length + FIELD_BYTES);
    const { index: first, indexing } = KNOWN_NAMES.get(name) ?? OTHER_NAME;
    const isSecret = indexing === 'never' || (sensitive.length > 0 && sensitive.includes(name));
    if (first > 0 && !isSecret && value !== '') {
      for (let index = first; index <= STATIC_LAST && STATIC_NAMES[index] === name; index++)
        if (STATIC_VALUES[index] === value) return block.integer(index, 0x7f, 0x80);
    }
    const isAdded = !isSecret && indexing === 'add' && this.#pays(name, value);
    // What never enters the table need not be looked for, but a name may be there with an indexed value.
    const newest = isAdded || first === 0 ? this.#table.findName(name) : -1;
    if (isAdded && newest >= 0) {
      const entry = this.#table.find(newest, value);
      if (entry >= 0) return block.integer(this.#indexOf(entry), 0x7f, 0x80);
    }
    const { pattern, prefix } = isAdded ? ADDED : isSecret ? NEVER_INDEXED : LITERAL;
    const index = first > 0 ? first : newest >= 0 ? this.#indexOf(newest) : 0;
    block.integer(index, prefix, pattern);
    if (index === 0) block.string(name);
    block.string(value);
    if (isAdded) this.#table.add(name, value);
  }

  #indexOf(entry: number): number {
    return STATIC_LAST + this.#table.inserted - entry;
  }

  /** Whether an entry leaves at least half of the table to others. */
  #pays(name: string, value: string): boolean {
    return 2 * (name.length + value.length + FIELD_OVERHEAD) <= this.#table.limit;
  }
}
