// The tables of HPACK (RFC 7541, section 2.3): the static one, and one direction's dynamic one, a ring of entries. An
// index counts the static table from 1 on, and behind it the dynamic one from its newest entry on. Pure.

/** Bytes that an entry or a field counts beyond its name and its value (RFC 7541, section 4.1; RFC 9113, section 6.5.2). */
export const FIELD_OVERHEAD = 32;

/** The size of a dynamic table in bytes before any SETTINGS (RFC 9113, section 6.5.2). */
export const INITIAL_TABLE_SIZE = 4096;

/** The static table (RFC 7541, appendix A): `name` or `name=value`. */
const STATIC = [
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|',
  ':status=204|:status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|',
  'accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|',
  'authorization|cache-control|content-disposition|content-encoding|content-language|content-length|',
  'content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|',
  'if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|',
  'proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|',
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate',
]
  .join('')
  .split('|')
  .map((entry) => entry.split('='));

/** The names of the static table; index 0 is none. */
export const STATIC_NAMES: readonly string[] = ['', ...STATIC.map(([name]) => name as string)];

/** The values of the static table, empty where an entry has none. */
export const STATIC_VALUES: readonly string[] = ['', ...STATIC.map(([, value]) => value ?? '')];

/** The highest index of the static table. */
export const STATIC_LAST: number = STATIC.length;

/** The first index of each name in the static table; entries of one name follow one another. */
export const STATIC_FIRST: ReadonlyMap<string, number> = new Map(
  STATIC_NAMES.map((name, index) => [name, index] as const)
    .slice(1)
    .toReversed(),
);

const emptyRing = (length: number): string[] => Array.from({ length }, () => '');

/** A dynamic table (RFC 7541, section 4). Entries are numbered from 0 on in the order of their insertion. */
export class DynamicTable {
  /** Changes with each change of the table: while it stays, an index means the same field. */
  generation = 0;
  /** The largest number of bytes that the entries may take. */
  limit: number = INITIAL_TABLE_SIZE;
  /** The number of the next entry. */
  inserted = 0;
  /** The number of the oldest entry that is there. */
  oldest = 0;
  #size = 0;
  // Rings of a power of two places, which grow with the entries: an entry's place is its number modulo their length. They begin small: most connections send few fields.
  #names: string[] = emptyRing(8);
  #values: string[] = emptyRing(8);

  /** Bytes of the entries. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is an entry with an index, 1 the newest. */
  has(index: number): boolean {
    return index > 0 && index <= this.inserted - this.oldest;
  }

  /** The name of the entry with a number, which must be there. */
  name(entry: number): string {
    return this.#names[entry & (this.#names.length - 1)] as string;
  }

  /** The value of the entry with a number, which must be there. */
  value(entry: number): string {
    return this.#values[entry & (this.#values.length - 1)] as string;
  }

  /** Adds an entry, and evicts as many as it takes; one that is larger than the table empties it (section 4.4). */
  add(name: string, value: string): void {
    const size = name.length + value.length + FIELD_OVERHEAD;
    this.generation++;
    this.#evict(this.limit - size);
    if (size > this.limit) return;
    if (this.inserted - this.oldest === this.#names.length) this.#grow();
    const place = this.inserted & (this.#names.length - 1);
    this.#names[place] = name;
    this.#values[place] = value;
    this.#size += size;
    this.inserted++;
  }

  /** Sets the limit, and evicts what no longer fits (section 4.3). */
  resize(limit: number): void {
    this.generation++;
    this.limit = limit;
    this.#evict(limit);
  }

  /** Called for each entry that leaves the table. */
  protected onEvicted(_entry: number, _name: string): void {}

  #evict(limit: number): void {
    while (this.#size > limit && this.oldest < this.inserted) {
      const place = this.oldest & (this.#names.length - 1);
      const name = this.#names[place] as string;
      this.#size -= name.length + (this.#values[place] as string).length + FIELD_OVERHEAD;
      this.#names[place] = '';
      this.#values[place] = '';
      this.onEvicted(this.oldest++, name);
    }
  }

  #grow(): void {
    const length = 2 * this.#names.length;
    const names = emptyRing(length);
    const values = emptyRing(length);
    for (let entry = this.oldest; entry < this.inserted; entry++) {
      names[entry & (length - 1)] = this.name(entry);
      values[entry & (length - 1)] = this.value(entry);
    }
    this.#names = names;
    this.#values = values;
  }
}
