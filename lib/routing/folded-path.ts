// Folds the ids of a request's method and path, which gives its class, so that /users/17 and /users/18?full are one. One
// pass over the characters computes a hash of two words without building a string; the name is built only on demand.
// Whatever a client sends, a name is short and printable ASCII.

/** Maximum segments of a name; the rest is cut. */
const MAX_SEGMENTS = 8;
/** No further part begins after this many characters of a path. */
const MAX_PATH = 120;
/** A longer part counts as an id. */
const MAX_PART = 32;
/** Significant characters of a method. */
const MAX_METHOD = 16;
/** Maximum parts, separated by slashes and dots. */
const MAX_PARTS = 32;

/** Maximum length of a name: method, path, a last part of percent-encodings, and the mark of a cut. */
export const MAX_FOLDED_NAME = 256;

// Character kinds. Those up to PUNCTUATION belong to a part, those from DOT on end it.
const OTHER = 0;
const DIGIT = 1;
const LOWER = 2;
const UPPER = 3;
const AT = 4;
const PUNCTUATION = 5;
const DOT = 6;
const SLASH = 7;
const PARAMETER = 8;
const END = 9;
const PERCENT = 10;

const KINDS = new Uint8Array(256);
for (let code = 48; code < 58; code++) KINDS[code] = DIGIT;
for (let code = 97; code < 123; code++) KINDS[code] = LOWER;
for (let code = 65; code < 91; code++) KINDS[code] = UPPER;
for (const [kind, characters] of [
  [PUNCTUATION, '-_~,:+='],
  [AT, '@'],
  [DOT, '.'],
  [SLASH, '/'],
  [PARAMETER, ';'],
  [END, '?#'],
  [PERCENT, '%'],
] as const) {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}

const HEX = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  HEX[value.toString(16).charCodeAt(0)] = value;
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

const QUESTION_MARK = 63;
const SPACE = 32;
const SLASH_CODE = 47;
const DOT_CODE = 46;
/** Added to a code that must be percent-encoded, to distinguish it from the character itself. */
const ENCODED = 0x100;
const ID_MARK = 0x200;
const CUT_MARK = 0x201;

// FNV-1a's prime, and another odd number for the second word.
const PRIME_A = 0x01000193;
const PRIME_B = 0x2c1b3c6d;

/** Parses request lines one after the other; holds the last one. */
export class FoldedPath {
  /** The hash of the last one: two words that identify it. */
  hashA = 0;
  hashB = 0;
  readonly #seed: number;
  /** Per part: its start and end in the target, and flags. */
  readonly #parts = new Int32Array(MAX_PARTS * 3);
  #partCount = 0;
  #isCut = false;
  /** Per segment: the hash and the number of parts before it, for `..`. */
  readonly #before = new Int32Array(MAX_SEGMENTS * 3);

  /** @param seed any integer; if it is unknown, clients can't construct collisions */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /**
   * Parses a request line. Of an absolute target only the path counts. Queries, fragments, path parameters
   * (`;a=b`), empty segments and `.` are ignored, `..` goes up. Percent-encoded letters count as letters.
   */
  read(method: string, target: string): void {
    const parts = this.#parts;
    const before = this.#before;
    const { length } = target;
    let a = 0x811c9dc5 ^ this.#seed;
    let b = 0x9e3779b9 ^ this.#seed;
    for (let i = 0; i < method.length && i < MAX_METHOD; i++) {
      const code = method.charCodeAt(i);
      a = Math.imul(a ^ code, PRIME_A);
      b = Math.imul(b ^ code, PRIME_B);
    }
    this.#isCut = false;
    let partCount = 0;
    let depth = 0;
    let i = pathStart(target);
    const limit = i + MAX_PATH;
    let isEnd = i >= length;
    while (!isEnd) {
      // One segment: `i` is at its slash.
      const next = i + 1 < length ? KINDS[target.charCodeAt(i + 1)] : END;
      if (next === SLASH) {
        i++;
        continue;
      }
      if (next === END) break;
      if (depth === MAX_SEGMENTS || i > limit || partCount >= MAX_PARTS) {
        this.#isCut = true;
        break;
      }
      before[depth * 3] = a;
      before[depth * 3 + 1] = b;
      before[depth * 3 + 2] = partCount;
      let separator = SLASH_CODE;
      let isBare = true;
      let isAfterId = false;
      let dots = 0;
      let kind = SLASH;
      // Its parts, separated by dots.
      for (;;) {
        const beforeA = a;
        const beforeB = b;
        a = Math.imul(a ^ separator, PRIME_A);
        b = Math.imul(b ^ separator, PRIME_B);
        const startA = a;
        const startB = b;
        const start = ++i;
        let size = 0;
        let digits = 0;
        let hexes = 0;
        let punctuation = 0;
        let switches = 0;
        let lastKind = 0;
        let isAddress = false;
        for (; ; i++) {
          let code = i < length ? target.charCodeAt(i) : QUESTION_MARK;
          kind = code < 256 ? (KINDS[code] as number) : OTHER;
          if (kind === PERCENT) {
            const value = i + 2 < length ? decodePair(target.charCodeAt(i + 1), target.charCodeAt(i + 2)) : -1;
            if (value >= 0) i += 2;
            const decoded = value >= 0 && isUnreserved(value) ? (KINDS[value] as number) : OTHER;
            kind = decoded;
            code = decoded === OTHER ? ENCODED + (value >= 0 ? value : code) : value;
          }
          if (kind >= DOT) break;
          size++;
          if (kind === DIGIT) digits++;
          else if (kind === PUNCTUATION) punctuation++;
          else if (kind === AT) isAddress = true;
          else if (kind === OTHER && code < ENCODED && (code <= SPACE || code > 126)) code += ENCODED;
          if (code < ENCODED && (HEX[code] as number) >= 0) hexes++;
          if (kind >= DIGIT && kind <= UPPER) {
            if (kind !== lastKind && lastKind !== 0) switches++;
            lastKind = kind;
          }
          a = Math.imul(a ^ code, PRIME_A);
          b = Math.imul(b ^ code, PRIME_B);
          if (i > limit + MAX_PATH) break;
        }
        if (size > 0) isBare = false;
        const isId = isAddress || looksLikeId(size, digits, hexes, punctuation, switches);
        if (isId) {
          a = isAfterId ? beforeA : Math.imul(startA ^ ID_MARK, PRIME_A);
          b = isAfterId ? beforeB : Math.imul(startB ^ ID_MARK, PRIME_B);
        }
        if (!(isId && isAfterId)) {
          parts[partCount * 3] = start;
          parts[partCount * 3 + 1] = i;
          parts[partCount * 3 + 2] = (separator === SLASH_CODE ? 1 : 0) + (isId ? 2 : 0);
          partCount++;
        }
        isAfterId = isId;
        if (kind !== DOT) break;
        dots++;
        separator = DOT_CODE;
        if (i > limit || partCount >= MAX_PARTS) {
          this.#isCut = true;
          break;
        }
      }
      if (isBare && dots <= 2 && !this.#isCut) {
        // `.` or `..`, or nothing before a parameter.
        if (dots === 2 && depth > 0) depth--;
        a = before[depth * 3] as number;
        b = before[depth * 3 + 1] as number;
        partCount = before[depth * 3 + 2] as number;
      } else {
        depth++;
      }
      if (this.#isCut) break;
      if (kind < DOT) {
        this.#isCut = true;
        break;
      }
      while (kind === PARAMETER) {
        i++;
        kind = i < length ? (KINDS[target.charCodeAt(i) & 255] as number) : END;
        if (kind !== SLASH && kind !== END) kind = PARAMETER;
      }
      isEnd = kind === END;
    }
    if (this.#isCut) {
      a = Math.imul(a ^ CUT_MARK, PRIME_A);
      b = Math.imul(b ^ CUT_MARK, PRIME_B);
    }
    this.hashA = a;
    this.hashB = b;
    this.#partCount = partCount;
  }

  /** The name of the last one, given the same method and target: `GET /users/:id/orders`. */
  name(method: string, target: string): string {
    const parts = this.#parts;
    let path = '';
    for (let part = 0; part < this.#partCount; part++) {
      const flags = parts[part * 3 + 2] as number;
      path += flags & 1 ? '/' : '.';
      path += flags & 2 ? ':id' : plain(target.slice(parts[part * 3], parts[part * 3 + 1]));
    }
    const shownMethod = method.slice(0, MAX_METHOD).replace(/[^!-~]/g, '?') || '?';
    return `${shownMethod} ${path || '/'}${this.#isCut ? '/*' : ''}`.slice(0, MAX_FOLDED_NAME);
  }
}

/** Start of a target's path: its slash, or its end when it has none (`*`, an authority). */
function pathStart(target: string): number {
  if (target.charCodeAt(0) === SLASH_CODE) return 0;
  const scheme = target.indexOf('://');
  if (scheme < 0 || scheme > 16) return target.length;
  for (let i = scheme + 3; i < target.length; i++) {
    const kind = KINDS[target.charCodeAt(i) & 255];
    if (kind === SLASH) return i;
    if (kind === END) break;
  }
  return target.length;
}

/**
 * Whether a part of a path is an id: a number, date, UUID, long hexadecimal, a token in which digits, capitals and
 * small letters alternate often, anything with five digits or mostly digits, and anything too long for a word. `v2`,
 * `oauth2`, `sha256` and `summer-2024` are words.
 */
function looksLikeId(size: number, digits: number, hexes: number, punctuation: number, switches: number): boolean {
  if (size > MAX_PART || digits >= 5) return true;
  if (digits === 0) return size >= 16 && (hexes + punctuation === size ? hexes >= 16 : size >= 20 && switches * 20 >= size * 9);
  if (digits + punctuation === size || (digits >= 3 && digits * 2 > size)) return true;
  if (digits >= 2 && size >= 8 && hexes + punctuation === size) return true;
  return size >= 16 && digits >= 2 ? switches * 4 >= size - 1 : size >= 10 && switches * 5 >= (size - 1) * 2;
}

function decodePair(high: number, low: number): number {
  const highValue = high < 256 ? (HEX[high] as number) : -1;
  const lowValue = low < 256 ? (HEX[low] as number) : -1;
  return highValue < 0 || lowValue < 0 ? -1 : highValue * 16 + lowValue;
}

/** RFC 3986, section 2.3: these are equivalent whether encoded or not. */
function isUnreserved(code: number): boolean {
  const kind = KINDS[code] as number;
  return (kind >= DIGIT && kind <= UPPER) || code === 45 || code === 46 || code === 95 || code === 126;
}

/** A part as it was hashed: unreserved characters literally, unprintable ones percent-encoded. */
function plain(text: string): string {
  return text
    .replace(/%([0-9a-fA-F]{2})/g, (encoded, pair: string) => {
      const code = Number.parseInt(pair, 16);
      return isUnreserved(code) ? String.fromCharCode(code) : encoded.toUpperCase();
    })
    .replace(/[^!-~]/g, (character) => `%${(character.charCodeAt(0) & 255).toString(16).toUpperCase().padStart(2, '0')}`);
}
