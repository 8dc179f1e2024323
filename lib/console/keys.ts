// What a person types at a terminal in raw mode: bytes to keys. Anything else, also what a paste brings, is ignored.

/** A key that means something. `interrupt`, `kill` and `suspend` are what the terminal itself makes signals of otherwise. */
export type TerminalKey =
  | 'quit'
  | 'interrupt'
  | 'kill'
  | 'suspend'
  | 'sort'
  | 'redraw'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'top'
  | 'bottom';

const KEYS: Readonly<Record<string, TerminalKey>> = {
  q: 'quit',
  Q: 'quit',
  '\x03': 'interrupt',
  '\x1c': 'kill',
  '\x1a': 'suspend',
  s: 'sort',
  '\x0c': 'redraw',
  k: 'up',
  '[A': 'up',
  j: 'down',
  '[B': 'down',
  b: 'page-up',
  '[5~': 'page-up',
  ' ': 'page-down',
  f: 'page-down',
  '[6~': 'page-down',
  g: 'top',
  '[H': 'top',
  '[1~': 'top',
  G: 'bottom',
  '[F': 'bottom',
  '[4~': 'bottom',
};

/** An escape sequence with CSI or SS3 before it (ECMA-48; xterm sends SS3 for arrows in application mode), or one character. */
// oxlint-disable-next-line no-control-regex -- ESC is what sequences begin with
const TYPED = /\x1b(?:\[[0-9;]*[~A-Za-z]|O[A-Za-z])?|[^\x1b]/gsu;

/** The keys in what came from a terminal, in order. */
export function readKeys(typed: string): TerminalKey[] {
  return (typed.match(TYPED) ?? []).flatMap((each) => {
    const name = each.length > 1 && each.startsWith('\x1b') ? `[${each.slice(2)}` : each;
    return Object.hasOwn(KEYS, name) ? (KEYS[name] as TerminalKey) : [];
  });
}
