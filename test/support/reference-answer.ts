// A second reader of answers, which shares nothing with lib: from all bytes that a client got, and how they
// ended, to whether it can take the answer for whole.

/** What a client can make of its bytes. */
export interface ReferenceAnswer {
  /** Of the heads below 200 that came first. */
  readonly informational: readonly number[];
  /** Of the answer; 0 without a head. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  readonly trailers: string;
  /** `whole`, `cut` when it can't become whole any more, else `more`. */
  readonly state: 'whole' | 'cut' | 'more';
  /** Bytes after a whole answer. */
  readonly rest: string;
}

/** How a connection ended: by a clean end, broken, or not at all yet. */
export type Ending = 'end' | 'broken' | 'open';

const NOTHING: ReferenceAnswer = { informational: [], status: 0, head: '', body: '', trailers: '', state: 'more', rest: '' };

/** Reads the answer to one request. Throws when the bytes are no answer. */
export function readAnswer(text: string, method: string, ending: Ending): ReferenceAnswer {
  const informational: number[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { ...NOTHING, informational, state: ending === 'open' ? 'more' : 'cut', rest };
    const head = rest.slice(0, end);
    const status = Number(/^HTTP\/1\.\d (\d{3})(?: |\r|$)/.exec(head)?.[1] ?? Number.NaN);
    if (!(status >= 100)) throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 200))}`);
    rest = rest.slice(end + 4);
    if (status < 200) informational.push(status);
    else
      return {
        ...NOTHING,
        ...readBody(head, rest, method === 'HEAD' || status === 204 || status === 304, ending),
        informational,
        status,
        head,
      };
  }
}

function readBody(
  head: string,
  text: string,
  hasNone: boolean,
  ending: Ending,
): Pick<ReferenceAnswer, 'body' | 'state' | 'rest'> & { readonly trailers?: string } {
  const missing = ending === 'open' ? 'more' : 'cut';
  if (hasNone) return { body: '', state: 'whole', rest: text };
  if (/\r\nTransfer-Encoding:[ \t]*chunked[ \t]*(?:\r|$)/i.test(head)) return readChunks(text, missing);
  const length = /\r\nContent-Length:[ \t]*(\d+)[ \t]*(?:\r|$)/i.exec(head)?.[1];
  if (length !== undefined) {
    const isWhole = text.length >= Number(length);
    return { body: text.slice(0, Number(length)), state: isWhole ? 'whole' : missing, rest: text.slice(Number(length)) };
  }
  return { body: text, state: ending === 'open' ? 'more' : ending === 'end' ? 'whole' : 'cut', rest: '' };
}

function readChunks(text: string, missing: 'more' | 'cut'): ReturnType<typeof readBody> {
  let body = '';
  let rest = text;
  for (;;) {
    const size = /^([0-9a-fA-F]+)[ \t]*(?:;[^\r\n]*)?\r\n/.exec(rest);
    if (size === null) return { body, state: missing, rest };
    const from = size[0].length;
    const length = Number.parseInt(size[1] as string, 16);
    if (length === 0) {
      const end = /^(?:[^\r]+\r\n)*\r\n/.exec(rest.slice(from));
      return end === null
        ? { body, state: missing, rest }
        : { body, trailers: end[0].slice(0, -2), state: 'whole', rest: rest.slice(from + end[0].length) };
    }
    if (rest.length < from + length + 2) return { body: body + rest.slice(from, from + length), state: missing, rest: '' };
    body += rest.slice(from, from + length);
    rest = rest.slice(from + length + 2);
  }
}
