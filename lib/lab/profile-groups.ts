// Maps the functions of a profile to groups; edit it when files are renamed. The first matching rule wins. Native
// functions that do no I/O, and Node's Buffer, belong to the group of their caller.

import type { ProfileFrame } from './cpu-profile.js';

/** Everything that no rule matches. */
export const REST = 'rest';

/** System calls for reading and polling, and the code of Node and libuv around them, outside any JavaScript function. */
export const OUTSIDE = 'kernel reads, polling, native code outside JavaScript';

/** The garbage collector on the main thread. */
export const COLLECTOR = 'garbage collector';

const WRITES = 'kernel writes';

/** Native functions that do I/O. */
const NATIVE: Readonly<Record<string, string>> = {
  writev: WRITES,
  writeBuffer: WRITES,
  writeLatin1String: WRITES,
  writeUtf8String: WRITES,
  writeAsciiString: WRITES,
  writeUcs2String: WRITES,
  shutdown: WRITES,
  readStart: OUTSIDE,
  readStop: OUTSIDE,
  '(program)': OUTSIDE,
  '(garbage collector)': COLLECTOR,
};

/** Files of Meercat, relative to lib and without `.js`. */
const FILES: readonly (readonly [RegExp, string])[] = [
  [
    /^traffic\/.*(?:grammar|refusals|request-line|request-head|response-head|request-parser|response-parser|chunked|buffers|read-into)$/,
    'parse',
  ],
  [/^traffic\/.*(?:headers|connection-lines|answer-head|answers|trusted)$/, 'headers'],
  [/^routing\/(?!ejection|health)|^table\/(?:reader|candidates|neutral)$|^traffic\/.*pick$|^hash/, 'pick'],
  [
    /^learning\/|^table\/|^routing\/|^health\/|^traffic\/log\/|^traffic\/.*(?:exchange|attempt|in-flight|story|deadlines|memory-guard|explainer)$|^(?:deadlines|timeout|clock)$/,
    'bookkeeping',
  ],
  [/^traffic\/client\/|^traffic\/server$/, 'client connections'],
  [/^traffic\/host\//, 'host connections'],
  [/^traffic\//, 'bookkeeping'],
];

/** Modules of Node, without `node:`. */
const NODE: readonly (readonly [RegExp, string])[] = [
  [/^_http_|^http|^internal\/http/, "Node's HTTP"],
  [/^net$|^stream|^internal\/stream|^events$|^_tls|^tls$|^internal\/(?:tls|js_stream|net)/, "Node's streams and sockets"],
  [
    /^timers|^internal\/(?:timers|process\/|async_hooks|promise|abort)|^async_hooks|^perf_hooks$|^internal\/perf/,
    "Node's timers, ticks and promises",
  ],
];

/** Modules of Node that work for their caller: Buffer, and checks of arguments. */
const FOR_CALLER = /^node:(?:buffer$|internal\/(?:buffer|util|validators|errors))/;

/** The names of all groups. */
export const GROUPS: readonly string[] = [
  ...new Set([WRITES, OUTSIDE, ...FILES.map(([, group]) => group), 'http-proxy', ...NODE.map(([, group]) => group), COLLECTOR, REST]),
];

/** The group of a function with these callers, nearest first; undefined for idle time. */
export function groupOf(frame: ProfileFrame, callers: readonly ProfileFrame[]): string | undefined {
  if (frame.functionName === '(idle)') return undefined;
  if (isOwn(frame)) return groupOfFile(frame.url);
  const native = Object.hasOwn(NATIVE, frame.functionName) ? NATIVE[frame.functionName] : undefined;
  if (native !== undefined) return native;
  const caller = callers.find(isOwn);
  return caller === undefined ? OUTSIDE : groupOfFile(caller.url);
}

function isOwn({ url }: ProfileFrame): boolean {
  return url !== '' && !FOR_CALLER.test(url);
}

function groupOfFile(url: string): string {
  const [, module] = /^node:(.+)$/.exec(url) ?? [];
  if (module !== undefined) return NODE.find(([pattern]) => pattern.test(module))?.[1] ?? REST;
  if (/\/node_modules\/(?:http-proxy|follow-redirects|eventemitter3)\//.test(url)) return 'http-proxy';
  const [, file] = /\/dist\/lib\/(.+)\.js$/.exec(url) ?? [];
  return (file === undefined ? undefined : FILES.find(([pattern]) => pattern.test(file))?.[1]) ?? REST;
}
