// Who may import whom (DESIGN.md, section 3), as checks on one file's path and text.
// A check returns one "path:line: what is wrong" for each violation; paths are relative to the repository's root.

import { posix } from 'node:path';
import { importsOf, lineAt } from './source-text.js';

/** A rule: the violations in one file. */
export type Check = (path: string, text: string) => string[];

/** For each folder of lib, the other folders (and composition roots) it may import; files of lib itself are open to all but the pure. */
const FOLDER_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  routing: [],
  table: ['routing'],
  learning: ['routing', 'table'],
  config: ['redis'],
  health: ['config'],
  otlp: ['table'],
  redis: ['routing', 'table', 'learning'],
  traffic: ['routing', 'table', 'learning', 'config', 'health'],
  discovery: ['table', 'config', 'health'],
  fleet: ['routing', 'table', 'learning', 'config', 'health', 'discovery', 'redis'],
  hosts: ['routing', 'table', 'learning', 'config', 'health', 'redis'],
  agent: ['routing', 'table', 'learning', 'config', 'redis'],
  console: ['routing', 'table', 'learning', 'config', 'redis'],
  up: ['routing', 'table', 'learning', 'config', 'health', 'redis', 'agent', 'console', 'balancer'],
  lab: ['routing', 'table', 'learning', 'config', 'redis', 'agent', 'up', 'balancer'],
};

/** What the folders of lib/traffic may import of one another; files of lib/traffic itself may import all of them. */
const TRAFFIC_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  client: ['wire'],
  host: ['wire'],
  log: ['wire'],
  request: ['wire', 'client', 'host', 'log'],
};

/** Folders that do no I/O and depend on nothing but the model and, downwards, each other. */
const PURE_FOLDERS = new Set(['routing', 'table', 'learning']);

/** Files of lib itself that put the folders together: they import all, and only the lab and one another import them. */
const COMPOSITION_ROOTS = new Set(['balancer', 'balancer-requests', 'fleet-entry', 'fleet-listener', 'fleet-thread', 'library', 'index']);

/** What files of lib itself that are no composition roots may import besides the pure folders. */
const FILES_MAY_IMPORT: readonly string[] = ['config'];

/** Files of lib itself of types alone, which name the fleet's connections. */
const FILES_WITH_REDIS: ReadonlySet<string> = new Set(['fleet-sight']);

/** Files without I/O that the simulation runs as they are, in folders that the lab may not import. */
const SIMULATED: ReadonlySet<string> = new Set([
  'lib/hosts/host-registry.js',
  'lib/hosts/stored-hashes.js',
  'lib/fleet/table-order.js',
  'lib/fleet/own-loads.js',
]);

/** Places outside a library's home: the benchmark's peers are http-proxy as it comes and with undici; the dashboard draws by uPlot. */
const LIBRARY_GUESTS: ReadonlySet<string> = new Set([
  'lib/lab/bare-proxy.ts http-proxy',
  'lib/lab/undici-proxy.ts http-proxy',
  'lib/console/dashboard/browser/charts.ts uplot',
]);

/** Where each library may be imported: a prefix of the path. Tests may import what they like. */
const LIBRARY_HOME: Readonly<Record<string, string>> = {
  ioredis: 'lib/redis/',
  redlock: 'lib/redis/',
  'http-proxy': 'lib/traffic/',
  systeminformation: 'lib/agent/',
  commander: 'bin/',
  pino: 'lib/log.ts',
  undici: 'lib/lab/',
  uplot: 'lib/lab/simulation/',
  yaml: 'lib/config/site/document-tree.ts',
};

/** The part of lib a path belongs to: `lib/fleet/x.ts` → `fleet`, `lib/balancer.ts` → `balancer`; null outside lib. */
function partOf(path: string): { name: string; isFolder: boolean } | null {
  const [top, name, rest] = path.split('/');
  if (top !== 'lib' || name === undefined) return null;
  return { name: name.replace(/\.[jt]s$/, ''), isFolder: rest !== undefined };
}

/** The folders of lib keep to themselves, as DESIGN.md lays them out. */
export const checkFolderImports: Check = (path, text) => {
  const from = partOf(path);
  if (!from) return [];
  if (from.isFolder && !(from.name in FOLDER_MAY_IMPORT)) return [`${path}:1: lib/${from.name}/ is not a folder of DESIGN.md`];
  return importsOf(text).flatMap(({ specifier, offset }) => {
    if (!specifier.startsWith('.')) return [];
    const target = posix.join(posix.dirname(path), specifier);
    const to = partOf(target);
    if (path.startsWith('lib/lab/simulation/') && SIMULATED.has(target)) return [];
    const [aspect, aspectOfTarget] = [aspectOf(path), aspectOf(target)];
    if (
      aspect !== null &&
      aspectOfTarget !== aspect &&
      to?.name === 'traffic' &&
      !TRAFFIC_MAY_IMPORT[aspect]?.includes(aspectOfTarget ?? '')
    ) {
      return [`${path}:${lineAt(text, offset)}: lib/traffic/${aspect}/ may not import ${target}`];
    }
    if (to ? mayImport(from, to) : !/^(bin|test)\//.test(target)) return [];
    return [`${path}:${lineAt(text, offset)}: ${describe(from)} may not import ${target}`];
  });
};

/** The folder of lib/traffic that a path lies in; null for its own files and elsewhere. */
function aspectOf(path: string): string | null {
  return /^lib\/traffic\/([^/]+)\//.exec(path)?.[1] ?? null;
}

type Part = NonNullable<ReturnType<typeof partOf>>;

const describe = ({ name, isFolder }: Part) => (isFolder ? `lib/${name}/` : `lib/${name}.ts`);

function mayImport(from: Part, to: Part): boolean {
  if (from.isFolder && to.isFolder && from.name === to.name) return true;
  if (!from.isFolder && COMPOSITION_ROOTS.has(from.name)) return true;
  if (!from.isFolder && from.name === 'model') return false;
  if (to.isFolder || COMPOSITION_ROOTS.has(to.name)) {
    const allowed = from.isFolder ? (FOLDER_MAY_IMPORT[from.name] ?? []) : [...PURE_FOLDERS, ...FILES_MAY_IMPORT];
    return allowed.includes(to.name) || (!from.isFolder && to.name === 'redis' && FILES_WITH_REDIS.has(from.name));
  }
  return to.name === 'model' || to.name === 'site-model' || to.name === 'host-id' || !(from.isFolder && PURE_FOLDERS.has(from.name));
}

/** Each library stands behind the one folder that may import it; type imports and dynamic ones count. */
export const checkLibraryImports: Check = (path, text) => {
  if (path.startsWith('test/')) return [];
  return importsOf(text).flatMap(({ specifier, offset }) => {
    const library = Object.keys(LIBRARY_HOME).find((name) => specifier === name || specifier.startsWith(`${name}/`));
    const home = library && LIBRARY_HOME[library];
    if (!home || path.startsWith(home) || LIBRARY_GUESTS.has(`${path} ${library}`)) return [];
    return [`${path}:${lineAt(text, offset)}: ${library} may be imported in ${home} only`];
  });
};
