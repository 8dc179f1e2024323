// The Huffman code of HPACK (RFC 7541, appendix B) as a table that is walked four bits at a time. The code is canonical:
// it follows from the lengths of its codes. No code is shorter than five bits, so four bits end at most one symbol.

/** The length of each symbol's code in bits: bytes 0 to 255, and the end of the string. */
const LENGTHS: readonly number[] = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  [6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  [13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  [15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  [20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  [22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  [26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  [30],
].flat();

/** The symbol that ends a string; it never stands in one. */
export const END_OF_STRING = 256;

/** No symbol ends in these four bits. */
export const NO_SYMBOL = -1;

/** Where the walk goes on: a node for each node and four bits. It begins at node 0. */
export const NEXT_NODE = new Uint8Array(256 * 16);

/** The symbol that ends in these four bits, or `NO_SYMBOL`. */
export const SYMBOL = new Int16Array(256 * 16).fill(NO_SYMBOL);

/** Whether a string may end at a node: the bits since the last symbol are padding, at most seven ones (RFC 7541, section 5.2). */
export const MAY_END = new Uint8Array(256);

/** The code as a tree: two children for each node, a node or a symbol as -1 - symbol. A full tree of 257 leaves has 256 nodes. */
function buildTree(): Int16Array {
  const children = new Int16Array(512);
  let nodes = 1;
  let code = 0;
  let length = 0;
  const symbols = LENGTHS.map((bits, symbol) => ({ bits, symbol })).toSorted(
    (one, other) => one.bits - other.bits || one.symbol - other.symbol,
  );
  for (const { bits, symbol } of symbols) {
    code *= 2 ** (bits - length);
    length = bits;
    let node = 0;
    for (let bit = bits - 1; bit >= 0; bit--) {
      const side = 2 * node + (Math.floor(code / 2 ** bit) % 2);
      if (bit === 0) children[side] = -1 - symbol;
      else if (children[side] === 0) children[side] = nodes++;
      node = children[side] as number;
    }
    code++;
  }
  return children;
}

function fillTables(): void {
  const children = buildTree();
  for (let at = 0; at < NEXT_NODE.length; at++) {
    let node = at >> 4;
    for (let bit = 3; bit >= 0; bit--) {
      const child = children[2 * node + ((at >> bit) & 1)] as number;
      if (child < 0) SYMBOL[at] = -1 - child;
      node = Math.max(0, child);
    }
    NEXT_NODE[at] = node;
  }
  for (let node = 0, bits = 0; bits <= 7; bits++) {
    MAY_END[node] = 1;
    node = children[2 * node + 1] as number;
  }
}

fillTables();

/**
 * Decodes a string from `start` to `end` into `target`, which has two bytes for each of the string: no code is shorter than
 * five bits. Returns how many bytes it has, -1 if it is malformed: an end of string in it, or padding that is none.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let node = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    const high = (node << 4) | (byte >> 4);
    const first = SYMBOL[high] as number;
    if (first >= 0) {
      if (first === END_OF_STRING) return -1;
      target[length++] = first;
    }
    const low = ((NEXT_NODE[high] as number) << 4) | (byte & 0x0f);
    const second = SYMBOL[low] as number;
    if (second >= 0) {
      if (second === END_OF_STRING) return -1;
      target[length++] = second;
    }
    node = NEXT_NODE[low] as number;
  }
  return MAY_END[node] === 1 ? length : -1;
}
