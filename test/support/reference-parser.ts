// A second parser of requests, which shares nothing with lib: it reads a whole text at once, slowly and plainly.
// It can read as laxly as some real parsers do, to show that bytes are read in one way only.

/** A request as it was read. */
export interface ReferenceRequest {
  readonly line: string;
  readonly method: string;
  readonly target: string;
  /** As they came; spaces round a value are not part of it. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

/** How laxly to read; by default what RFC 9112 says, and no more. */
export interface Laxness {
  /** A line feed alone ends a line. */
  readonly takesLineFeed?: boolean;
  /** A carriage return alone ends a line. */
  readonly takesCarriageReturn?: boolean;
  /** Spaces round names are cut off; where a name decides on the framing, any sign in it is read as `-`. */
  readonly bendsNames?: boolean;
  /** A folded line belongs to the one before. */
  readonly unfolds?: boolean;
  /** Of several lengths the last one counts, else the first; a number is what its first digits say. */
  readonly takesLastLength?: boolean;
  /** Any Transfer-Encoding with `chunked` in it counts. */
  readonly takesAnyChunked?: boolean;
  /** Where there are both, the length counts. */
  readonly prefersLength?: boolean;
  /** Chunk sizes are what their first digits say. */
  readonly bendsChunkSizes?: boolean;
}

/** Ways in which parsers that are in use are lax. */
export const LAX_READERS: readonly Laxness[] = [
  {},
  { takesLineFeed: true },
  { takesLineFeed: true, takesCarriageReturn: true },
  { bendsNames: true, takesAnyChunked: true },
  { unfolds: true, bendsNames: true },
  { takesLastLength: true, prefersLength: true },
  { takesAnyChunked: true, bendsChunkSizes: true },
  {
    takesLineFeed: true,
    takesCarriageReturn: true,
    bendsNames: true,
    unfolds: true,
    takesLastLength: true,
    takesAnyChunked: true,
    prefersLength: true,
    bendsChunkSizes: true,
  },
];

/** What was read of a text. */
export interface Reading {
  readonly requests: readonly ReferenceRequest[];
  /** What is left: a request that is not whole. */
  readonly rest: string;
  /** Why the rest can't become a request; empty when it can. */
  readonly fault: string;
}

class Fault extends Error {}

const MORE = new Error('not whole');

/** Reads the requests of a text in latin1. */
export function readRequests(text: string, lax: Laxness = {}): Reading {
  const requests: ReferenceRequest[] = [];
  let at = 0;
  try {
    while (at < text.length) {
      const reader = new Reader(text, at, lax);
      requests.push(reader.read());
      ({ at } = reader);
    }
  } catch (error) {
    if (error !== MORE && !(error instanceof Fault)) throw error;
    return { requests, rest: text.slice(at), fault: error instanceof Fault ? error.message : '' };
  }
  return { requests, rest: '', fault: '' };
}

class Reader {
  at: number;
  readonly #text: string;
  readonly #lax: Laxness;

  constructor(text: string, at: number, lax: Laxness) {
    this.#text = text;
    this.at = at;
    this.#lax = lax;
  }

  read(): ReferenceRequest {
    const line = this.#line();
    const words = line.split(' ');
    if (words.length !== 3 || !/^HTTP\/1\.\d$/.test(words[2] as string)) throw new Fault(`request line ${JSON.stringify(line)}`);
    const headers = this.#headers();
    const body = this.#body(headers);
    return { line, method: words[0] as string, target: words[1] as string, headers, ...body };
  }

  #line(): string {
    const { takesLineFeed, takesCarriageReturn } = this.#lax;
    for (let end = this.at; end < this.#text.length; end++) {
      const two = this.#text.slice(end, end + 2);
      const size =
        two === '\r\n'
          ? 2
          : (takesLineFeed && two.startsWith('\n')) || (takesCarriageReturn && two.startsWith('\r') && two.length === 2)
            ? 1
            : 0;
      if (size === 0) continue;
      const line = this.#text.slice(this.at, end);
      this.at = end + size;
      return line;
    }
    throw MORE;
  }

  #headers(): (readonly [string, string])[] {
    const { bendsNames, unfolds } = this.#lax;
    const headers: (readonly [string, string])[] = [];
    for (let line = this.#line(); line !== ''; line = this.#line()) {
      const last = headers.at(-1);
      if (/^[ \t]/.test(line) && unfolds && last !== undefined) {
        headers[headers.length - 1] = [last[0], `${last[1]} ${line.trim()}`];
        continue;
      }
      const colon = line.indexOf(':');
      if (colon < 0) throw new Fault(`header line ${JSON.stringify(line)}`);
      let name = line.slice(0, colon);
      if (bendsNames) name = name.trim();
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new Fault(`name ${JSON.stringify(name)}`);
      headers.push([name, line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')]);
    }
    return headers;
  }

  #body(headers: readonly (readonly [string, string])[]): Pick<ReferenceRequest, 'body' | 'trailers'> {
    const { takesLastLength, takesAnyChunked, prefersLength, bendsNames } = this.#lax;
    const read = (name: string): string => (bendsNames ? name.replaceAll(/[^0-9A-Za-z-]/g, '-') : name).toLowerCase();
    const values = (wanted: string): string[] => headers.filter(([name]) => read(name) === wanted).map(([, value]) => value);
    const lengths = values('content-length');
    const codings = values('transfer-encoding');
    const isChunked = codings.some((value) =>
      takesAnyChunked ? value.toLowerCase().includes('chunked') : value.toLowerCase() === 'chunked',
    );
    if (isChunked && !(prefersLength && lengths.length > 0)) return this.#chunks();
    if (lengths.length === 0) return { body: '', trailers: [] };
    const length = Number.parseInt(lengths.at(takesLastLength ? -1 : 0) as string, 10);
    if (!(length >= 0)) throw new Fault(`length ${lengths.join()}`);
    return { body: this.#take(length), trailers: [] };
  }

  #chunks(): Pick<ReferenceRequest, 'body' | 'trailers'> {
    let body = '';
    for (;;) {
      const line = this.#line();
      const size = this.#lax.bendsChunkSizes ? /^\s*(?:0x)?([0-9a-f]+)/i.exec(line)?.[1] : /^([0-9a-f]+)[ \t]*(?:;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw new Fault(`chunk size ${JSON.stringify(line)}`);
      const length = Number.parseInt(size, 16);
      if (length === 0) return { body, trailers: this.#headers() };
      body += this.#take(length);
      if (this.#line() !== '') throw new Fault('no line end after a chunk');
    }
  }

  #take(length: number): string {
    if (this.#text.length - this.at < length) throw MORE;
    const taken = this.#text.slice(this.at, this.at + length);
    this.at += length;
    return taken;
  }
}
