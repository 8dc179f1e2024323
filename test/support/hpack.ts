// HPACK (RFC 7541), as far as raw tests need it: an encoder that writes each field as a literal, so that a test can put any
// bytes into it, and a decoder for what nghttp2 writes: static and dynamic table, and Huffman codes of ASCII.

/** A header field: name and value, a character a byte. */
export type Field = readonly [name: string, value: string];

/** An integer with a prefix of so many bits (RFC 7541, section 5.1). @param pattern the bits before the prefix */
export function hpackInteger(value: number, prefixBits: number, pattern = 0): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([pattern | value]);
  const bytes = [pattern | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A string literal without Huffman coding (section 5.2). */
export const hpackString = (text: string): Buffer => Buffer.concat([hpackInteger(text.length, 7), Buffer.from(text, 'latin1')]);

/** A field as a literal without indexing (section 6.2.2). */
export const hpackLiteral = ([name, value]: Field): Buffer => Buffer.concat([Buffer.from([0]), hpackString(name), hpackString(value)]);

/** A field as a literal that enters the dynamic table (section 6.2.1). */
export const hpackIndexed = ([name, value]: Field): Buffer => Buffer.concat([Buffer.from([0x40]), hpackString(name), hpackString(value)]);

/** Fields as literals without indexing. */
export const encodeFields = (fields: readonly Field[]): Buffer => Buffer.concat(fields.map(hpackLiteral));

/** The static table (RFC 7541, appendix A): `name` or `name=value`, from 1 on. */
const STATIC: readonly Field[] = [
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
  .map((entry) => [entry.replace(/=.*/, ''), entry.replace(/^[^=]*=?/, '')]);

/**
 * The characters of each length of code, in order (RFC 7541, appendix B). The code is canonical: it follows from the
 * lengths. No ASCII character but `\` and controls has a longer one.
 */
const LENGTHS: readonly (readonly [bits: number, characters: string])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
];

const CODES: ReadonlyMap<string, string> = buildCodes();

/** From the bits of a code to its character. */
function buildCodes(): ReadonlyMap<string, string> {
  const codes = new Map<string, string>();
  let code = 0;
  let length = 0;
  for (const [bits, characters] of LENGTHS) {
    code *= 2 ** (bits - length);
    length = bits;
    for (const character of characters) codes.set((code++).toString(2).padStart(bits, '0'), character);
  }
  return codes;
}

function decodeHuffman(bytes: Buffer): string {
  let text = '';
  let bits = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      bits += bit;
      const character = CODES.get(bits);
      if (character === undefined) continue;
      text += character;
      bits = '';
    }
  }
  if (bits.length > 7 || bits.includes('0')) throw new Error(`no Huffman code of ASCII: ${bits}`);
  return text;
}

/** Decodes the header blocks of one direction of a connection, in order. */
export class HpackDecoder {
  readonly #dynamic: Field[] = [];
  #size = 4096;
  #at = 0;
  #block: Buffer = Buffer.alloc(0);

  /** Throws on what is malformed. */
  decode(block: Buffer): Field[] {
    const fields: Field[] = [];
    this.#block = block;
    this.#at = 0;
    while (this.#at < block.length) {
      const first = block[this.#at] as number;
      if ((first & 0x80) !== 0) fields.push(this.#entry(this.#integer(7)));
      else if ((first & 0x40) !== 0) {
        const field = this.#literal(6);
        this.#dynamic.unshift(field);
        this.#evict();
        fields.push(field);
      } else if ((first & 0x20) === 0) fields.push(this.#literal(4));
      else {
        this.#size = this.#integer(5);
        this.#evict();
      }
    }
    return fields;
  }

  #evict(): void {
    const used = (): number => this.#dynamic.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (used() > this.#size) this.#dynamic.pop();
  }

  #entry(index: number): Field {
    const field = index <= STATIC.length ? STATIC[index - 1] : this.#dynamic[index - STATIC.length - 1];
    if (field === undefined) throw new Error(`no HPACK entry ${index}`);
    return field;
  }

  #literal(prefixBits: number): Field {
    const index = this.#integer(prefixBits);
    return [index === 0 ? this.#string() : this.#entry(index)[0], this.#string()];
  }

  #integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = (this.#block[this.#at++] as number) & max;
    if (value < max) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) throw new Error('an HPACK integer without end');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  #string(): string {
    const isHuffman = ((this.#block[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(7);
    const bytes = this.#block.subarray(this.#at, (this.#at += length));
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1');
  }
}
