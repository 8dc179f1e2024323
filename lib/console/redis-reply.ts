// A reply of Redis as redis-cli prints it: numbered and quoted on a terminal, bare lines elsewhere. Pure.

/** What a reply can be made of; a map comes as a Map or as a plain object. */
export type RedisReply = unknown;

/** The text of a reply, without a line break at its end. */
export function formatReply(reply: RedisReply, isTerminal: boolean): string {
  return isTerminal ? numbered(reply, '') : bare(reply);
}

function bare(reply: RedisReply): string {
  if (reply === null || reply === undefined) return '';
  if (reply instanceof Error) return reply.message;
  return itemsOf(reply)?.map(bare).join('\n') ?? String(reply);
}

/** @param indent what stands under the numbers of the lists around this one */
function numbered(reply: RedisReply, indent: string): string {
  if (reply === null || reply === undefined) return '(nil)';
  if (reply instanceof Error) return `(error) ${reply.message}`;
  if (typeof reply === 'number' || typeof reply === 'bigint') return `(integer) ${reply}`;
  const items = itemsOf(reply);
  // A status comes as a text like others; this one is by far the most frequent.
  if (items === undefined) return reply === 'OK' ? 'OK' : quote(String(reply));
  if (items.length === 0) return '(empty array)';
  const width = String(items.length).length;
  return items
    .map((item, index) => {
      const label = `${String(index + 1).padStart(width)}) `;
      return `${index === 0 ? '' : indent}${label}${numbered(item, indent + ' '.repeat(label.length))}`;
    })
    .join('\n');
}

/** The items of a list, or keys and values of a map in turn; undefined for what is neither. */
function itemsOf(reply: RedisReply): readonly unknown[] | undefined {
  if (Array.isArray(reply)) return reply;
  if (reply instanceof Map) return [...reply].flat();
  if (reply instanceof Set) return [...reply];
  if (typeof reply === 'object' && reply !== null && !Buffer.isBuffer(reply)) return Object.entries(reply).flat();
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** A text between quotes, without anything that a terminal would act on. */
function quote(text: string): string {
  const escaped = text.replaceAll(/["\\]|\p{C}/gu, (character) => ESCAPES[character] ?? hexOf(character));
  return `"${escaped}"`;
}

function hexOf(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
